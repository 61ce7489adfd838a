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
    """Keras's Adam with the learning rate multipliers of `LayerRates`.

    Kingma and Ba 2015 (arXiv:1412.6980), algorithm 1 in the form at the end of section
    2, which Keras uses as well: w <- w - lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) +
    epsilon). With the same rate for all layers its steps equal those of Keras's class,
    bit for bit. Keras computes the factor of m separately for each weight, which is
    half of the operations of its step; this class computes it once.
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
        """Stores the hyperparameters; `build` creates the variables.

        Args:
            learning_rate: a number or a schedule.
            head: see `LayerRates` for this and the next three.
            head_rate: multiplier of the head.
            decoder: names of layers.
            encoder_rate: multiplier of all other layers.
            name: prefix of the optimizer's variables.
            **kwargs: arguments of `keras.optimizers.Adam`, such as `epsilon`.
        """
        super().__init__(learning_rate, name=name, **kwargs)
        self._step = _Step()
        self.rates = LayerRates(tuple(head), head_rate, tuple(decoder), encoder_rate)

    def update_step(
        self, gradient: tf.Tensor, variable: Any, learning_rate: Any = None
    ) -> None:
        """Updates one variable.

        Args:
            gradient: gradient of the loss, unscaled and summed over the replicas.
            variable: a `tf.Variable` or a Keras weight.
            learning_rate: learning rate of this step on Keras 3; Keras 2 passes none.
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
        """Returns the factor of m, 1 - b1, 1 - b2, epsilon; shared by equal rates."""
        multiplier = (self._multipliers or [])[compat.slot_index(self, variable)]
        graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        place = compat.tf_variable(variable)
        key = (graph, place.device, place.dtype, multiplier)
        if key not in self._step.shared:
            rate = self.layer_rate(learning_rate, variable)
            step = tf.cast(tf.convert_to_tensor(self.iterations) + 1, rate.dtype)
            first, second = 1 - self.beta_1**step, tf.sqrt(1 - self.beta_2**step)
            # For equal rates, in the order of Keras's class, for bitwise equality.
            even = self.rates.even
            length = rate * second / first if even else rate * (second / first)
            numbers = (1 - self.beta_1, 1 - self.beta_2, self.epsilon)
            constants = [tf.constant(each, rate.dtype) for each in numbers]
            self._step.shared[key] = [length, *constants]
        return self._step.shared[key]

    def apply_gradients(self, *args: Any, **kwargs: Any) -> Any:
        """As in Keras; values shared by all weights are computed once per step."""
        with self._step.beginning():
            return super().apply_gradients(*args, **kwargs)

    def apply(self, *args: Any, **kwargs: Any) -> Any:
        """As in Keras 3, whose `apply_gradients` and loss scaling call it."""
        with self._step.beginning():
            return super().apply(*args, **kwargs)


class _Step:
    """Tensors that all weights share within one step; they are not checkpointed."""

    def __init__(self) -> None:
        self.shared: Dict[Any, List[tf.Tensor]] = {}

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """A context for one step, without shared tensors of other steps or graphs."""
        self.shared.clear()
        try:
            yield
        finally:
            self.shared.clear()
