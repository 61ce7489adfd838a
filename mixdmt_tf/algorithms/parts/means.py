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
    """Takes the numbers of a step, or of a part of its batch, into the means.

    Args:
        means: by name.
        shares: this replica's shares of means over the rows of all replicas.
        reports: numbers of this replica alone.
    """
    # Means over all replicas were divided by the rows of all: undo it for the metrics,
    # which average over replicas themselves.
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    for name, share in shares.items():
        means[name].update_state(share * replicas)
    for name, value in reports.items():
        values, mask = value if isinstance(value, tuple) else (value, None)
        means[name].update_state(values, sample_weight=mask)


def reader(means: Mapping[str, keras.metrics.Mean]) -> Callable[[], Dict[str, float]]:
    """A function that gives the means so far, and has them begin anew.

    It is compiled for the memory's sake: in Python 3.11 and 3.12 TensorFlow loses some
    50 bytes of every tensor that is made outside of a `tf.function`
    (https://github.com/tensorflow/tensorflow/issues/62551).

    Args:
        means: by name.

    Returns:
        A function without arguments that returns the means by name, without those that
        nothing was added to.
    """
    variables = [
        [compat.tf_variable(each) for each in (mean.total, mean.count)]
        for mean in means.values()
    ]

    take = functools.partial(_taken, variables)
    if any(hasattr(each, "values") for pair in variables for each in pair):
        # Variables of several replicas are a part of a graph, not its arguments.
        take = tf.function(functools.partial(_take, variables), autograph=False)

    def read() -> Dict[str, float]:
        sums = zip(means, take().numpy())
        return {name: float(total / count) for name, (total, count) in sums if count}

    return read


def _take(pairs: Sequence[Sequence[tf.Variable]]) -> tf.Tensor:
    """Sums and counts, float32 [means, 2], which then are 0."""
    sums = tf.stack([[*map(tf.convert_to_tensor, pair)] for pair in pairs])
    for variable in (each for pair in pairs for each in pair):
        variable.assign(0.0)
    return sums


# One graph for all runs of a process that have as many means.
_taken = tf.function(_take, autograph=False)


def state(
    means: Mapping[str, keras.metrics.Mean], gather: Gather = lambda own: own[None]
) -> State:
    """What each mean has summed up so far: numbers that JSON keeps exactly.

    Args:
        means: by name.
        gather: from the values of this process's replicas, float32 [n], to those of
            all processes, float32 [processes, n].

    Returns:
        By name, for each variable of the metric its value on each replica.
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
        means: as they were made; those that the state doesn't know stay as they are.
        saved: from `state`. On another number of replicas the first one takes all.
        processes: how many share the replicas.
        process: which of them this is.
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
    """The variable of each replica; of a metric they differ."""
    variable = compat.tf_variable(variable)
    return list(getattr(variable, "values", [variable]))
