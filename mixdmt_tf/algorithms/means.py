"""State of the means of what training steps report, to be kept over an interruption."""

from __future__ import annotations

from typing import Dict, List, Mapping

import keras

from mixdmt_tf import compat

State = Dict[str, List[List[float]]]


def state(means: Mapping[str, keras.metrics.Mean]) -> State:
    """What each mean has summed up so far: numbers that JSON keeps exactly.

    Returns:
        By name, for each variable of the metric its value on each replica.
    """
    return {
        name: [[float(copy) for copy in _copies(v)] for v in mean.variables]
        for name, mean in means.items()
    }


def restore(means: Mapping[str, keras.metrics.Mean], saved: State) -> None:
    """Lets the means go on from a state.

    Args:
        means: as they were made; those that the state doesn't know stay as they are.
        saved: from `state`. On another number of replicas the first one takes all.
    """
    for name in means.keys() & saved.keys():
        for variable, values in zip(means[name].variables, saved[name]):
            copies = _copies(variable)
            if len(copies) != len(values):
                values = [sum(values)] + [0.0] * (len(copies) - 1)
            for copy, value in zip(copies, values):
                copy.assign(value)


def _copies(variable):
    """The variable of each replica; of a metric they differ."""
    variable = compat.tf_variable(variable)
    return list(getattr(variable, "values", [variable]))
