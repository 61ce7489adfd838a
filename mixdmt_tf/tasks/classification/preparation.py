"""Prepares a classification run: its length, image size, and augmented copies."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import pathlib
from typing import Any, Optional

import tensorflow as tf

from mixdmt_tf.data import image_files
from mixdmt_tf.data.classification.config import FOLDERS
from mixdmt_tf.data.classification.copies import Copies, fill_in, of_split
from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.data.part import Part, listed
from mixdmt_tf.data.precomputed import Store, make_part, on_disk, open_store
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UsageError
from mixdmt_tf.files import expanded
from mixdmt_tf.progress import Progress
from mixdmt_tf.rounds.stages import divided
from mixdmt_tf.runs.experiment import Experiment

STEPS = 524288  # default length of a run
# Networks with published weights were trained at 224 pixels. With fewer, a linear
# classifier on their features has a larger error (CIFAR-10, 250 labels: 32 % at 128,
# 37 % at 96), but a step is faster, in proportion to the pixels.
SIZE_WITH_GPU, SIZE_WITHOUT = 224, 128
# For folders, the size of most of the files, rounded to a multiple of STEP.
SMALLEST, LARGEST_WITHOUT, STEP = 96, 160, 32


def resolve(experiment: Experiment) -> Experiment:
    """Fills in settings that are not given.

    These are the length of the run, settings that follow from it, the size of images,
    and their copies.
    """
    method = experiment.method_class()
    data = fill_in(experiment.data, method.recipe(experiment.method))
    data = dataclasses.replace(data, image_size=sized(experiment).data.image_size)
    run = experiment.run
    if experiment.in_rounds:
        return divided(dataclasses.replace(experiment, data=data))
    # A run on given pseudo labels is as long as a round.
    steps = run.steps or getattr(experiment.method, "round_steps", None) or STEPS
    run = dataclasses.replace(run, steps=steps)
    return dataclasses.replace(experiment, run=run, data=data).for_run(steps)


def sized(experiment: Experiment) -> Experiment:
    """Returns the settings with the image size at which the data set is read."""
    data = dataclasses.replace(experiment.data, image_size=_image_size(experiment))
    return dataclasses.replace(experiment, data=data)


def _image_size(experiment: Experiment) -> Any:
    """Returns height and width in pixels; None for the data set's own size."""
    given, own = experiment.data.image_size, experiment.network.image_size
    if given not in (None, "auto"):
        return given
    if given is None or own is None:
        return own
    gpu = bool(tf.config.list_physical_devices("GPU"))
    data = experiment.data
    usual = None
    if data.dataset in FOLDERS and data.data_dir and not data.bands:
        usual = _usual_size(expanded(data.data_dir))
    if usual is None:
        return SIZE_WITH_GPU if gpu else SIZE_WITHOUT
    largest = SIZE_WITH_GPU if gpu else LARGEST_WITHOUT
    return min(largest, max(SMALLEST, STEP * round(usual / STEP)))


@functools.lru_cache(maxsize=None)
def _usual_size(folder: pathlib.Path) -> Optional[int]:
    """Finds the usual size of images in a folder, which is scanned once per process."""
    return image_files.usual_size(image_files.find(folder)[0])


def open_copies(experiment: Experiment, copies: Copies) -> Store:
    """Opens the store of these copies, and makes it (with progress) if missing."""
    data = experiment.data
    progress = Progress("copies", "images")
    try:
        return open_store(
            copies,
            data.copies_store,
            data.cache_folder(),
            progress.update,
            progress.say,
            _shown(experiment),
        )
    finally:
        progress.close()


def share_copies(experiment: Experiment, copies: Copies, part: Part) -> None:
    """Makes one part of the copies, if `open_copies` reads them from a disk."""
    data, folder = experiment.data, experiment.data.cache_folder()
    if on_disk(copies, data.copies_store, folder, _shown(experiment)):
        with contextlib.closing(Progress("copies", "images")) as progress:
            make_part(copies, folder, part, progress.update, progress.say)


def make_copies(experiment: Experiment, copies: Copies, part: Part) -> None:
    """Makes one part of the store on disk, and prints which parts are still missing."""
    progress = Progress("copies", "images")
    folder, read = experiment.data.cache_folder(), _shown(experiment)
    try:
        lacking = make_part(copies, folder, part, progress.update, progress.say, read)
    finally:
        progress.close()
    if lacking:
        print(f"copies: still missing, --shard={listed(lacking)}")
    else:
        print(f"copies: all {part.of} parts are there")


def _shown(experiment: Experiment) -> Optional[int]:
    """Returns how many copies the run uses, with repetitions; None if unknown yet."""
    run = experiment.run
    if run.steps is None:
        return None
    recipe = experiment.method_class().recipe(experiment.method)
    return run.steps * run.batch * recipe.unlabeled_ratio


def unlabeled_copies(experiment: Experiment, source: Source, split: Split) -> Copies:
    """Returns the copies of the run's unlabelled images."""
    # All rounds of a loop read the same copies, each with a seed of its own.
    rounds = experiment.data.pseudo_labels or experiment.in_rounds
    seed = split.seed if rounds else experiment.run.seed
    return of_split(source, split, resolve(experiment).data, seed)


def mixup_parts(experiment: Experiment, replicas: int) -> int:
    """Returns `mixup_parts`, or 0 for the number of replicas.

    Raises:
        UsageError: if a batch cannot be divided like that.
    """
    parts, batch = experiment.data.mixup_parts or 0, experiment.run.batch
    if parts and (batch % parts or parts % replicas):
        devices = f"{replicas} device{'s' * (replicas > 1)}"
        raise UsageError(
            f"--mixup_parts={parts}: expected a divisor of --batch={batch} and a "
            f"multiple of {devices}"
        )
    return parts
