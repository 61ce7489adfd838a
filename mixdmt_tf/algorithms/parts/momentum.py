"""Gradient descent with momentum as the papers ran it, and its learning rates.

PyTorch and TensorFlow 1 keep the learning rate out of the velocity, while Keras
includes it. The two agree only while the rate is constant, but under the cosine
schedule of UDA and FixMatch it changes at every step.
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


def is_kernel(variable: Any) -> bool:
    """Whether a variable is called a kernel, whatever its layer is called."""
    parts = [e for e in variable.name.split("/") if not e.startswith("replica_")]
    return "kernel" in parts[-1]


@keras.saving.register_keras_serializable("mixdmt_tf")
class Momentum(ByLayer, keras.optimizers.SGD):
    """SGD with momentum: v <- m v + g, then w <- w - lr v.

    With Nesterov's momentum, w <- w - lr (g + m v). The rule is that of
    `torch.optim.SGD` without dampening and of `tf.compat.v1.train.MomentumOptimizer`.
    With `l2`, g is the gradient plus l2 * w: coupled weight decay that passes through
    the momentum, like an L2 loss of l2/2 * |w|^2. It is added once, after the gradients
    are summed over the replicas and divided by a float16 loss scale.

    lr may differ between groups of layers (`LayerRates`); the velocity, including the
    decay, does not depend on it.

    Keras's SGD provides the constructor, the velocities and their checkpointing. Its
    arguments from `weight_decay` on (which is decoupled, another rule) are not used.
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
        """Stores the hyperparameters; `build` creates the variables.

        Args:
            learning_rate: a number, or a schedule such as `learning_rate` returns.
            momentum: m, 0 for plain gradient descent.
            nesterov: whether to use Nesterov's momentum.
            l2: coupled weight decay, in the paper's unit (not times the rate).
            kernels_only: decay only variables whose name contains 'kernel' (FixMatch);
                otherwise biases and batch normalization's scales too (UDA, DMT).
            head: names of layers, or prefixes of names, such as ('aspp_', 'classes');
                see `LayerRates` for this and the next three.
            head_rate: their learning rate, in multiples of `learning_rate`.
            decoder: names of layers.
            encoder_rate: learning rate of all other layers, in the same unit.
            name: prefix of the optimizer's variables.
            **kwargs: arguments of `keras.optimizers.SGD`.
        """
        super().__init__(learning_rate, momentum, nesterov, name=name, **kwargs)
        self.l2 = l2
        self.kernels_only = kernels_only
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
        rate = self.layer_rate(learning_rate, variable)
        weight = tf.convert_to_tensor(variable)
        gradient = tf.cast(tf.convert_to_tensor(gradient), weight.dtype)
        index = compat.slot_index(self, variable)
        if self.l2 and (is_kernel(variable) or not self.kernels_only):
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
        """Returns the config from which `from_config` rebuilds the optimizer."""
        return {
            **super().get_config(),
            "l2": self.l2,
            "kernels_only": self.kernels_only,
        }


@keras.saving.register_keras_serializable("mixdmt_tf")
class ScaledRate(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule: the initial learning rate times a factor that depends on the step.

    The step is the optimizer's own count, which equals that of training. On Keras 3,
    steps that are skipped because of float16 overflow are not counted, and the schedule
    lags behind by these.
    """

    def __init__(self, learning_rate: float, schedule: str, total: int):
        """Stores the arguments.

        Args:
            learning_rate: learning rate at step 0.
            schedule: 'cosine_7_16', 'cosine' or 'poly'.
            total: steps of the whole training.
        """
        super().__init__()
        self.initial = learning_rate
        self.schedule = schedule
        self.total = total

    def __call__(self, step: Any) -> tf.Tensor:
        """Returns the learning rate of step 0, 1, 2, ...; float32, the step's shape."""
        factor = FACTORS[self.schedule]
        return self.initial * factor(tf.convert_to_tensor(step), self.total)

    def get_config(self) -> Dict[str, Any]:
        """Returns the config from which `from_config` rebuilds the schedule."""
        return {
            "learning_rate": self.initial,
            "schedule": self.schedule,
            "total": self.total,
        }


def learning_rate(
    rate: float, schedule: str = "constant", total: Optional[int] = None
) -> Union[float, ScaledRate]:
    """Returns a constant learning rate or a schedule for an optimizer.

    Args:
        rate: learning rate at step 0.
        schedule: 'constant'; 'cosine_7_16', rate * cos(7 pi t / (16 T)) (UDA, FixMatch
            section 2.4); 'cosine', rate * (1 + cos(pi t / T)) / 2 (DMT); 'poly', rate *
            (1 - t / T)^0.9 (DeepLab, DMT section 5.2.2).
        total: T, steps of the whole training; not needed for 'constant'.

    Returns:
        The rate itself, or a Keras schedule.

    Raises:
        ValueError: if the schedule is unknown, or needs `total`.
    """
    if schedule == "constant":
        return float(rate)
    if schedule not in FACTORS:
        known = ["constant", *FACTORS]
        raise ValueError(f"schedule must be one of {known}, got {schedule!r}")
    if total is None:
        raise ValueError(f"schedule {schedule!r} needs the total number of steps")
    return ScaledRate(float(rate), schedule, total)
