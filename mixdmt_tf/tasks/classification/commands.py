"""`bin/evaluate`, `bin/predict` and `bin/pseudo_label` for classifiers."""

from __future__ import annotations

import contextlib
import csv
import io
import pathlib
import sys
from typing import Any, FrozenSet, List, Optional, Sequence, Tuple

import numpy as np

from mixdmt_tf import plots, remote
from mixdmt_tf.data import image_files
from mixdmt_tf.data.classification import label_parts, pseudo_labels, splits
from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.data.lazy_images import ImageArray
from mixdmt_tf.data.part import Part, listed
from mixdmt_tf.data.pixels import LUMINANCE
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import cell, write_atomically
from mixdmt_tf.progress import Progress
from mixdmt_tf.rounds import curves
from mixdmt_tf.runs.agreement import Samples
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.trained import Trained, weights_digest
from mixdmt_tf.tasks.classification import (
    guessed_parts,
    label_scoring,
    labeling,
    noise,
    scoring,
)

COMPARED, CALIBRATING = 200, 100  # images that exported models are tested on
PSEUDO_LABELS = "pseudo_labels.npz"  # in the run's folder


def print_scores(task: Task, model: Trained, split: Split) -> None:
    """Prints error, fine-grained accuracy, and accuracy of each class."""
    source = task.source
    sets = {"validation": splits.validation_images(split, source), "test": source.test}
    for name, images in sets.items():
        if images is None or not len(images):
            print(f"{name}: no images")
            continue
        averaged = scoring.score(model.scorer, model.averaged, images)
        raw = scoring.score(model.scorer, model.raw, images)
        print(
            f"{name}: error {averaged.error:.2f} % of {len(images):,} images "
            f"(raw weights {raw.error:.2f} %), {averaged.words()}"
        )
        print("\n".join(averaged.lines(source.class_names)))


def predict(
    model: Trained, folder: pathlib.Path, paths: Sequence[pathlib.Path], config: Any
) -> None:
    """Writes a CSV file: file, label, confidence, and every class's probability.

    With several labels per image: file, labels, and the probability of each.

    Args:
        model: the trained network.
        folder: of the images.
        paths: of the images, below the folder.
        config: settings of `bin/predict`.
    """
    paths, probabilities, skipped = _probabilities(model, paths, config)
    text = str if config.raw_names else cell
    class_names = [*map(text, model.class_names)]
    several = model.scorer.several_labels
    answer = ["labels"] if several else ["label", "confidence"]
    rows = [["file", *answer, *class_names]]
    for path, row in zip(paths, probabilities):
        best = int(row.argmax())
        answer = [class_names[best], f"{row[best]:.6f}"]
        if several:
            answer = [label_scoring.said(row, class_names)]
        # File names may be invalid text in every encoding.
        name = str(path.relative_to(folder)).encode(errors="backslashreplace")
        rows.append([text(name.decode()), *answer, *(f"{p:.6f}" for p in row)])
    output = config.output or "predictions.csv"
    if output == "-":
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
        return
    _write(remote.written(output), rows)
    print(f"{len(paths):,} images: {output}")
    if skipped:
        print(f"{skipped:,} files that can't be used were skipped")


def _probabilities(
    model: Trained, paths: Sequence[pathlib.Path], config: Any
) -> Tuple[List[pathlib.Path], List[np.ndarray], int]:
    """Predicts image files, with few of them in memory at a time.

    Returns:
        Usable files, probabilities float32 [classes] of each, and the number of others.
    """
    size, _, channels = model.image_shape
    read = image_files.channels(model.bands)
    weights = model.weights(config.weights)
    refuse = config.on_bad_image == "error"
    problems: image_files.Problems = {}
    good: List[pathlib.Path] = []
    answers: List[np.ndarray] = []
    # Predictions may go to standard output.
    with contextlib.closing(Progress("predicting", "images", sys.stderr)) as progress:
        for start in range(0, len(paths), scoring.BATCH):
            some = paths[start : start + scoring.BATCH]
            images = np.empty((len(some), size, size, read), np.uint8)
            found = image_files.decode(some, images, bands=model.bands)
            problems.update({start + row: what for row, what in found.items()})
            usable = [row for row in range(len(some)) if row not in found]
            if usable and not (problems and refuse):  # else only find all problems
                images = images[usable]
                if channels == 1 and not model.bands:
                    images = (images @ LUMINANCE).round().astype(np.uint8)[..., None]
                answers += list(model.scorer.predict(weights, images))
                good += [some[row] for row in usable]
            if len(paths) > scoring.BATCH:
                progress.update(start + len(some), len(paths))
    if refuse or not good:
        image_files.refuse(problems, paths, "use --on_bad_image=skip")
    for line in image_files.lines(problems, paths):
        print(f"skipped: {line}", file=sys.stderr)
    return good, answers, len(problems)


