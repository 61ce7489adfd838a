"""Turns keyword arguments of a Python call into settings of a method and its data."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Mapping, Tuple

import keras

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms import base
from mixdmt_tf.data.classification import config as classification_config
from mixdmt_tf.data.segmentation import config as segmentation_config
from mixdmt_tf.errors import ArgumentError
from mixdmt_tf.learners import compiling
from mixdmt_tf.learners.sources import NAME
from mixdmt_tf.models.base import Network
from mixdmt_tf.runs.config import Config as Run
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.settings import assumed, nearest, settings_of

CONFIGS = {
    "classification": classification_config.Config,
    "segmentation": segmentation_config.Config,
}
# Data settings that do not depend on where the data come from.
DATA = {
    "classification": (
        "copies",
        "copies_augment",
        "copies_store",
        "cache_dir",
        "border",
    ),
    "segmentation": ("crop", "scale"),
}
# Defaults that differ from the command line: no file is written unless requested.
DEFAULTS = {"classification": {"copies_store": "virtual"}, "segmentation": {}}


@dataclasses.dataclass(frozen=True)
class Keywords:
    """The validated settings of a method.

    Attributes:
        task: 'classification' or 'segmentation'.
        name: name of the method's file.
        given: settings as keywords.
    """

    task: str
    name: str
    given: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Rejects unknown settings and values out of range.

        Raises:
            ArgumentError: naming the first wrong setting.
        """
        known = self.names()
        for word in self.given:
            if word not in known:
                near = nearest(word, known)
                raise ArgumentError(
                    f"{self.method.__name__} has no setting {word!r}"
                    + (f"; did you mean {near!r}?" if near else "")
                    + "\nSee help(), or bin/train --help --algorithm="
                    f"{self.name}, for the settings it has."
                )
        with compiling.as_arguments():
            self.experiment(Network(), 1)

    @property
    def method(self) -> Any:
        """The method's class."""
        return algorithms.method(self.task, self.name)

    def names(self) -> Tuple[str, ...]:
        """Returns all keywords that are settings."""
        own = settings_of(self.method.config_class)
        return (*(each.name for each in own), *DATA[self.task], "seed")

    def batch(self) -> int:
        """Returns the number of labelled images per step in the method's paper."""
        module = f"mixdmt_tf.algorithms.{self.task}.{self.name}"
        return int(assumed(module).get("batch", Run.batch))

    def experiment(self, network: Network, batch: int, **run: Any) -> Experiment:
        """Returns all settings of a run on arrays.

        Args:
            network: settings of the network.
            batch: labelled images per step.
            **run: more settings of the run, such as the number of steps.
        """
        data = CONFIGS[self.task]
        of_data: Dict[str, Any] = dict(DEFAULTS[self.task])
        of_method: Dict[str, Any] = {}
        for word, value in self.given.items():
            if word in DATA[self.task]:
                of_data[word] = value
            elif word != "seed":
                of_method[word] = value
        return Experiment(
            Run(
                algorithm=self.name,
                network="given",
                batch=batch,
                seed=self.given.get("seed", Run.seed),
                precision=keras.mixed_precision.global_policy().name,
                strategy="none",
                deterministic=False,
                export=False,
                **run,
            ),
            data(dataset=NAME, **of_data),
            network,
            self.method.config_class(**of_method),
        )

    @property
    def unlabeled_ratio(self) -> int:
        """Unlabelled images per labelled image of a step; 0 if the method uses none."""
        config: base.Config = self.experiment(Network(), 1).method
        recipe = self.method.recipe(config)
        if self.task == "classification" and not recipe.unlabeled_views:
            return 0
        return int(recipe.unlabeled_ratio)
