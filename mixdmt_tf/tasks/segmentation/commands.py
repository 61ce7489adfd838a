"""`bin/evaluate`, `bin/predict` and `bin/pseudo_label` for segmenters."""

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

COMPARED, CALIBRATING = 8, 16  # images that exported models are tested on
LARGEST = 512  # pixels of their sides
PSEUDO_LABELS = "pseudo_labels_by_hand"  # in the run's folder


def print_scores(
    task: Task,
    model: Trained,
    split: Split,
    judge: Optional[Trained] = None,
    config: Any = None,
) -> None:
    """Prints mean IoU, pixel accuracy, and IoU of each class.

    Args:
        task: of the run.
        model: the network that is scored.
        split: of the run.
        judge: network that filters the classes of each image, if any.
        config: settings of `bin/evaluate`; only needed with a judge.

    Raises:
        UsageError: if the judge has other classes, or images of another kind.
    """
    source = task.source
    scorer, filtering = model.scorer, None
    if judge is not None:
        filtering = _filter(judge, model, config)
        scorer = class_filter.FilteredScorer(model.scorer, filtering)
    # Label values may differ with another --data_dir or changed files.
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
    """Returns the scores of EMA weights and of raw weights."""
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
        model: the trained network.
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
    if ours:  # the outputs among the images are no inputs
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
    """Returns images to compare an exported model on, test images if possible."""
    source = task.source
    kinds = {"test": source.test, "validation": source.validation}
    kind = next((name for name, each in kinds.items() if each), "training")
    compared = kinds.get(kind) or source.train
    return Samples(
        _middles(compared, COMPARED), kind, _middles(source.train, CALIBRATING)
    )


def _middles(samples: Sequence[Sample], number: int) -> List[np.ndarray]:
    """Returns center crops of evenly spread images, uint8 [1, H, W, 3] each."""
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
    """Raises an error for a folder with anything but incomplete pseudo labels.

    Args:
        output: the folder to write.
        given: names of the flags that were given.
        run: the run's folder.

    Raises:
        UsageError: with advice what to do.
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
    """Writes a folder of pseudo labels, or completes it, and prints the quality.

    Args:
        task: of the run.
        model: the trained network.
        split: of the run; its unlabelled images are labelled.
        output: the folder.
        config: settings of `bin/pseudo_label`.
        part: part of the images that this process labels; None: all.

    Returns:
        Whether the folder is complete now; if not, prints what is missing.
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
    """Refuses to replace incomplete pseudo labels of another network."""
    begun = (output / TEACHER).exists()
    if begun and not begun_by(output, split, weights_digest(weights)):
        raise UsageError(
            f"--output={output} was begun with another model, or other weights of "
            "this one.\nRemove it, or name another folder."
        )
