"""Finds what a method keeps besides its networks: running means, thresholds, queues."""

from __future__ import annotations

import types
from typing import Any, Dict, Iterable, List, Mapping, Set

import tensorflow as tf

from mixdmt_tf import compat

Trackable = tf.__internal__.tracking.Trackable
_NO_STATE = (type, types.ModuleType, types.FunctionType, types.MethodType)


def running(value: Any) -> tf.Variable:
    """Returns a variable that steps assign, with the same value on all replicas.

    Args:
        value: initial value; its dtype is kept.
    """
    first = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return tf.Variable(value, trainable=False, aggregation=first)


def parts(attributes: Mapping[str, Any], known: Iterable[Any]) -> Dict[str, Any]:
    """Finds everything in some attributes that a checkpoint can hold.

    That is: variables, `tf.Module`s, Keras layers, metrics and optimizers, random
    generators and anything else that TensorFlow saves, also inside lists, tuples,
    dictionaries, and attributes of plain Python objects.

    Args:
        attributes: values by name.
        known: variables to exclude; objects that hold only these are left out.

    Returns:
        Trackable objects by path, such as 'threshold', 'queues.0' or 'means.x'.
    """
    found: Dict[str, Any] = {}
    seen: Set[int] = set()
    for name, value in attributes.items():
        _search(value, name, found, seen)
    ids = {id(compat.tf_variable(each)) for each in known}
    wanted = {}
    for path, part in found.items():
        held = {id(each) for each in variables([part])}
        if not held or held - ids:  # unbuilt layers hold no variables
            wanted[path] = part
    return wanted


def variables(trackables: Iterable[Any]) -> List[tf.Variable]:
    """Returns all variables in some trackable objects, each once."""
    found: Dict[int, tf.Variable] = {}
    for part in trackables:
        for each in tf.train.TrackableView(part).descendants():
            if compat.is_variable(each):
                variable = compat.tf_variable(each)
                found.setdefault(id(variable), variable)
    return list(found.values())


def of_loss_scale(optimizer: Any) -> List[tf.Variable]:
    """Returns the float16 loss scale and its counter on Keras 2, else nothing.

    On Keras 3 they are among the variables of the optimizer (`compat.variables`). On
    Keras 2 they are not, and .keras files lack them.
    """
    found = tf.train.TrackableView.children(optimizer).get("loss_scale")
    return [] if found is None else variables([found])


def of_rate(optimizer: Any) -> List[tf.Variable]:
    """Returns the learning rate if callbacks can set it; nothing for a schedule.

    On Keras 3 it is among the variables of the optimizer, on Keras 2 it is not.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    rate = getattr(inner, "_learning_rate", None)
    return [compat.tf_variable(rate)] if compat.is_variable(rate) else []


def _search(value: Any, path: str, found: Dict[str, Any], seen: Set[int]) -> None:
    # TensorFlow wraps lists, dictionaries and tuples in trackable ones, which hold no
    # plain objects and can't be saved once an element was replaced.
    value = getattr(value, "__wrapped__", value)
    if id(value) in seen or isinstance(value, _NO_STATE):
        return
    seen.add(id(value))
    inside: Iterable[Any]
    if isinstance(value, Mapping):
        inside = value.items()
    elif isinstance(value, (list, tuple)):
        inside = enumerate(value)
    elif isinstance(value, Trackable):
        found[path] = value
        return
    elif type(value).__module__.partition(".")[0] in ("keras", "tensorflow"):
        inside = enumerate(getattr(value, "variables", ()))
    else:
        inside = getattr(value, "__dict__", {}).items()
    for key, each in list(inside):
        _search(each, f"{path}.{key}", found, seen)
