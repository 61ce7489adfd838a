"""`bin/pseudo_label`: ask a trained run for labels of its unlabelled images."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sys
from typing import TYPE_CHECKING, Any, List, Mapping, Sequence

from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.settings import setting

if TYPE_CHECKING:  # these import what takes seconds
    from mixdmt_tf.data.classification.source import Source
    from mixdmt_tf.data.segmentation.source import Scenes
    from mixdmt_tf.data.splits import Split
    from mixdmt_tf.runs.trained import Trained


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    workdir: str = setting("", "the folder of a run")
    output: str = setting(
        "",
        "file to write; default: WORKDIR/pseudo_labels.npz; must not exist. Of a run "
        "on scenes a folder; default: WORKDIR/pseudo_labels_by_hand; an unfinished one "
        "is gone on with",
    )
    fraction: float = setting(
        20.0,
        "percentage of the images to keep, the surest ones; of scenes percentage of "
        "the pixels of each class",
        low=0.0,
        high=100.0,
    )
    count: str = setting(
        "exact",
        "exact: round(alpha N) pseudo labels; released: alpha N - 2, as DMT's release; "
        "of scenes floor(alpha n) + 1 of the n ranked pixels of a class",
        choices=("exact", "released"),
    )
    rank_every: int = setting(
        16,
        "of runs on scenes: which pixels of a scene are ranked to find each class's "
        "threshold: every 16th, as DMT's release, or all (1)",
        low=1,
    )
    weights: str = setting(
        "ema", "averaged weights or raw ones", choices=("ema", "raw")
    )
    checkpoint: str = setting(
        "last", "which; best: on the validation images", choices=("last", "best")
    )
    data_dir: str = setting(
        "", "where the data are, if not where they were in training"
    )


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_label, argv)


def command() -> None:
    """The installed command `mixdmt-pseudo-label`."""
    sys.exit(main(sys.argv[1:]))


def _label(argv: Sequence[str]) -> None:
    parsed = flags.parse(
        argv,
        "pseudo_label",
        "Labels the unlabelled images of a run and keeps the surest, of scenes the\n"
        "surest pixels. --pseudo_labels=FILE of bin/train learns from them.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.pseudo_label")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    if not config.fraction:
        raise UsageError("--fraction=0 keeps nothing; expected a number up to 100")
    folder, build = experiments.read_run(config.workdir)
    output = pathlib.Path(config.output).expanduser()
    if not output.parent.is_dir():
        raise UsageError(f"--output={output}: there is no folder {output.parent}")
    experiment = build()
    if not config.output:
        name = "pseudo_labels_by_hand" if experiment.scenes else "pseudo_labels.npz"
        output = folder / name
    if experiment.scenes:
        _require_unfinished(output)
    elif output.exists():
        raise _is_there(output, "file")
    elif "rank_every" in parsed.given:
        raise UsageError(
            f"--rank_every: the run in {folder} is not on scenes; leave it out"
        )

    from mixdmt_tf.runs import trained

    model, source, split = trained.load_with_data(
        experiment, folder, config.checkpoint, config.data_dir
    )
    if not len(split.unlabeled):
        raise UsageError(f"--workdir={folder}: that run has no unlabelled images")
    label = _label_scenes if experiment.scenes else _label_images
    label(config, model, source, split, output)
    print(f"written to {output}")


def _label_images(
    config: Config, model: Trained, source: Source, split: Split, output: pathlib.Path
) -> None:
    """Writes a file, and says how good the labels in it are."""
    from mixdmt_tf.data.classification import pseudo_labels
    from mixdmt_tf.tasks.classification import labeling

    share = config.fraction / 100
    found = labeling.label(model, source, split, share, config.count, config.weights)
    pseudo_labels.write(output, found, split)
    quality = labeling.quality(found, source.train.labels[found.ids])
    print(labeling.describe(quality, len(found.kept)))


def _label_scenes(
    config: Config, model: Trained, scenes: Scenes, split: Split, output: pathlib.Path
) -> None:
    """Writes a folder, or what is missing in it, and says how good the labels are."""
    from mixdmt_tf.runs.progress import Progress
    from mixdmt_tf.tasks.segmentation import labeling

    _require_same_teacher(output, split, model.weights(config.weights))
    try:
        with contextlib.closing(Progress("labelling", "scenes")) as progress:
            found = labeling.label(
                model,
                scenes,
                split,
                output,
                config.fraction / 100,
                config.count,
                config.rank_every,
                config.weights,
                progress=progress.update,
            )
    except OSError as error:
        raise UserError(
            f"--output={output} cannot be written: {error.strerror}"
        ) from error
    quality = labeling.quality(found, scenes, split)
    print(labeling.describe(quality, len(split.unlabeled)))


def _is_there(output: pathlib.Path, kind: str) -> UsageError:
    return UsageError(
        f"--output={output} is there already.\nRemove it, or name another {kind}."
    )


def _require_unfinished(output: pathlib.Path) -> None:
    """Refuses a folder that holds anything but the beginning of pseudo labels."""
    from mixdmt_tf.data.segmentation.pseudo_labels import INDEX, TEACHER

    if not output.exists():
        return
    if not output.is_dir() or (output / INDEX).exists():
        raise _is_there(output, "folder")
    if not (output / TEACHER).exists() and any(output.iterdir()):
        raise UsageError(
            f"--output={output} holds something else than pseudo labels.\n"
            "Name another folder."
        )


def _require_same_teacher(
    output: pathlib.Path, split: Split, weights: List[Any]
) -> None:
    """Refuses the beginning of somebody else's pseudo labels: it would be lost."""
    from mixdmt_tf.data.segmentation.pseudo_labels import TEACHER, begun_by
    from mixdmt_tf.tasks.segmentation import labeling

    begun = (output / TEACHER).exists()
    if begun and not begun_by(output, split, labeling.teacher_digest(weights)):
        raise UsageError(
            f"--output={output} was begun with another model, or other weights of "
            "this one.\nRemove it, or name another folder."
        )
