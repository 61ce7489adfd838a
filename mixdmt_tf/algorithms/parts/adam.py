"""Adam with a learning rate of its own for groups of layers."""

from __future__ import annotations

from typing import Any, Tuple, Union

import keras
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts.layer_rates import ByLayer, LayerRates


@keras.saving.register_keras_serializable("mixdmt_tf")
class Adam(ByLayer, keras.optimizers.Adam):
    """Keras's Adam; the step of each layer is as long as `LayerRates` says.

    Kingma and Ba 2015 (arXiv:1412.6980), algorithm 1 in the form at the end of section
    2, which Keras has as well: w <- w - lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) +
    epsilon). With the same rate for all layers its steps are those of Keras's class.
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
        rate = self.layer_rate(learning_rate, variable)
        weight = tf.convert_to_tensor(variable)
        index = compat.slot_index(self, variable)
        gradient = tf.cast(tf.convert_to_tensor(gradient), weight.dtype)
        step = tf.cast(tf.convert_to_tensor(self.iterations) + 1, weight.dtype)
        rate *= tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        m, v = (
            compat.tf_variable(slots[index])
            for slots in (self._momentums, self._velocities)
        )
        m.assign_add((gradient - m) * (1 - self.beta_1))
        v.assign_add((tf.square(gradient) - v) * (1 - self.beta_2))
        variable.assign(weight - rate * m / (tf.sqrt(v) + self.epsilon))
