"""`bin/evaluate`: score a run's weights again."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import sys
from typing import TYPE_CHECKING, Any, List, Mapping, Sequence

from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.settings import setting

if TYPE_CHECKING:  # these import what takes seconds
    from mixdmt_tf.data.classification.source import Source
    from mixdmt_tf.data.segmentation.source import Scene, Scenes
    from mixdmt_tf.data.splits import Split
    from mixdmt_tf.runs.progress import Progress
    from mixdmt_tf.runs.trained import Trained
    from mixdmt_tf.tasks.segmentation.scoring import SceneScore


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    workdir: str = setting("", "the folder of a run")
    checkpoint: str = setting(
        "last", "which; best: on the validation images", choices=("last", "best")
    )
    data_dir: str = setting(
        "", "where the data are, if not where they were in training"
    )


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_evaluate, argv)


def command() -> None:
    """The installed command `mixdmt-evaluate`."""
    sys.exit(main(sys.argv[1:]))


def _evaluate(argv: Sequence[str]) -> None:
    parsed = flags.parse(
        argv,
        "evaluate",
        "Prints validation and test error of a run's averaged and raw weights, of a\n"
        "run on scenes mean IoU and the IoU of each class.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.evaluate")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    folder, build = experiments.read_run(config.workdir)
    experiment = build()

    from mixdmt_tf.runs import trained

    model, source, split = trained.load_with_data(
        experiment, folder, config.checkpoint, config.data_dir
    )
    print(f"{folder}, step {model.step:,}", flush=True)
    if experiment.scenes:
        _print_mean_iou(model, source)
    else:
        _print_errors(model, source, split)


def _print_errors(model: Trained, source: Source, split: Split) -> None:
    """Of images: error, fine-grained accuracy, accuracy of each class."""
    from mixdmt_tf.data.classification import splits
    from mixdmt_tf.tasks.classification import scoring

    sets = {
        "validation": splits.validation_images(split, source),
        "test": source.test,
    }
    for name, images in sets.items():
        if images is None:
            print(f"{name}: no images")
            continue
        averaged = scoring.score(model.scorer, model.averaged, images)
        raw = scoring.score(model.scorer, model.raw, images)
        print(
            f"{name}: error {averaged.error:.2f} % of {len(images):,} images "
            f"(raw weights {raw.error:.2f} %), fine-grained accuracy "
            f"{averaged.fine_grained:.2f} %"
        )
        width = max(map(len, source.class_names))
        for class_name, accuracy in zip(source.class_names, averaged.accuracy_by_class):
            print(f"  {class_name:<{width}}  accuracy {accuracy:6.2f} %")


def _print_mean_iou(model: Trained, scenes: Scenes) -> None:
    """Of scenes: mean IoU, share of right pixels, IoU of each class."""
    from mixdmt_tf.data.segmentation import checking
    from mixdmt_tf.runs.progress import Progress

    # Another --data_dir, or files that somebody changed, may hold other numbers.
    checking.check(dataclasses.replace(scenes, train=()))
    for name, judged in (("validation", scenes.validation), ("test", scenes.test)):
        if not judged:
            print(f"{name}: no scenes")
            continue
        with contextlib.closing(Progress(f"scoring {name}", "scenes")) as progress:
            averaged, raw = _scores(model, judged, progress)
            progress.say(
                f"{name}: mean IoU {averaged.miou:.2f} % of {len(judged):,} scenes "
                f"(raw weights {raw.miou:.2f} %), pixels right "
                f"{averaged.pixel_accuracy:.2f} %"
            )
        width = max(map(len, scenes.class_names))
        for class_name, iou in zip(scenes.class_names, averaged.iou_by_class):
            found = "does not occur" if math.isnan(iou) else f"IoU {iou:6.2f} %"
            print(f"  {class_name:<{width}}  {found}")


def _scores(
    model: Trained, scenes: Sequence[Scene], progress: Progress
) -> List[SceneScore]:
    """Of averaged weights and of raw ones."""
    from mixdmt_tf.tasks.segmentation import scoring

    both = [model.averaged, model.raw]
    same = scoring.equal(*both)
    different = both[:1] if same else both
    done, total = itertools.count(), len(different) * len(scenes)

    def poll() -> None:
        progress.update(next(done), total)

    found = [scoring.score(model.scorer, w, scenes, poll) for w in different]
    return 2 * found if same else found
