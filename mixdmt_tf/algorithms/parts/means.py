"""Means of what training steps report, and their state, kept over an interruption."""

from __future__ import annotations

import functools
from typing import Callable, Dict, List, Mapping, Sequence, Tuple, Union

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import compat

State = Dict[str, List[List[float]]]
Gather = Callable[[np.ndarray], np.ndarray]
# A number to log: a tensor, or (values, which of them count).
Reported = Union[tf.Tensor, Tuple[tf.Tensor, tf.Tensor]]


def update(
    means: Mapping[str, keras.metrics.Mean],
    shares: Mapping[str, tf.Tensor],
    reports: Mapping[str, Reported],
) -> None:
    """Updates the means with the numbers of a step, or of a part of its batch.

    Args:
        means: metrics by name.
        shares: this replica's shares of means over the rows of all replicas.
        reports: numbers of this replica alone.
    """
    # Shares were divided by the rows of all replicas; metrics average over replicas
    # themselves, so undo it.
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    for name, share in shares.items():
        means[name].update_state(share * replicas)
    for name, value in reports.items():
        values, mask = value if isinstance(value, tuple) else (value, None)
        means[name].update_state(values, sample_weight=mask)


def reader(means: Mapping[str, keras.metrics.Mean]) -> Callable[[], Dict[str, float]]:
    """Returns a function that reads and resets the means.

    It is compiled to avoid a memory leak: in Python 3.11 and 3.12 TensorFlow leaks some
    50 bytes for every tensor that is created outside of a `tf.function`
    (https://github.com/tensorflow/tensorflow/issues/62551).

    Args:
        means: metrics by name.

    Returns:
        A function without arguments that returns the means by name, without those that
        had no updates.
    """
    variables = [
        [compat.tf_variable(each) for each in (mean.total, mean.count)]
        for mean in means.values()
    ]

    take = functools.partial(_taken, variables)
    if any(hasattr(each, "values") for pair in variables for each in pair):
        # Variables of several replicas can't be arguments of a graph; it captures them.
        take = tf.function(functools.partial(_take, variables), autograph=False)

    def read() -> Dict[str, float]:
        sums = zip(means, take().numpy())
        return {name: float(total / count) for name, (total, count) in sums if count}

    return read


def _take(pairs: Sequence[Sequence[tf.Variable]]) -> tf.Tensor:
    """Returns sums and counts, float32 [means, 2], and resets them to 0."""
    sums = tf.stack([[*map(tf.convert_to_tensor, pair)] for pair in pairs])
    for variable in (each for pair in pairs for each in pair):
        variable.assign(0.0)
    return sums


# One graph for all runs of a process with the same number of means.
_taken = tf.function(_take, autograph=False)


def state(
    means: Mapping[str, keras.metrics.Mean], gather: Gather = lambda own: own[None]
) -> State:
    """Returns the sums of each mean so far, as numbers that JSON keeps exactly.

    Args:
        means: metrics by name.
        gather: maps the values of this process's replicas, float32 [n], to those of
            all processes, float32 [processes, n].

    Returns:
        By name, the values on each replica for each variable of the metric.
    """
    own = [[float(c) for c in _copies(v)] for m in means.values() for v in m.variables]
    rows = gather(np.float32(own).ravel())
    values = np.reshape(rows, (len(rows), len(own), -1))  # process, variable, replica
    of_variables = iter(np.concatenate(values, axis=-1).tolist())
    return {
        name: [next(of_variables) for _ in mean.variables]
        for name, mean in means.items()
    }


def restore(
    means: Mapping[str, keras.metrics.Mean],
    saved: State,
    processes: int = 1,
    process: int = 0,
) -> None:
    """Restores the means from a state.

    Args:
        means: new metrics by name; those that are not in the state stay unchanged.
        saved: from `state`. If the number of replicas differs, the first replica gets
            the sum.
        processes: number of processes that share the replicas.
        process: index of this process.
    """
    for name in means.keys() & saved.keys():
        for variable, values in zip(means[name].variables, saved[name]):
            copies = _copies(variable)
            if len(copies) * processes != len(values):
                values = [sum(values)] + [0.0] * (len(copies) * processes - 1)
            own = values[process * len(copies) :]
            for copy, value in zip(copies, own):
                copy.assign(value)


def _copies(variable):
    """Returns the variable of each replica; those of metrics differ."""
    variable = compat.tf_variable(variable)
    return list(getattr(variable, "values", [variable]))
