"""What a run needs before its first step: its length, and copies of the images."""

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
from mixdmt_tf.files import expanded
from mixdmt_tf.progress import Progress
from mixdmt_tf.rounds.stages import divided
from mixdmt_tf.runs.experiment import Experiment

STEPS = 524288  # of a run that is given no number
# Networks with published weights saw 224 pixels. With fewer a linear classifier on
# their features errs more (CIFAR-10, 250 labels: 32 % at 128, 37 % at 96), but a
# step is faster, in proportion to the pixels.
SIZE_WITH_GPU, SIZE_WITHOUT = 224, 128
# Of folders it is what most of the files have, to a multiple of STEP.
SMALLEST, LARGEST_WITHOUT, STEP = 96, 160, 32


def resolve(experiment: Experiment) -> Experiment:
    """Fills in what the settings leave open.

    That is the length of the run, what follows from it, the size of images, and copies
    of them.
    """
    method = experiment.method_class()
    data = fill_in(experiment.data, method.recipe(experiment.method))
    data = dataclasses.replace(data, image_size=sized(experiment).data.image_size)
    run = experiment.run
    if experiment.in_rounds:
        return divided(dataclasses.replace(experiment, data=data))
    # Of one round on given pseudo labels, what a round of them takes.
    steps = run.steps or getattr(experiment.method, "round_steps", None) or STEPS
    run = dataclasses.replace(run, steps=steps)
    return dataclasses.replace(experiment, run=run, data=data).for_run(steps)


def sized(experiment: Experiment) -> Experiment:
    """The settings with the size of images that the data set is read at."""
    data = dataclasses.replace(experiment.data, image_size=_image_size(experiment))
    return dataclasses.replace(experiment, data=data)


def _image_size(experiment: Experiment) -> Any:
    """Height and width in pixels, None: as the images of the data set are."""
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
    """Of the images below a folder, which is gone through once in a process."""
    return image_files.usual_size(image_files.find(folder)[0])


def open_copies(experiment: Experiment, copies: Copies) -> Store:
    """The store of these copies, made with a progress line where it is missing."""
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
    """Makes one part of what `open_copies` reads from a disk; if it does."""
    data, folder = experiment.data, experiment.data.cache_folder()
    if on_disk(copies, data.copies_store, folder, _shown(experiment)):
        with contextlib.closing(Progress("copies", "images")) as progress:
            make_part(copies, folder, part, progress.update, progress.say)


def make_copies(experiment: Experiment, copies: Copies, part: Part) -> None:
    """Makes one part of the store on disk, and says which parts are still missing."""
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
    """How many copies the run shows, repeated ones counted; None: not known yet."""
    run = experiment.run
    if run.steps is None:
        return None
    recipe = experiment.method_class().recipe(experiment.method)
    return run.steps * run.batch * recipe.unlabeled_ratio


def unlabeled_copies(experiment: Experiment, source: Source, split: Split) -> Copies:
    """The images of the run's unlabelled stream."""
    # All rounds of a loop read the same copies, each with a seed of its own.
    rounds = experiment.data.pseudo_labels or experiment.in_rounds
    seed = split.seed if rounds else experiment.run.seed
    return of_split(source, split, resolve(experiment).data, seed)
