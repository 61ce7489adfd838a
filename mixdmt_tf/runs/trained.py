"""Loads the trained network of a run folder, without its data set."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from typing import Any, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf import bounds, digests
from mixdmt_tf.algorithms.parts.moving_average import MovingAverage
from mixdmt_tf.data.bands import Bands
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import finished
from mixdmt_tf.runs.checkpoints import Checkpoints, portable_weights
from mixdmt_tf.runs.task import Scorer, Task

FACTS = "data.json"


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        scorer: the network in float32.
        averaged: weights averaged over the training (EMA).
        raw: weights after the last step.
        class_names: names of the classes 0, 1, ...
        image_shape: input shape (H, W, C) of the network; H and W are None for any
            size.
        step: number of finished steps.
        colours: colours of the classes in label maps, uint8 [C, 3]; None without label
            maps.
        network: name and settings of the network, as flags.
        split: digest of the split, and of the pseudo labels, that it was trained on.
        bands: the kind of its images; None for photographs.
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
        """Returns the 'ema' or 'raw' weights."""
        return self.averaged if name == "ema" else self.raw


def weights_digest(weights: Sequence[np.ndarray]) -> str:
    """Returns the SHA-256 digest, in hex, of weights from `Trained.weights`."""
    total = hashlib.sha256()
    for weight in weights:
        total.update(np.ascontiguousarray(weight).tobytes())
    return total.hexdigest()


def describe(task: Task, folder: pathlib.Path) -> None:
    """Writes `data.json`, with the facts needed to use a run's network.

    Args:
        task: task of the run.
        folder: the run's folder.
    """
    facts = {
        "dataset": task.source.name,
        "fingerprint": task.source.fingerprint(),
        **task.model_facts(),
    }
    digests.write(folder / FACTS, json.dumps(facts, indent=1))


def load(task: Task, folder: pathlib.Path, which: str = "last") -> Trained:
    """Loads a checkpoint of a run, without its data.

    For a run that is not finished yet, 'last' is the newest intact checkpoint.

    Args:
        task: task of the run.
        folder: the run's folder.
        which: 'last', 'best' on the validation images, or 'result': whichever of these
            the run's results belong to.

    Raises:
        UserError: if there is no intact checkpoint, or if 'best' is wanted and there
            are no validation scores.
        Damaged: if the run is finished and the checkpoint of its results is damaged or
            missing.
    """
    wanted = task.experiment.snapshot if which == "result" else which
    if wanted == "best":
        step = finished.best_step(folder)
        if step is None:
            raise UserError(
                f"{folder} has no validation scores to choose the best checkpoint by.\n"
                "Use --checkpoint=last."
            )
    else:
        step = finished.last_step(folder)
    try:
        facts = digests.read_json(folder / FACTS)
    except FileNotFoundError:
        raise _untrained(folder) from None
    _require_sound(facts, folder / FACTS, task.experiment.task)
    scorer = task.load_scorer(facts)
    average = MovingAverage(scorer.network)
    state = tf.train.Checkpoint(network=scorer.network, average=average)
    checkpoints = Checkpoints(
        folder / "checkpoints",
        state,
        portable=portable_weights(scorer.network, average),
    )
    restored = checkpoints.restore(step)
    if restored is None:
        if step is None or not checkpoints.steps():
            raise _untrained(folder)
        if which == "best":
            raise UserError(
                f"the best checkpoint of {folder}, that of step {step:,}, is missing "
                "or damaged.\nUse --checkpoint=last, or with --init_from "
                "--snapshot=last."
            )
        raise finished.damage(folder, step)
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


def _require_sound(facts: Mapping[str, Any], path: pathlib.Path, task: str) -> None:
    """Checks facts for plausibility, since older versions wrote no digests."""
    names, shape = facts.get("class_names"), facts.get("image_shape")
    named = isinstance(names, list) and all(isinstance(each, str) for each in names)
    if not (named and names):
        raise digests.Damaged(path, "class_names: expected a list of names")
    *sides, channels = shape if isinstance(shape, list) and shape else [None]
    any_size = task == "segmentation" and sides == [None, None]
    sized = len(sides) == 2 and _is_size(*sides)
    if not (any_size or sized) or not _is_number(channels, bounds.CHANNELS):
        raise digests.Damaged(path, "image_shape: expected height, width, channels")
    size = facts.get("network_size")
    if size is not None and not _is_size(size, size):
        raise digests.Damaged(
            path, "network_size: expected a number of pixels, or null"
        )
    colours = facts.get("colours")
    if colours is not None and not (
        isinstance(colours, list)
        and len(colours) == len(names)
        and all(isinstance(each, list) and len(each) == 3 for each in colours)
        and all(type(level) is int and 0 <= level < 256 for c in colours for level in c)
    ):
        raise digests.Damaged(path, "colours: expected three numbers for each class")


def _is_number(value: Any, most: int) -> bool:
    return type(value) is int and 1 <= value <= most


def _is_size(height: Any, width: Any) -> bool:
    sides = (height, width)
    known = all(_is_number(side, bounds.PIXELS) for side in sides)
    return known and height * width <= bounds.PIXELS


def _untrained(folder: pathlib.Path) -> UserError:
    return UserError(
        f"{folder} has no intact checkpoint yet.\n"
        "Train first: run the command that made the folder again."
    )
