"""A run folder's trained network, without its data set."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import List, Optional, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms.moving_average import MovingAverage
from mixdmt_tf.data import sources, splits
from mixdmt_tf.data.source import Source
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UserError
from mixdmt_tf.experiments.checkpoints import Checkpoints
from mixdmt_tf.experiments.evaluation import Scorer
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.recorder import read_rows
from mixdmt_tf.experiments.results import best_row
from mixdmt_tf.files import write_atomically


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        scorer: the network, float32.
        averaged: weights averaged over the training.
        raw: weights after the last step.
        class_names: of the classes 0, 1, ...
        image_shape: (H, W, C) that the network takes.
        step: finished steps.
    """

    scorer: Scorer
    averaged: List[np.ndarray]
    raw: List[np.ndarray]
    class_names: Tuple[str, ...]
    image_shape: Tuple[int, int, int]
    step: int

    def weights(self, name: str) -> List[np.ndarray]:
        """'ema' or 'raw' weights."""
        return self.averaged if name == "ema" else self.raw


def describe_data(folder: pathlib.Path, source: Source) -> None:
    """Writes what a network's users must know of the data: `data.json`."""
    facts = {
        "dataset": source.name,
        "class_names": list(source.class_names),
        "image_shape": list(source.image_shape),
        "fingerprint": source.fingerprint(),
    }
    write_atomically(folder / "data.json", json.dumps(facts, indent=1))


def load(experiment: Experiment, folder: pathlib.Path, which: str = "last") -> Trained:
    """Reads a checkpoint of a run.

    Args:
        experiment: the run's.
        folder: the run's.
        which: 'last', or 'best' on the validation images.

    Raises:
        UserError: if there is no intact checkpoint, or no validation to be best on.
    """
    step: Optional[int] = None
    if which == "best":
        best = best_row(read_rows(folder))
        if best is None:
            raise UserError(
                f"{folder} has no validation errors to choose the best checkpoint by.\n"
                "Use --checkpoint=last."
            )
        step = int(best["step"])
    try:
        facts = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _untrained(folder) from None
    shape, names = tuple(facts["image_shape"]), tuple(facts["class_names"])
    scorer = Scorer(experiment.run.network, experiment.network, shape, len(names))
    average = MovingAverage(scorer.network)
    state = tf.train.Checkpoint(network=scorer.network, average=average)
    found = Checkpoints(folder / "checkpoints", state).restore(step)
    if found is None:
        raise _untrained(folder)
    raw = scorer.network.get_weights()
    return Trained(scorer, average.in_network(scorer.network), raw, names, shape, found)


def load_with_data(
    experiment: Experiment, folder: pathlib.Path, which: str, data_dir: str = ""
) -> Tuple[Trained, Source, Split]:
    """Reads a checkpoint of a run, and its data as the run divided them.

    Args:
        experiment: the run's.
        folder: the run's.
        which: 'last' or 'best', as `load` takes it.
        data_dir: where the data are, if not where they were in training.

    Raises:
        UserError: as `load`; if there are no such data, or they are others.
    """
    model = load(experiment, folder, which)
    data = experiment.data
    if data_dir:
        data = dataclasses.replace(data, data_dir=data_dir)
    source = sources.load(data)
    return model, source, splits.read_split(folder / "split.json", source)


def _untrained(folder: pathlib.Path) -> UserError:
    return UserError(
        f"{folder} has no intact checkpoint yet.\n"
        "Train first: the command that made the folder goes on."
    )
