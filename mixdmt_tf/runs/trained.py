"""A run folder's trained network, without its data set."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from typing import Any, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf import digests
from mixdmt_tf.algorithms.parts.moving_average import MovingAverage
from mixdmt_tf.data.bands import Bands
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs.checkpoints import Checkpoints, portable_weights
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
        split: digest of the split that it was trained on, and of its pseudo labels.
        bands: what its images are; None: photographs.
    """

    scorer: Scorer
    averaged: List[np.ndarray]
    raw: List[np.ndarray]
    class_names: Tuple[str, ...]
    image_shape: Tuple[Any, Any, int]
    step: int
    colours: Optional[np.ndarray] = None
    network: Mapping[str, str] = dataclasses.field(default_factory=dict)
    split: Optional[str] = None
    bands: Optional[Bands] = None

    def weights(self, name: str) -> List[np.ndarray]:
        """'ema' or 'raw' weights."""
        return self.averaged if name == "ema" else self.raw


def weights_digest(weights: Sequence[np.ndarray]) -> str:
    """Sha256, in hex, of weights as `Trained.weights` returns them."""
    total = hashlib.sha256()
    for weight in weights:
        total.update(np.ascontiguousarray(weight).tobytes())
    return total.hexdigest()


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
    digests.write(folder / FACTS, json.dumps(facts, indent=1))


def load(task: Task, folder: pathlib.Path, which: str = "last") -> Trained:
    """Reads a checkpoint of a run, without its data.

    Args:
        task: of the run.
        folder: the run's.
        which: 'last', 'best' on the validation images, or 'result': the one of these
            that the numbers of the run are of.

    Raises:
        UserError: if there is no checkpoint, it is damaged (an older one is not what
            was asked for), or there is no validation to be best on.
    """
    step: Optional[int] = None
    if which == "result":
        which = task.experiment.snapshot
    if which == "best":
        best = best_row(read_rows(folder))
        if best is None:
            raise UserError(
                f"{folder} has no validation scores to choose the best checkpoint by.\n"
                "Use --checkpoint=last."
            )
        step = int(best["step"])
    try:
        facts = digests.read_json(folder / FACTS)
    except FileNotFoundError:
        raise _untrained(folder) from None
    _require_sound(facts, folder / FACTS)
    scorer = task.load_scorer(facts)
    average = MovingAverage(scorer.network)
    state = tf.train.Checkpoint(network=scorer.network, average=average)
    checkpoints = Checkpoints(
        folder / "checkpoints",
        state,
        portable=portable_weights(scorer.network, average),
    )
    known = checkpoints.steps()
    restored = checkpoints.restore(known[-1] if known and step is None else step)
    if restored is None:
        if step is None and known:
            raise UserError(
                f"the last checkpoint of {folder}, that of step {known[-1]:,}, is "
                "damaged.\nRun the training command of the folder again: it goes on "
                "from an earlier one."
            )
        if known:
            raise UserError(
                f"the best checkpoint of {folder}, that of step {step:,}, is missing "
                "or damaged.\nUse --checkpoint=last."
            )
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
        checkpoints.split,
        task.experiment.data.bands,
    )


def _require_sound(facts: Mapping[str, Any], path: pathlib.Path) -> None:
    """Refuses facts that no run writes, in files of versions without digests."""
    names, shape = facts.get("class_names"), facts.get("image_shape")
    named = isinstance(names, list) and all(isinstance(each, str) for each in names)
    if not (named and names):
        raise digests.Damaged(path, "class_names: expected a list of names")
    shaped = isinstance(shape, list) and len(shape) == 3
    if not shaped or not all(each is None or type(each) is int for each in shape):
        raise digests.Damaged(path, "image_shape: expected height, width, channels")
    colours = facts.get("colours")
    if colours is not None and np.shape(colours) != (len(names), 3):
        raise digests.Damaged(path, "colours: expected three numbers for each class")


def _untrained(folder: pathlib.Path) -> UserError:
    return UserError(
        f"{folder} has no intact checkpoint yet.\n"
        "Train first: run the command that made the folder again."
    )
