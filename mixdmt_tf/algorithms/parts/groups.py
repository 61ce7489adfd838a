"""Groups of weights with an optimizer each, such as a network and its adversary."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts.layer_rates import LayerRates
from mixdmt_tf.algorithms.parts.momentum import is_kernel
from mixdmt_tf.algorithms.parts.scaled_gradients import apply_scaled_gradients

# By group name: a gradient for each weight, None if the loss does not depend on it.
Gradients = Mapping[str, Sequence[Optional[tf.Tensor]]]
NETWORK = "network"  # the group of `Algorithm.trained_weights`


@dataclasses.dataclass(frozen=True)
class Group:
    """Weights with their optimizer; a loss term names the group that it trains.

    Attributes:
        weights: Keras weights, which belong to no other group.
        optimizer: a Keras optimizer. It adds any coupled weight decay to the gradients.
        learning_rate: learning rate of the optimizer, for the decay of kernels.
        weight_decay: kernels are multiplied by 1 - weight_decay * learning_rate after
            each step.
        rates: multipliers of groups of layers, also for the decay of kernels.
    """

    weights: Sequence[Any]
    optimizer: Any
    learning_rate: Union[float, LearningRateSchedule]
    weight_decay: float = 0.0
    rates: LayerRates = LayerRates()

    def built(self, scaling: bool) -> Group:
        """Returns the group with a built optimizer.

        Args:
            scaling: whether the optimizer scales the loss, for mixed_float16.
        """
        optimizer = self.optimizer
        if scaling and not compat.is_loss_scaling(optimizer):
            optimizer = compat.loss_scaling(optimizer)
        optimizer.build(self.weights)
        return dataclasses.replace(self, optimizer=optimizer)

    def decaying(self, step: tf.Tensor) -> List[Tuple[tf.Variable, Any]]:
        """Returns the kernels that decay, each with its learning rate.

        Args:
            step: step of the run.
        """
        if not self.weight_decay:
            return []
        rate = self.learning_rate
        rate = rate(step) if callable(rate) else rate
        weights = map(compat.tf_variable, self.weights)
        multipliers = self.rates.of_all(self.weights)
        pairs = zip(weights, multipliers)
        return [(w, rate * multiplier) for w, multiplier in pairs if is_kernel(w)]


def losses(
    groups: Mapping[str, Group], terms: Mapping[str, Any], means: Mapping[str, Any]
) -> Dict[str, tf.Tensor]:
    """Returns the loss of each group: the weighted sum of the terms that name it.

    Args:
        groups: groups of a method.
        terms: all or some of its terms of a step.
        means: the mean of each term.

    Returns:
        Losses by group, without groups that no term names.
    """
    parts: Dict[str, List[tf.Tensor]] = {name: [] for name in groups}
    for name, term in terms.items():
        parts[term.group].append(means[name] * term.weight)
    return {name: tf.add_n(each) for name, each in parts.items() if each}


def scaled(
    groups: Mapping[str, Group], terms: Mapping[str, Any], means: Mapping[str, Any]
) -> Dict[str, tf.Tensor]:
    """Returns `losses`, each times the loss scale of its group's optimizer."""
    return {
        name: compat.scale_loss(groups[name].optimizer, loss)
        for name, loss in losses(groups, terms, means).items()
    }


def gradients(
    groups: Mapping[str, Group],
    tape: tf.GradientTape,
    scaled: Mapping[str, tf.Tensor],
) -> Gradients:
    """Returns the gradients of each group's loss with respect to its weights.

    Args:
        groups: groups of a method.
        tape: the tape that recorded the losses; persistent if there are several.
        scaled: the losses of the groups.
    """
    return {
        name: tape.gradient(loss, groups[name].weights) for name, loss in scaled.items()
    }


def descend(groups: Mapping[str, Group], found: Gradients) -> None:
    """Applies the gradients of each group.

    Args:
        groups: groups of a method.
        found: gradients of all groups, from `gradients`.
    """
    for name, group in groups.items():
        apply_scaled_gradients(group.optimizer, found[name], group.weights)
