"""Classifiers that start from published weights, with a new last layer."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Tuple

import keras

from mixdmt_tf.models.pretrained import Pretrained
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class PretrainedClassifier(Pretrained):
    """An encoder with published weights and one new dense layer, 'logits'."""

    interchangeable: ClassVar[Tuple[str, ...]] = (
        *Pretrained.interchangeable,
        "head_stddev",
    )

    head_stddev: float = setting(
        0.001,
        "standard deviation of the first weights of the new last layer; gradients of a "
        "large random layer, as Keras makes it (0.04 of 1,280 features), undo what the "
        "published weights know in the first steps (Big Transfer, arXiv:1912.11370, "
        "begins with 0)",
        low=1e-9,
    )

    def logits(self, features: keras.KerasTensor, classes: int) -> keras.KerasTensor:
        """Adds the new last layer.

        Args:
            features: float32 [B, D].
            classes: C.

        Returns:
            Logits, float32 [B, C].
        """
        first = keras.initializers.RandomNormal(stddev=self.head_stddev)
        layer = keras.layers.Dense(
            classes, kernel_initializer=first, dtype="float32", name="logits"
        )
        return layer(features)
