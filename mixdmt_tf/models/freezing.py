"""Freezing of layers with published weights."""

from __future__ import annotations

import dataclasses
from typing import Sequence

import keras

from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import setting

_UNTIL = "until:"


@dataclasses.dataclass(frozen=True)
class Freezing:
    """Setting of networks that can keep the weights of their first layers."""

    freeze: str = setting(
        "none",
        "layers that keep their weights and running statistics; encoder: all with "
        "published weights; until:LAYER: those before the layer of this name, such as "
        "until:blocks_9_expand_conv",
    )

    def check_freeze(self) -> None:
        """Raises a UsageError if the value of `freeze` is malformed."""
        named = self.freeze.startswith(_UNTIL) and len(self.freeze) > len(_UNTIL)
        if self.freeze not in ("none", "encoder") and not named:
            raise UsageError(
                f"freeze={self.freeze!r}: expected none, encoder or {_UNTIL}LAYER"
            )

    def freeze_layers(
        self, model: keras.Model, encoder: Sequence[keras.layers.Layer]
    ) -> None:
        """Freezes the layers that the setting names.

        Args:
            model: the built model.
            encoder: its layers with published weights.

        Raises:
            UsageError: if it has no layer of the name in `freeze`.
        """
        frozen: Sequence[keras.layers.Layer] = ()
        if self.freeze == "encoder":
            frozen = encoder
        elif self.freeze.startswith(_UNTIL):
            names = [each.name for each in model.layers]
            wanted = self.freeze[len(_UNTIL) :]
            if wanted not in names:
                trained = [each.name for each in model.layers if each.weights]
                raise UsageError(
                    f"freeze={self.freeze}: {model.name} has no layer of this name.\n"
                    f"Expected one such as {', '.join(trained[:3])}, ..., {trained[-1]}"
                )
            frozen = model.layers[: names.index(wanted)]
        for layer in frozen:
            layer.trainable = False
