"""Adam with a learning rate of its own for groups of layers."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Iterator, List, Tuple, Union

import keras
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts.layer_rates import ByLayer, LayerRates


@keras.saving.register_keras_serializable("mixdmt_tf")
class Adam(ByLayer, keras.optimizers.Adam):
    """Keras's Adam; the step of each layer is as long as `LayerRates` says.

    Kingma and Ba 2015 (arXiv:1412.6980), algorithm 1 in the form at the end of section
    2, which Keras has as well: w <- w - lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) +
    epsilon). With the same rate for all layers its steps are those of Keras's class,
    bit for bit. That one computes the factor of m anew for each weight, which is half
    of the operations of its step.
    """

    def __init__(
        self,
        learning_rate: Union[float, keras.optimizers.schedules.LearningRateSchedule],
        head: Tuple[str, ...] = (),
        head_rate: float = 1.0,
        decoder: Tuple[str, ...] = (),
        encoder_rate: float = 1.0,
        name: str = "adam",
        **kwargs: Any,
    ):
        """Remembers its numbers; variables are made by `build`.

        Args:
            learning_rate: a number or a schedule.
            head: see `LayerRates`, as the next three.
            head_rate: of the head.
            decoder: names of layers.
            encoder_rate: of what is neither head nor decoder.
            name: of the optimizer's variables.
            **kwargs: of `keras.optimizers.Adam`, such as `epsilon`.
        """
        super().__init__(learning_rate, name=name, **kwargs)
        self._step = _Step()
        self.rates = LayerRates(tuple(head), head_rate, tuple(decoder), encoder_rate)

    def update_step(
        self, gradient: tf.Tensor, variable: Any, learning_rate: Any = None
    ) -> None:
        """Moves one variable; Keras 3 hands over the learning rate, Keras 2 does not.

        Args:
            gradient: of the loss, unscaled and summed over the replicas.
            variable: a `tf.Variable` or a Keras weight.
            learning_rate: of this step.
        """
        weight = tf.convert_to_tensor(variable)
        index = compat.slot_index(self, variable)
        gradient = tf.cast(tf.convert_to_tensor(gradient), weight.dtype)
        m, v = (
            compat.tf_variable(slots[index])
            for slots in (self._momentums, self._velocities)
        )
        length, first, second, epsilon = self._shared(learning_rate, variable)
        m.assign_add((gradient - m) * first)
        v.assign_add((tf.square(gradient) - v) * second)
        variable.assign(weight - length * m / (tf.sqrt(v) + epsilon))

    def _shared(self, learning_rate: Any, variable: Any) -> List[tf.Tensor]:
        """The factor of m, 1 - b1, 1 - b2, epsilon: of all weights of equal rates."""
        multiplier = (self._multipliers or [])[compat.slot_index(self, variable)]
        graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        place = compat.tf_variable(variable)
        key = (graph, place.device, place.dtype, multiplier)
        if key not in self._step.shared:
            rate = self.layer_rate(learning_rate, variable)
            step = tf.cast(tf.convert_to_tensor(self.iterations) + 1, rate.dtype)
            first, second = 1 - self.beta_1**step, tf.sqrt(1 - self.beta_2**step)
            # In Keras's order where its own class would do: bits depend on it.
            even = self.rates.even
            length = rate * second / first if even else rate * (second / first)
            numbers = (1 - self.beta_1, 1 - self.beta_2, self.epsilon)
            constants = [tf.constant(each, rate.dtype) for each in numbers]
            self._step.shared[key] = [length, *constants]
        return self._step.shared[key]

    def apply_gradients(self, *args: Any, **kwargs: Any) -> Any:
        """As Keras's; a step computes once what all weights share."""
        with self._step.beginning():
            return super().apply_gradients(*args, **kwargs)

    def apply(self, *args: Any, **kwargs: Any) -> Any:
        """Keras 3's, which `apply_gradients` and loss scaling call."""
        with self._step.beginning():
            return super().apply(*args, **kwargs)


class _Step:
    """What the weights of one step share; plain tensors, of no checkpoint."""

    def __init__(self) -> None:
        self.shared: Dict[Any, List[tf.Tensor]] = {}

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """Within it a step is taken: nothing is left of another one, in any graph."""
        self.shared.clear()
        try:
            yield
        finally:
            self.shared.clear()