def _write(path: pathlib.Path, rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    try:
        write_atomically(path, text.getvalue())
    except OSError as error:
        raise UserError(
            f"--output={path} cannot be written: {error.strerror}"
        ) from error


def export_samples(task: Task) -> Samples:
    """Returns images to compare an exported model on, test images if possible."""
    source = task.source
    kinds = {"test": source.test, "validation": source.validation}
    kind = next((name for name, each in kinds.items() if each), "training")
    return Samples(
        [_evenly((kinds.get(kind) or source.train).images, COMPARED)],
        kind,
        [_evenly(source.train.images, CALIBRATING)],
    )


def _evenly(images: ImageArray, number: int) -> np.ndarray:
    """Selects evenly spread images, since images may be sorted by class."""
    count = min(number, len(images))
    return images[np.linspace(0, len(images) - 1, count).astype(int)]


def check_pseudo_label(
    output: pathlib.Path, given: FrozenSet[str], run: pathlib.Path
) -> None:
    """Refuses an existing output of `bin/pseudo_label`, and flags for other tasks.

    Args:
        output: the file to write.
        given: names of the flags that were given.
        run: the run's folder.

    Raises:
        UsageError: with advice what to do.
    """
    if "shard" not in given:  # else it may be the joined file of all parts
        _require_absent(output)
    if "rank_every" in given:
        raise UsageError(
            f"--rank_every: the run in {run} is not of segmentation; leave it out"
        )


def _require_absent(output: pathlib.Path) -> None:
    if output.exists():
        raise UsageError(
            f"--output={output} is there already.\nRemove it, or name another file."
        )


def pseudo_label(
    task: Task,
    model: Trained,
    split: Split,
    output: pathlib.Path,
    config: Any,
    part: Optional[Part] = None,
) -> bool:
    """Writes a file of pseudo labels, and prints their quality.

    Args:
        task: of the run.
        model: the trained network.
        split: of the run; its unlabelled images are labelled.
        output: the file.
        config: settings of `bin/pseudo_label`.
        part: part of the images that this process labels; None: all.

    Returns:
        Whether the file is complete now; if not, prints what is missing.
    """
    source, share = task.source, config.fraction / 100
    if source.several_labels:
        raise UsageError(
            f"{output}: images of this run have several labels, and a pseudo label is "
            "one class.\nExpected a run with one class for each image."
        )
    by, guesses = labeling.source_of(config), None
    if part is not None:
        guesses = _by_parts(model, source, split, output, config.weights, part)
        if guesses is None:
            return False
    pseudo = labeling.label(
        model,
        source,
        split,
        share,
        config.count,
        config.weights,
        by=by,
        guesses=guesses,
    )
    given = source, split, pseudo, config.weights, config.count
    pseudo = noise.noted([model], *given)
    pseudo_labels.write(output, pseudo, split)
    quality = labeling.quality(pseudo, source.train.labels[pseudo.ids])
    print(labeling.describe(quality, len(pseudo.kept)))
    if config.figure_images:
        few = labeling.some(pseudo, config.figure_images, task.experiment.run.seed)
        _figure_1(few, source, output.with_name(f"{output.stem}_figure_1.png"))
    return True


def _by_parts(
    model: Trained,
    source: Source,
    split: Split,
    output: pathlib.Path,
    weights: str,
    part: Part,
) -> Optional[labeling.Guesses]:
    """Labels one part of the images if it is missing; joins the parts if all exist."""
    teacher = weights_digest(model.weights(weights))

    def found(each: Part) -> Optional[labeling.Guesses]:
        return guessed_parts.read(output, each, source, split, teacher)

    own = found(part)
    if own is None:
        _require_absent(output)
    elif output.exists():
        print(f"part {part} was labelled before, and all parts have been joined")
        return None
    try:
        if own is None:
            guessed_parts.read_or_guess(model, source, split, output, weights, part)
    except OSError as error:
        raise UserError(
            f"--output={output} cannot be written: {error.strerror}"
        ) from error
    there = [(each, found(each)) for each in part.all()]
    lacking = [each for each, guesses in there if guesses is None]
    if lacking:
        print(f"{output}: still missing, --shard={listed(lacking)}")
        return None
    return label_parts.join([guesses for _, guesses in there if guesses is not None])


def _figure_1(
    pseudo: pseudo_labels.PseudoLabels, source: Source, path: pathlib.Path
) -> None:
    """Prints and draws the error of the most confident labels."""
    quality = labeling.quality(pseudo, source.train.labels[pseudo.ids])
    images = f"{len(pseudo.ids):,} random images"
    known = {k: v for k, v in quality.error_of_top.items() if v is not None}
    if not known:
        print(f"of {images} no true class is known: no figure")
        return
    errors = ", ".join(f"{share} %: {error:.2f} %" for share, error in known.items())
    print(f"wrong among the most confident of {images}: {errors}")
    chart = plots.LineChart(
        [plots.Series("", [plots.Point(*each) for each in known.items()])],
        f"Wrong labels among the most confident of {images}",
        "most confident share of the images (%)",
        "wrong pseudo labels (%)",
        list(known),
        y_include=(0.0, 1.0),
    )
    curves.write_charts(path, chart)
    print(f"figure: {path}")
