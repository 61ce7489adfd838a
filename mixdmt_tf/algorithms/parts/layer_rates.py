"""Learning rates of groups of layers, like parameter groups of torch."""

from __future__ import annotations

import dataclasses
from typing import Any, Iterable, List, Tuple


@dataclasses.dataclass(frozen=True)
class LayerRates:
    """By what the learning rate is multiplied for a layer's weights.

    Layers are told apart by their names. What is neither head nor decoder is the
    encoder, such as the layers that have published weights.

    Attributes:
        head: names of the layers that tell classes apart, or how they begin.
        head_rate: of the head; 10 in DeepLab-v2 (arXiv:1606.00915).
        decoder: names of the layers between encoder and head; their multiplier is 1.
        encoder_rate: of all other layers.
    """

    head: Tuple[str, ...] = ()
    head_rate: float = 1.0
    decoder: Tuple[str, ...] = ()
    encoder_rate: float = 1.0

    @property
    def even(self) -> bool:
        """Whether all layers have the same learning rate."""
        return self.head_rate == self.encoder_rate == 1.0

    def of(self, variable: Any) -> float:
        """The multiplier for a `tf.Variable` or Keras weight."""
        path = getattr(variable, "path", variable.name)  # Keras 2 has the whole in name
        layers = path.split("/")
        if any(each.startswith(tuple(self.head)) for each in layers):
            return self.head_rate
        if any(each.startswith(tuple(self.decoder)) for each in layers):
            return 1.0
        return self.encoder_rate

    def of_all(self, variables: Iterable[Any]) -> List[float]:
        """The multiplier for each of them."""
        return [self.of(each) for each in variables]
