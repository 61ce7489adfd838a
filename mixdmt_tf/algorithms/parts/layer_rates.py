"""Learning rates of groups of layers, like parameter groups of torch."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Iterable, List, Optional, Tuple

import tensorflow as tf

from mixdmt_tf import compat


@dataclasses.dataclass(frozen=True)
class LayerRates:
    """Learning rate multipliers of the layers.

    Layers are identified by their names. All layers that are neither head nor decoder
    form the encoder, such as the layers with pretrained weights.

    Attributes:
        head: names, or prefixes of names, of the layers that classify.
        head_rate: multiplier of the head; 10 in DeepLab-v2 (arXiv:1606.00915).
        decoder: names of the layers between encoder and head; their multiplier is 1.
        encoder_rate: multiplier of all other layers.
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
        """Returns the multiplier for a `tf.Variable` or Keras weight."""
        path = getattr(variable, "path", variable.name)  # in Keras 2 name is the path
        layers = path.split("/")
        if any(each.startswith(tuple(self.head)) for each in layers):
            return self.head_rate
        if any(each.startswith(tuple(self.decoder)) for each in layers):
            return 1.0
        return self.encoder_rate

    def of_all(self, variables: Iterable[Any]) -> List[float]:
        """Returns the multiplier for each variable."""
        return [self.of(each) for each in variables]


class ByLayer:
    """Mixin for optimizers with different learning rates for groups of layers.

    A class derives from this and then from a Keras optimizer, and sets `rates`.
    """

    rates: LayerRates
    _multipliers: Optional[List[float]] = None

    def build(self, variables: Iterable[Any]) -> None:
        """Creates the optimizer's variables, and stores the multiplier of each weight.

        Args:
            variables: all variables to be trained; later calls have no effect.
        """
        variables = list(variables)
        super().build(variables)  # type: ignore[misc]
        if self._multipliers is None:
            # Done here, because Keras 3 passes `update_step` variables without path.
            self._multipliers = self.rates.of_all(variables)

    def layer_rate(self, learning_rate: Any, variable: Any) -> tf.Tensor:
        """Returns the learning rate of one weight, a scalar in the weight's dtype.

        Args:
            learning_rate: what Keras 3 passes to `update_step`; None on Keras 2.
            variable: the weight.
        """
        rate: Any = learning_rate
        if rate is None:
            rate = self.learning_rate  # type: ignore[attr-defined]
        dtype = tf.convert_to_tensor(variable).dtype
        rate = tf.cast(tf.convert_to_tensor(rate), dtype)
        return rate * (self._multipliers or [])[compat.slot_index(self, variable)]

    def get_config(self) -> Dict[str, Any]:
        """Returns the config from which `from_config` rebuilds the optimizer."""
        rates = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self.rates).items()
        }
        return {**super().get_config(), **rates}  # type: ignore[misc]
