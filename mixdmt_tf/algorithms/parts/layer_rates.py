"""Learning rates of groups of layers, like parameter groups of torch."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Iterable, List, Optional, Tuple

import tensorflow as tf

from mixdmt_tf import compat


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


class ByLayer:
    """What optimizers share whose learning rate differs between groups of layers.

    A class derives from this and then from a Keras optimizer, and sets `rates`.
    """

    rates: LayerRates
    _multipliers: Optional[List[float]] = None

    def build(self, variables: Iterable[Any]) -> None:
        """Makes the optimizer's variables, and notes the rate of each weight.

        Args:
            variables: all that will be trained; calls after the first change nothing.
        """
        variables = list(variables)
        super().build(variables)  # type: ignore[misc]
        if self._multipliers is None:
            # Now, because Keras 3 gives `update_step` variables without their path.
            self._multipliers = self.rates.of_all(variables)

    def layer_rate(self, learning_rate: Any, variable: Any) -> tf.Tensor:
        """The learning rate of one weight in a step, scalar in the weight's dtype.

        Args:
            learning_rate: that Keras 3 hands to `update_step`; None on Keras 2.
            variable: the weight.
        """
        rate: Any = learning_rate
        if rate is None:
            rate = self.learning_rate  # type: ignore[attr-defined]
        dtype = tf.convert_to_tensor(variable).dtype
        rate = tf.cast(tf.convert_to_tensor(rate), dtype)
        return rate * (self._multipliers or [])[compat.slot_index(self, variable)]

    def get_config(self) -> Dict[str, Any]:
        """What `from_config` rebuilds it from."""
        rates = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self.rates).items()
        }
        return {**super().get_config(), **rates}  # type: ignore[misc]
