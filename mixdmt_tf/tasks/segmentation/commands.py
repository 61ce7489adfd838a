"""What `bin/evaluate`, `bin/predict`, `bin/pseudo_label` do with a segmenter."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import pathlib
from typing import Any, FrozenSet, List, Optional, Sequence

import numpy as np

from mixdmt_tf import remote
from mixdmt_tf.data.part import WHOLE, Part, listed
from mixdmt_tf.data.segmentation import checking, pseudo_labels
from mixdmt_tf.data.segmentation.pseudo_labels import INDEX, TEACHER, begun_by
from mixdmt_tf.data.segmentation.source import Sample
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.progress import Progress
from mixdmt_tf.runs.agreement import Samples
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.trained import Trained, weights_digest
from mixdmt_tf.tasks.segmentation import (
    class_filter,
    labeling,
    prediction,
    scoring,
)
from mixdmt_tf.tasks.segmentation.scoring import Score

COMPARED, CALIBRATING = 8, 16  # images that exported models are tried on
LARGEST = 512  # pixels of their sides
PSEUDO_LABELS = "pseudo_labels_by_hand"  # in the run's folder


def print_scores(
    task: Task,
    model: Trained,
    split: Split,
    judge: Optional[Trained] = None,
    config: Any = None,
) -> None:
    """Prints mean IoU, share of right pixels, and IoU of each class.

    Args:
        task: of the run.
        model: the network that is scored.
        split: of the run.
        judge: filters the classes of each image, if there is one.
        config: settings of `bin/evaluate`; for the judge alone.

    Raises:
        UsageError: if the judge knows other classes, or images of another kind.
    """
    source = task.source
    scorer, filtering = model.scorer, None
    if judge is not None:
        filtering = _filter(judge, model, config)
        scorer = class_filter.FilteredScorer(model.scorer, filtering)
    # Another --data_dir, or files that somebody changed, may hold other numbers.
    checking.check(dataclasses.replace(source, train=()), otherwise="")
    for name, images in (("validation", source.validation), ("test", source.test)):
        if not images:
            print(f"{name}: no images")
            continue
        with contextlib.closing(Progress(f"scoring {name}", "images")) as progress:
            averaged, raw = _scores(scorer, model, images, progress)
            progress.say(
                f"{name}: mean IoU {averaged.miou:.2f} % of {len(images):,} images "
                f"(raw weights {raw.miou:.2f} %), pixels right "
                f"{averaged.pixel_accuracy:.2f} %"
            )
            if filtering is not None:
                counts = class_filter.verdicts(filtering, images)
                progress.say(f"{name}: {class_filter.describe(counts)}")
        width = max(map(len, source.class_names))
        for class_name, iou in zip(source.class_names, averaged.iou_by_class):
            value = "does not occur" if math.isnan(iou) else f"IoU {iou:6.2f} %"
            print(f"  {class_name:<{width}}  {value}")


def _filter(judge: Trained, model: Trained, config: Any) -> class_filter.ClassFilter:
    if judge.class_names != model.class_names:
        raise UsageError(
            f"--class_filter={config.class_filter} knows other classes than the run "
            f"that is scored: {', '.join(judge.class_names)}"
        )
    channels = [each.image_shape[-1] for each in (judge, model)]
    if judge.bands != model.bands or channels[0] != channels[1]:
        raise UsageError(
            f"--class_filter={config.class_filter} was trained on images of another "
            "kind than the run that is scored; expected one with the same --channels "
            "and --pixel_range"
        )
    released = config.class_filter_form == "released"
    return class_filter.ClassFilter(judge, config.class_filter_threshold, released)


def _scores(
    scorer: Any, model: Trained, images: Sequence[Sample], progress: Progress
) -> List[Score]:
    """Of averaged weights and of raw ones."""
    both = [model.averaged, model.raw]
    same = scoring.equal(*both)
    different = both[:1] if same else both
    done, total = itertools.count(), len(different) * len(images)

    def poll() -> None:
        progress.update(next(done), total)

    scores = [scoring.score(scorer, w, images, poll) for w in different]
    return 2 * scores if same else scores


def predict(
    model: Trained, folder: pathlib.Path, paths: Sequence[pathlib.Path], config: Any
) -> None:
    """Writes a folder of label maps and overlays.

    Args:
        model: the network that is asked.
        folder: of the images.
        paths: of the images, below the folder.
        config: settings of `bin/predict`.
    """
    output = remote.written(config.output or "predictions")
    if config.output == "-":
        raise UsageError(
            "--output=-: a run of segmentation writes label maps; name a folder"
        )
    if config.on_bad_image != "error":
        raise UsageError("--on_bad_image=skip: only runs of classification have it")
    place, ours = output.resolve(), prediction.is_ours(output)
    others = [path for path in paths if place not in path.resolve().parents]
    within = place in (folder.resolve(), *folder.resolve().parents)
    if within or (len(others) < len(paths) and not ours):
        raise UsageError(f"--output={output} holds images; name another folder")
    if ours:  # what was written below the images is none
        paths = others
        if not paths:
            raise UserError(f"{folder} has no PNG, JPEG or BMP images below it")
    gallery = prediction.open_gallery(model, folder, paths, output)
    with contextlib.closing(Progress("reading all once", "images")) as progress:
        prediction.check(gallery, progress.update)
    weights = model.weights(config.weights)
    with contextlib.closing(Progress("labelling", "images")) as progress:
        prediction.write(model, weights, gallery, progress.update)
    print(f"{len(paths):,} images: {remote.shown(output)}")


def export_samples(task: Task) -> Samples:
    """Images that an exported model is compared on: test images, if there are any."""
    source = task.source
    kinds = {"test": source.test, "validation": source.validation}
    kind = next((name for name, each in kinds.items() if each), "training")
    compared = kinds.get(kind) or source.train
    return Samples(
        _middles(compared, COMPARED), kind, _middles(source.train, CALIBRATING)
    )


def _middles(samples: Sequence[Sample], number: int) -> List[np.ndarray]:
    """What is in the middle of some images, evenly spread: uint8 [1, H, W, 3] each."""
    count = min(number, len(samples))
    found = []
    for place in np.linspace(0, len(samples) - 1, count).astype(int):
        image = samples[place].image()
        top, left = (max(0, (side - LARGEST) // 2) for side in image.shape[:2])
        found.append(image[np.newaxis, top : top + LARGEST, left : left + LARGEST])
    return found


def check_pseudo_label(
    output: pathlib.Path, given: FrozenSet[str], run: pathlib.Path
) -> None:
    """Refuses a folder that holds anything but the beginning of pseudo labels.

    Args:
        output: the folder to write.
        given: names of the flags that were given.
        run: the run's folder.

    Raises:
        UsageError: saying what to do.
    """
    graph = sorted(each for each in given if each.startswith(("labeling", "graph_")))
    if graph:
        raise UsageError(
            f"--{graph[0]}: the run in {run} is of segmentation, whose pixels are "
            "labelled by the network alone; leave it out"
        )
    if "figure_images" in given:
        raise UsageError(
            f"--figure_images: the run in {run} is of segmentation, and figure 1 of "
            "DMT of classification; leave it out"
        )
    if not output.exists():
        return
    whole = (output / INDEX).exists() and "shard" not in given
    if not output.is_dir() or whole:
        raise UsageError(
            f"--output={output} is there already.\nRemove it, or name another folder."
        )
    if not (output / TEACHER).exists() and any(output.iterdir()):
        raise UsageError(
            f"--output={output} holds something else than pseudo labels.\n"
            "Name another folder."
        )


def pseudo_label(
    task: Task,
    model: Trained,
    split: Split,
    output: pathlib.Path,
    config: Any,
    part: Optional[Part] = None,
) -> bool:
    """Writes a folder of pseudo labels, or what is missing in it; says how good.

    Args:
        task: of the run.
        model: the network that is asked.
        split: of which the unlabelled images are labelled.
        output: the folder.
        config: settings of `bin/pseudo_label`.
        part: of the images that this process labels; None: all.

    Returns:
        Whether the folder is whole now; if not, it says what is missing.
    """
    _require_same_teacher(output, split, model.weights(config.weights))
    source, share = task.source, config.fraction / 100
    if part and (output / INDEX).exists():
        print(f"part {part} was labelled before, and all parts have been joined")
        return False
    try:
        with contextlib.closing(Progress("labelling", "images")) as progress:
            labeling.guess(
                model,
                source,
                split,
                output,
                config.weights,
                progress=progress.update,
                part=part or WHOLE,
            )
        lacking = pseudo_labels.lacking(output, split, part) if part else []
        if lacking:
            print(f"{output}: still missing, --shard={listed(lacking)}")
            return False
        pseudo = labeling.rank(
            model, source, split, output, share, config.count, config.rank_every
        )
    except OSError as error:
        raise UserError(
            f"--output={output} cannot be written: {error.strerror}"
        ) from error
    quality = labeling.quality(pseudo, source, split)
    print(labeling.describe(quality, len(split.unlabeled)))
    return True


def _require_same_teacher(
    output: pathlib.Path, split: Split, weights: List[Any]
) -> None:
    """Refuses the beginning of somebody else's pseudo labels: it would be lost."""
    begun = (output / TEACHER).exists()
    if begun and not begun_by(output, split, weights_digest(weights)):
        raise UsageError(
            f"--output={output} was begun with another model, or other weights of "
            "this one.\nRemove it, or name another folder."
        )
