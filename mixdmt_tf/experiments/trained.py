"""A run folder's trained network, without its data set."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any, List, Mapping, Optional, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms.moving_average import MovingAverage
from mixdmt_tf.data import scenes, sources
from mixdmt_tf.data.scenes.source import Scenes
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UserError
from mixdmt_tf.experiments import preparation
from mixdmt_tf.experiments.checkpoints import Checkpoints
from mixdmt_tf.experiments.evaluation import Scorer
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.log import read_rows
from mixdmt_tf.experiments.preparation import AnySource
from mixdmt_tf.experiments.results import best_row
from mixdmt_tf.experiments.scenes.evaluation import SceneScorer
from mixdmt_tf.files import write_atomically


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        scorer: the network, float32: a `Scorer`, of scenes a `SceneScorer`.
        averaged: weights averaged over the training.
        raw: weights after the last step.
        class_names: of the classes 0, 1, ...
        image_shape: (H, W, C) that the network takes; H and W are None of scenes.
        step: finished steps.
        colours: of the classes, uint8 [C, 3]; None unless of scenes.
        network: name and settings of the network, as flags.
    """

    scorer: Any
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


def describe_data(folder: pathlib.Path, source: AnySource, network: Any = None) -> None:
    """Writes what a network's users must know of it and of the data: `data.json`.

    Args:
        folder: the run's.
        source: the data set.
        network: the `Config` of the network, where a folder's flags may name another:
            of two that teach each other either may be the result.
    """
    facts = {
        "dataset": source.name,
        "class_names": list(source.class_names),
        "fingerprint": source.fingerprint(),
    }
    if isinstance(source, Scenes):
        facts["image_shape"] = [None, None, 3]
        facts["colours"] = np.asarray(source.colours).tolist()
        facts["network"] = dataclasses.asdict(network)
    else:
        facts["image_shape"] = list(source.image_shape)
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
    scorer: Any
    colours = None
    if experiment.scenes:
        network = type(experiment.network)(**facts["network"])
        scorer = SceneScorer(experiment.run.network, network, len(names))
        colours = np.array(facts["colours"], np.uint8)
    else:
        scorer = Scorer(experiment.run.network, experiment.network, shape, len(names))
    average = MovingAverage(scorer.network)
    state = tf.train.Checkpoint(network=scorer.network, average=average)
    found = Checkpoints(folder / "checkpoints", state).restore(step)
    if found is None:
        raise _untrained(folder)
    raw = scorer.network.get_weights()
    averaged = average.in_network(scorer.network)
    network_flags = experiment.network_flags()
    return Trained(scorer, averaged, raw, names, shape, found, colours, network_flags)


def load_with_data(
    experiment: Experiment, folder: pathlib.Path, which: str, data_dir: str = ""
) -> Tuple[Trained, Any, Split]:
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
    source = scenes.load(data) if experiment.scenes else sources.load(data)
    return model, source, preparation.read_split(folder / "split.json", source)


def _untrained(folder: pathlib.Path) -> UserError:
    return UserError(
        f"{folder} has no intact checkpoint yet.\n"
        "Train first: the command that made the folder goes on."
    )
