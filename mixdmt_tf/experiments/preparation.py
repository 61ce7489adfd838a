"""What a run needs before its first step: a split, and copies of the images."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, Union

from mixdmt_tf.data import sources, splits
from mixdmt_tf.data.copies import Copies, fill_in, of_split
from mixdmt_tf.data.precomputed import Store, open_store
from mixdmt_tf.data.scenes import splits as scene_splits
from mixdmt_tf.data.scenes.source import Scenes
from mixdmt_tf.data.source import Source
from mixdmt_tf.equations import initial_share
from mixdmt_tf.errors import UserError
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.progress import Progress

FORGOTTEN = 0.01  # of the initial weights in an average that is all but free of them
STEPS = 524288  # of a run on images that is given no number

AnySource = Union[Source, Scenes]


def precompute(experiment: Experiment) -> None:
    """Makes the copies that a run of this experiment will read, and nothing else.

    Raises:
        UserError: if they cannot be written.
    """
    source = sources.load(experiment.data)
    split = draw_split(experiment, source)
    print(splits.describe(split, source), flush=True)
    open_copies(experiment, unlabeled_copies(experiment, source, split))


def resolve(experiment: Experiment) -> Experiment:
    """Fills in what the settings leave open: length, and copies it is meant for.

    How long a run on scenes is depends on their number (`scenes/preparation.py`).
    """
    if experiment.scenes:
        return experiment
    method = experiment.find_algorithm().Method
    data = fill_in(experiment.data, method.recipe(experiment.method))
    run = experiment.run
    if run.steps is None and not in_rounds(experiment):
        # Of one round on given pseudo labels, what a round of them takes.
        steps = getattr(experiment.method, "round_steps", None) or STEPS
        run = dataclasses.replace(run, steps=steps)
    return dataclasses.replace(experiment, run=run, data=data)


def warning_of_average(method: Any, steps: int) -> str:
    """One line if the run is too short for its average of the weights, '' if not.

    Args:
        method: the method's `Config`.
        steps: length of the run.
    """
    share = initial_share(method.ema_decay, method.ema_warmup, steps)
    if share <= FORGOTTEN or method.ema_warmup:  # which forgets in three steps
        return ""
    return (
        f"warning: after {steps:,} steps {100 * share:.1f} % of the averaged weights "
        f"are still the initial ones (--ema_decay={method.ema_decay:g}): set "
        "--ema_warmup, or a smaller --ema_decay"
    )


def in_rounds(experiment: Experiment) -> bool:
    """Whether the training is a loop of several runs, of which this is all."""
    method = experiment.find_algorithm().Method
    return method.loop != "single" and not experiment.data.pseudo_labels


def draw_split(experiment: Experiment, source: AnySource) -> splits.Split:
    """The split of `--split`, or the one drawn with the run's seed."""
    data, seed = experiment.data, experiment.run.seed
    if data.split:
        return _given_split(data.split, source)
    if isinstance(source, Scenes):
        labels = data.labels or None
        return scene_splits.make_split(source, labels, seed, data.labeled_list)
    return splits.make_split(source, data.labels, data.validation, seed)


def read_split(path: pathlib.Path, source: AnySource) -> splits.Split:
    """Reads a `split.json` and makes sure that it fits the data."""
    if isinstance(source, Scenes):
        return scene_splits.read_split(path, source)
    return splits.read_split(path, source)


def find_split(
    experiment: Experiment, path: pathlib.Path, source: AnySource
) -> splits.Split:
    """As `open_split`, without writing: a refused command leaves no split behind.

    From its split on, a folder is kept for the run's settings.
    """
    if (path / "split.json").exists():
        return open_split(experiment, path, source)
    return draw_split(experiment, source)


def open_split(
    experiment: Experiment, path: pathlib.Path, source: AnySource
) -> splits.Split:
    """The run folder's own split; a new folder gets one.

    Raises:
        UserError: if `--split` names a file that holds another one.
    """
    own = path / "split.json"
    if not own.exists():
        splits.write_split(own, draw_split(experiment, source))
    split, given = read_split(own, source), experiment.data.split
    if given and _given_split(given, source).digest() != split.digest():
        raise UserError(
            f"--split={given} is not the split that {path} was started with.\n"
            "Go on without --split, or choose another --workdir."
        )
    return split


def _given_split(path: str, source: AnySource) -> splits.Split:
    return read_split(pathlib.Path(path).expanduser(), source)


def open_copies(experiment: Experiment, copies: Copies) -> Store:
    """The store of these copies, made with a progress line where it is missing."""
    data = experiment.data
    making = Progress("copies", "pictures")
    try:
        return open_store(
            copies, data.copies_store, data.cache_folder(), making.update, making.say
        )
    finally:
        making.close()


def unlabeled_copies(
    experiment: Experiment, source: Source, split: splits.Split
) -> Copies:
    """The pictures of the run's unlabelled stream."""
    # All rounds of a loop read the same copies, each with a seed of its own.
    seed = split.seed if experiment.data.pseudo_labels else experiment.run.seed
    return of_split(source, split, resolve(experiment).data, seed)
