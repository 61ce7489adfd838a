"""What methods share that train a discriminator along with the network."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional, Tuple

import keras

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts.groups import Group
from mixdmt_tf.algorithms.parts.momentum import learning_rate
from mixdmt_tf.data.segmentation.recipe import Recipe
from mixdmt_tf.models.discriminators import require_size
from mixdmt_tf.settings import setting

GROUP = "discriminator"  # of the terms that it learns


@dataclasses.dataclass(frozen=True)
class Discriminator:
    """Settings of the discriminator; a method combines them with its own settings."""

    discriminator_layers: int = setting(
        5,
        "convolutions of the discriminator that halve the image; crops of 48 pixels "
        "need 3",
        low=1,
        high=8,
    )
    discriminator_width: int = setting(
        64,
        "filters of its first convolution; each of the next has twice as many",
        low=1,
        high=4096,
    )
    discriminator_learning_rate: float = setting(
        0.0001,
        "its learning rate with Adam (beta_1 .9, beta_2 .99) at the start of the run; "
        "it follows the poly schedule",
        low=0.0,
    )

    def require_crop(self, size: Tuple[Optional[int], Optional[int]]) -> None:
        """Checks that crops are large enough for the discriminator's layers.

        Args:
            size: height and width of the crop, None if unknown.

        Raises:
            UsageError: if they are too small.
        """
        require_size(size, self.discriminator_layers)


def group(model: keras.Model, config: Any, steps: int) -> Group:
    """Returns the discriminator's group, with Adam as in Hung et al., s4GAN and GCT.

    Settings follow the three releases; there is no weight decay.

    Args:
        model: the discriminator.
        config: settings that include `Discriminator`, and `adam_epsilon`.
        steps: number of steps of the run.
    """
    rate = learning_rate(config.discriminator_learning_rate, "poly", steps)
    adam = keras.optimizers.Adam(rate, beta_2=0.99, epsilon=config.adam_epsilon)
    return Group(model.trainable_variables, adam, rate)


class Opposed(base.Algorithm):
    """Base class of methods whose discriminator tells predictions from label maps.

    Attributes:
        discriminator: a Keras model that the method creates in `__init__`.
    """

    discriminator: keras.Model

    def more_groups(self) -> Dict[str, Group]:
        """Returns the group of the discriminator, with Adam."""
        return {GROUP: group(self.discriminator, self.config, self.facts.steps)}

    @classmethod
    def recipe(cls, config: Any) -> Recipe:
        """Labelled and unlabelled images."""
        return Recipe(unlabeled_ratio=config.unlabeled_ratio)
