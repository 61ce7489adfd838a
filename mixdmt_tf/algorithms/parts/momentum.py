"""Gradient descent with momentum as the papers ran it, and its learning rates.

PyTorch and TensorFlow 1 keep the learning rate out of the velocity, Keras multiplies it
in. The two agree only as long as the rate is constant, and under the cosine of UDA and
FixMatch it changes at every step.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple, Union

import keras
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts.layer_rates import ByLayer, LayerRates
from mixdmt_tf.equations import cosine_7_16, cosine_to_zero, polynomial_to_zero

FACTORS = {
    "cosine_7_16": cosine_7_16,
    "cosine": cosine_to_zero,
    "poly": polynomial_to_zero,
}


@keras.saving.register_keras_serializable("mixdmt_tf")
class Momentum(ByLayer, keras.optimizers.SGD):
    """v <- m v + g, then w <- w - lr v, or w <- w - lr (g + m v) after Nesterov.

    `torch.optim.SGD` without dampening and `tf.compat.v1.train.MomentumOptimizer`.
    With `l2`, g is the gradient plus l2 * w: weight decay that passes through the
    momentum, as an L2 loss of l2/2 * |w|^2 does. It is added where the gradients are
    already summed over the replicas and freed from a float16 loss scale, hence once.

    lr may differ between groups of layers (`LayerRates`). The velocity, with the decay
    in it, stays what it is.

    Keras's own SGD provides the constructor, the velocities and their checkpointing;
    its arguments `weight_decay` (another rule, decoupled) and below stay unused.
    """

    def __init__(
        self,
        learning_rate: Union[float, keras.optimizers.schedules.LearningRateSchedule],
        momentum: float = 0.9,
        nesterov: bool = False,
        l2: float = 0.0,
        kernels_only: bool = False,
        head: Tuple[str, ...] = (),
        head_rate: float = 1.0,
        decoder: Tuple[str, ...] = (),
        encoder_rate: float = 1.0,
        name: str = "momentum",
        **kwargs: Any,
    ):
        """Remembers its numbers; variables are made by `build`.

        Args:
            learning_rate: a number, or a schedule such as `learning_rate` returns.
            momentum: m, 0 for plain gradient descent.
            nesterov: look ahead.
            l2: coupled weight decay, in the paper's unit (not times the rate).
            kernels_only: decay only variables whose name contains 'kernel' (FixMatch);
                otherwise biases and batch normalization's scales too (UDA, DMT).
            head: names of layers, or what their names begin with, such as
                ('aspp_', 'classes'); see `LayerRates`, as the next three.
            head_rate: their learning rate, in multiples of `learning_rate`.
            decoder: names of layers.
            encoder_rate: learning rate of what is neither head nor decoder.
            name: of the optimizer's variables.
            **kwargs: of `keras.optimizers.SGD`.
        """
        super().__init__(learning_rate, momentum, nesterov, name=name, **kwargs)
        self.l2 = l2
        self.kernels_only = kernels_only
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
        gradient = tf.cast(tf.convert_to_tensor(gradient), weight.dtype)
        index = compat.slot_index(self, variable)
        if self.l2 and (not self.kernels_only or "kernel" in variable.name):
            gradient += self.l2 * weight
        direction = gradient
        if self.momentum:
            velocity = compat.tf_variable(self.momentums[index])
            direction = self.momentum * tf.convert_to_tensor(velocity) + gradient
            velocity.assign(direction)
            if self.nesterov:
                direction = gradient + self.momentum * direction
        variable.assign(weight - rate * direction)

    def get_config(self) -> Dict[str, Any]:
        """What `from_config` rebuilds it from."""
        return {
            **super().get_config(),
            "l2": self.l2,
            "kernels_only": self.kernels_only,
        }


@keras.saving.register_keras_serializable("mixdmt_tf")
class ScaledRate(keras.optimizers.schedules.LearningRateSchedule):
    """The initial learning rate times a factor that depends on the step.

    The step is the optimizer's own count, which is that of training; on Keras 3 a step
    that float16 skips is not counted and the schedule lags behind by it.
    """

    def __init__(self, learning_rate: float, schedule: str, total: int):
        """Remembers them.

        Args:
            learning_rate: at step 0.
            schedule: 'cosine_7_16', 'cosine' or 'poly'.
            total: steps of the whole training.
        """
        super().__init__()
        self.initial = learning_rate
        self.schedule = schedule
        self.total = total

    def __call__(self, step: Any) -> tf.Tensor:
        """The learning rate of step 0, 1, 2, ..., float32 in the step's shape."""
        factor = FACTORS[self.schedule]
        return self.initial * factor(tf.convert_to_tensor(step), self.total)

    def get_config(self) -> Dict[str, Any]:
        """What `from_config` rebuilds it from."""
        return {
            "learning_rate": self.initial,
            "schedule": self.schedule,
            "total": self.total,
        }


def learning_rate(
    rate: float, schedule: str = "constant", total: Optional[int] = None
) -> Union[float, ScaledRate]:
    """What an optimizer takes as its learning rate.

    Args:
        rate: at step 0.
        schedule: 'constant'; 'cosine_7_16', rate * cos(7 pi t / (16 T)) (UDA, FixMatch
            section 2.4); 'cosine', rate * (1 + cos(pi t / T)) / 2 (DMT); 'poly', rate *
            (1 - t / T)^0.9 (DeepLab, DMT section 5.2.2).
        total: T, steps of the whole training; not needed for 'constant'.

    Returns:
        The rate itself, or a Keras schedule.

    Raises:
        ValueError: for another word, or a schedule without `total`.
    """
    if schedule == "constant":
        return float(rate)
    if schedule not in FACTORS:
        known = ["constant", *FACTORS]
        raise ValueError(f"schedule must be one of {known}, got {schedule!r}")
    if total is None:
        raise ValueError(f"schedule {schedule!r} needs the total number of steps")
    return ScaledRate(float(rate), schedule, total)
