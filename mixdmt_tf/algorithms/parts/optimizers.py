"""The optimizer that the settings of a method describe."""

from __future__ import annotations

import dataclasses
from typing import Any, Union

import keras
from keras.optimizers.schedules import LearningRateSchedule

from mixdmt_tf.algorithms.parts.adam import Adam
from mixdmt_tf.algorithms.parts.layer_rates import LayerRates
from mixdmt_tf.algorithms.parts.momentum import Momentum


def optimizer(
    config: Any, rate: Union[float, LearningRateSchedule], rates: LayerRates
) -> keras.optimizers.Optimizer:
    """Adam, or gradient descent with momentum, as `base.Config` has them.

    Args:
        config: of a method.
        rate: learning rate, from `momentum.learning_rate`.
        rates: of groups of layers.
    """
    by_layer = dataclasses.asdict(rates)
    if config.optimizer == "adam":
        return Adam(rate, epsilon=config.adam_epsilon, **by_layer)
    form = config.weight_decay_form
    return Momentum(
        rate,
        config.momentum,
        config.nesterov,
        l2=0.0 if form == "multiply" else config.weight_decay,
        kernels_only=form == "l2_kernels",
        **by_layer,
    )
