"""Copies the variables of a method to another instance, to continue training."""

from __future__ import annotations

from typing import Any, Dict, List

from mixdmt_tf import compat
from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.algorithms.parts import own_state
from mixdmt_tf.errors import ArgumentError


def variables(algorithm: Algorithm) -> List[Any]:
    """Returns a method's variables, except those of its network and optimizers.

    That is: EMA weights, teacher, second network, and variables of its own, each once.
    """
    found = [*algorithm.average.averages]
    for each in filter(None, [algorithm.teacher, algorithm.peer]):
        found += each.weights
    known = {id(w) for w in map(compat.tf_variable, algorithm.network.weights)}
    unique: Dict[int, Any] = {}
    for variable in map(compat.tf_variable, found + algorithm.own_variables):
        if id(variable) not in known:
            unique.setdefault(id(variable), variable)
    return list(unique.values())


def take_over(algorithm: Algorithm, before: Algorithm) -> None:
    """Copies the state of another instance of the method, to continue its training.

    Args:
        algorithm: the new instance, compiled; its network has the weights already.
        before: the instance that was trained, compiled.

    Raises:
        ArgumentError: if the two belong to different images or labels.
    """
    pairs = list(zip(_all(algorithm), _all(before)))
    same = len(_all(algorithm)) == len(_all(before))
    if not same or any(own.shape != other.shape for own, other in pairs):
        raise ArgumentError(
            "initial_epoch: the training before used other images, labels or "
            "another optimizer.\nGive the same, or leave initial_epoch out."
        )
    for own, other in pairs:
        own.assign(other)


def _all(algorithm: Algorithm) -> List[Any]:
    """Returns `variables` and those of the optimizers."""
    found = variables(algorithm)
    optimizers = [algorithm.optimizer, *algorithm.more_optimizers.values()]
    for each in filter(None, optimizers):
        found += map(compat.tf_variable, compat.variables(each))
        found += own_state.of_loss_scale(each) + own_state.of_rate(each)
    return found
