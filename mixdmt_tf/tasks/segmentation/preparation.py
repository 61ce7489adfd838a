"""Prepares a segmentation run: determines its length, and checks its files."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import pathlib
from typing import Any, Dict, List, Optional

from mixdmt_tf import digests
from mixdmt_tf.data.segmentation import checking, datasets, splits
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.source import Source
from mixdmt_tf.data.splits import Split
from mixdmt_tf.files import write_atomically
from mixdmt_tf.progress import Progress
from mixdmt_tf.rounds.stages import divided
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.splits import choose_split
from mixdmt_tf.runs.task import Task

LONGEST = 2**40  # steps
CHECKED, SKIPPED = "checked.json", "skipped_images.txt"


def open_source(config: Config) -> Source:
    """Opens a data set, without unusable images if these are to be skipped.

    Raises:
        UserError: if its data are missing, or no images are left.
    """
    source = datasets.load(config)
    if config.on_bad_image == "error":  # `check` reads the files that the run needs
        return source
    with contextlib.closing(Progress("reading all images", "images")) as progress:
        return checking.sound(source, progress.update)


def resolve(task: Task) -> Experiment:
    """Fills in the number of steps, and settings that follow from it, if not given.

    Raises:
        UsageError: if it can't be known, or crops are too small for the method.
    """
    experiment = task.experiment
    if hasattr(experiment.method, "require_crop"):  # before there is a run folder
        crop = experiment.data.crop_size or task.source.crop
        experiment.method.require_crop(crop)
    if experiment.in_rounds:
        return divided(experiment)
    steps = experiment.run.steps or _steps(task)
    run = dataclasses.replace(experiment.run, steps=steps)
    return dataclasses.replace(experiment, run=run).for_run(steps)


def _steps(task: Task) -> int:
    """Returns the default number of steps of a run."""
    split = choose_split(task)
    method, batch = task.experiment.method, task.experiment.run.batch
    if not hasattr(method, "epochs"):  # one round on given pseudo labels
        return method.round_steps or round_steps(
            method.round_epochs, len(split.unlabeled), batch * method.unlabeled_ratio
        )
    if hasattr(method, "unlabeled_ratio"):
        return round_steps(
            method.epochs, len(split.unlabeled), batch * method.unlabeled_ratio
        )
    return base_steps(method.epochs, split, batch)


def base_steps(
    epochs: float, split: Split, batch: int, part: Optional[int] = None
) -> int:
    """Returns the steps of supervised training: sqrt(images / labels) `epochs` passes.

    DMT (arXiv:2004.08514) appendix B. The release's scripts use whole passes, rounded:
    85 for PASCAL VOC with 1/8 of the labels. A base model that learns from a part of
    the labels (Eq. 11) takes as many passes over it as one that learns from all.

    Args:
        epochs: number of passes if all images were labelled.
        split: of the images.
        batch: labelled images per step.
        part: number of labelled images to train on, if not all of the split.
    """
    labels = len(split.labeled)
    images = labels + len(split.unlabeled)
    passes = epochs * math.sqrt(images / labels)
    passes = round(passes) if passes >= 1 else passes
    return _length(passes * math.ceil((part or labels) / batch))


def round_steps(epochs: float, images: int, batch: int) -> int:
    """Returns the steps of passes over unlabelled images, with partial last batches."""
    return _length(epochs * math.ceil(images / batch))


def _length(steps: float) -> int:
    """Rounds and limits a number of steps to one that a run can have."""
    return int(min(max(1, steps), LONGEST))


def check(path: pathlib.Path, source: Source, split: Split) -> None:
    """Reads all files that a run needs, once; `checked.json` records that it was done.

    If unusable images are skipped, all files were read when the data set was opened,
    and `skipped_images.txt` lists the unusable ones.

    Raises:
        UserError: if files can't be used; names them.
    """
    if source.skipped is not None:
        if source.skipped and not (path.parent / SKIPPED).exists():
            lines = "".join(f"{line}\n" for line in source.skipped)
            write_atomically(path / SKIPPED, lines)
        return
    note = {"data": source.fingerprint(), "split": split.digest()}
    done = _note(path)
    # A run in rounds checks all images first, since base models may use only a part.
    if done == note or _note(path.parent).get("data") == note["data"]:
        return
    progress = Progress("reading all images once", "images")
    try:
        checking.check(source, split, progress.update)
    finally:
        progress.close()
    digests.write(path / CHECKED, json.dumps(note))


def _note(folder: pathlib.Path) -> Dict[str, str]:
    try:
        return digests.read_json(folder / CHECKED)
    except (FileNotFoundError, digests.Damaged):  # all files are read once more
        return {}


def test_set(source: Source) -> str:
    """Returns which images give `test_miou`: the test or the validation images."""
    return "test" if source.test else "validation"


def describe(split: Split, source: Source) -> str:
    """Describes the number of images, and whether the split is a published one."""
    parts: List[Any] = [("labelled", split.labeled), ("unlabelled", split.unlabeled)]
    parts += [("validation", source.validation), ("test", source.test or ())]
    words = ", ".join(f"{len(each):,} {name}" for name, each in parts if len(each))
    text = f"{source.name}: {words}; {source.num_classes} classes"
    known = splits.published(source, split.labeled)
    lines = [text + (f"; {known}" if known else "")]
    if source.validation and not source.test:
        lines.append(
            "no labelled test images: the validation images are scored as such"
        )
    return "\n".join([*lines, *source.notes])
