"""A run folder's trained network, without its data set."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any, List, Mapping, Optional, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms.parts.moving_average import MovingAverage
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import write_atomically
from mixdmt_tf.runs.checkpoints import Checkpoints
from mixdmt_tf.runs.log import read_rows
from mixdmt_tf.runs.results import best_row
from mixdmt_tf.runs.task import Scorer, Task

FACTS = "data.json"


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        scorer: the network in float32.
        averaged: weights averaged over the training.
        raw: weights after the last step.
        class_names: of the classes 0, 1, ...
        image_shape: (H, W, C) that the network takes; H and W are None if they may be
            any.
        step: finished steps.
        colours: of the classes in label maps, uint8 [C, 3]; None without label maps.
        network: name and settings of the network, as flags.
    """

    scorer: Scorer
    averaged: List[np.ndarray]
    raw: List[np.ndarray]
    class_names: Tuple[str, ...]
    image_shape: Tuple[Any, Any, int]
    step: int
    colours: Optional[np.ndarray] = None
    network: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def weights(self, name: str) -> List[np.ndarray]:
        """'ema' or 'raw' weights."""
        return self.averaged if name == "ema" else self.raw


def describe(task: Task, folder: pathlib.Path) -> None:
    """Writes what users of a run's network must know of it and its data: `data.json`.

    Args:
        task: of the run.
        folder: the run's.
    """
    facts = {
        "dataset": task.source.name,
        "fingerprint": task.source.fingerprint(),
        **task.model_facts(),
    }
    write_atomically(folder / FACTS, json.dumps(facts, indent=1))


def load(task: Task, folder: pathlib.Path, which: str = "last") -> Trained:
    """Reads a checkpoint of a run, without its data.

    Args:
        task: of the run.
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
                f"{folder} has no validation scores to choose the best checkpoint by.\n"
                "Use --checkpoint=last."
            )
        step = int(best["step"])
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _untrained(folder) from None
    scorer = task.load_scorer(facts)
    average = MovingAverage(scorer.network)
    state = tf.train.Checkpoint(network=scorer.network, average=average)
    restored = Checkpoints(folder / "checkpoints", state).restore(step)
    if restored is None:
        raise _untrained(folder)
    colours = facts.get("colours")
    return Trained(
        scorer,
        average.in_network(scorer.network),
        scorer.network.get_weights(),
        tuple(facts["class_names"]),
        tuple(facts["image_shape"]),
        restored,
        None if colours is None else np.array(colours, np.uint8),
        task.experiment.network_flags(),
    )


def _untrained(folder: pathlib.Path) -> UserError:
    return UserError(
        f"{folder} has no intact checkpoint yet.\n"
        "Train first: run the command that made the folder again."
    )
