"""Finds what a method keeps besides its networks: running means, thresholds, queues."""

from __future__ import annotations

import types
from typing import Any, Dict, Iterable, List, Mapping, Set

import tensorflow as tf

from mixdmt_tf import compat

Trackable = tf.__internal__.tracking.Trackable
_NO_STATE = (type, types.ModuleType, types.FunctionType, types.MethodType)


def running(value: Any) -> tf.Variable:
    """A variable that a step assigns, the same number on all replicas.

    Args:
        value: to start from; its dtype is kept.
    """
    first = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return tf.Variable(value, trainable=False, aggregation=first)


def parts(attributes: Mapping[str, Any], known: Iterable[Any]) -> Dict[str, Any]:
    """Everything in some attributes that a checkpoint can hold.

    Found are variables, `tf.Module`s, Keras layers, metrics and optimizers, random
    generators and whatever else TensorFlow saves, in lists, tuples and dictionaries and
    in attributes of plain Python objects, too.

    Args:
        attributes: values by name.
        known: variables that are not wanted; what holds nothing but these is left out.

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
        if not held or held - ids:  # a layer that isn't built yet has none
            wanted[path] = part
    return wanted


def variables(trackables: Iterable[Any]) -> List[tf.Variable]:
    """All variables in some trackable objects, each once."""
    found: Dict[int, tf.Variable] = {}
    for part in trackables:
        for each in tf.train.TrackableView(part).descendants():
            if compat.is_variable(each):
                variable = compat.tf_variable(each)
                found.setdefault(id(variable), variable)
    return list(found.values())


def of_loss_scale(optimizer: Any) -> List[tf.Variable]:
    """The loss scale of float16 and its counter, if they are Keras 2's.

    Keras 3 has them among the variables of the optimizer, as `compat.variables` gives
    them; Keras 2 has not, and leaves them out of .keras files.
    """
    found = tf.train.TrackableView.children(optimizer).get("loss_scale")
    return [] if found is None else variables([found])


def _search(value: Any, path: str, found: Dict[str, Any], seen: Set[int]) -> None:
    # TensorFlow makes trackable ones of lists, dictionaries and tuples, which hold no
    # plain objects and refuse to be saved once an element was replaced.
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
