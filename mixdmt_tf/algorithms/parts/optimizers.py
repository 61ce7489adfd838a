"""The optimizer that the settings of a method describe."""

from __future__ import annotations

import dataclasses
from typing import Any, Union

import keras
from keras.optimizers.schedules import LearningRateSchedule

from mixdmt_tf import lengths
from mixdmt_tf.algorithms.parts import momentum
from mixdmt_tf.algorithms.parts.adam import Adam
from mixdmt_tf.algorithms.parts.layer_rates import LayerRates


def learning_rate(config: Any, steps: int) -> Union[float, LearningRateSchedule]:
    """Returns the learning rate of a run: a number, or a schedule.

    Args:
        config: settings of a method.
        steps: number of steps of the run.
    """
    rate = lengths.learning_rate(
        config.learning_rate, config.learning_rate_steps, steps
    )
    return momentum.learning_rate(rate, config.learning_rate_schedule, steps)


def note(config: Any, steps: int) -> str:
    """Returns a line about a learning rate reduced for a long run; '' if it is not.

    Args:
        config: settings of a method.
        steps: number of steps of the run.
    """
    given, meant_for = config.learning_rate, config.learning_rate_steps
    rate = lengths.learning_rate(given, meant_for, steps)
    if rate == given:
        return ""
    return (
        f"learning rate {rate:.3g}: {given:g} is that of {meant_for:,} steps "
        "(--learning_rate_steps)"
    )


def optimizer(
    config: Any, rate: Union[float, LearningRateSchedule], rates: LayerRates
) -> keras.optimizers.Optimizer:
    """Returns the optimizer of the settings: Adam, or SGD with momentum.

    Args:
        config: settings of a method.
        rate: learning rate, from `learning_rate`.
        rates: multipliers of groups of layers.
    """
    by_layer = dataclasses.asdict(rates)
    if config.optimizer == "adam":
        return Adam(rate, epsilon=config.adam_epsilon, **by_layer)
    form = config.weight_decay_form
    return momentum.Momentum(
        rate,
        config.momentum,
        config.nesterov,
        l2=0.0 if form == "multiply" else config.weight_decay,
        kernels_only=form == "l2_kernels",
        **by_layer,
    )
