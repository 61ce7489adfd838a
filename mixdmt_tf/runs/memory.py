"""Estimates whether a training step fits into memory, before allocating anything."""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, List, Tuple

import tensorflow as tf

from mixdmt_tf import compat, machine_memory
from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import size_text
from mixdmt_tf.models import rematerialization
from mixdmt_tf.runs import cluster
from mixdmt_tf.runs.task import Task

# Weights, their EMA, and gradients or a slot of the optimizer.
_COPIES = 3
# Share of all layers' outputs held at the same time: some are computed in place.
_HELD = 0.5
_BYTES = 4
_sizes: Dict[str, Tuple[int, int]] = {}  # cache of `of_network`


def require(task: Task, images_per_label: int) -> str:
    """Checks that a training step does not need more memory than the machine has.

    The estimate is a lower bound. Machines with GPUs are not checked, since GPUs report
    themselves when they run out of memory.

    Args:
        task: task of the run.
        images_per_label: images in a batch for each labelled one.

    Returns:
        The estimate as a line of text.

    Raises:
        UserError: if it needs more; the message has the estimate and says what to make
            smaller.
        UsageError: with `--remat`, if the network has no blocks to recompute.
    """
    run, method = task.experiment.run, task.experiment.method_class()
    machines = max(1, len(cluster.of_run(run.strategy).addresses))
    rows = math.ceil(run.batch * images_per_label / (run.accumulate * machines))
    weights, outputs = _of_task(task)
    held = int(_HELD * outputs)
    if run.remat:
        with compat.without_memory():
            between, block = rematerialization.kept(task.network())
        if not between:
            raise UsageError(
                f"--remat: --network={run.network} has no blocks that could be "
                "computed again.\nLeave it out; --accumulate saves memory, too."
            )
        held = between + int(_HELD * block)
    copies = (1 + method.has_peer) * _COPIES + (run.accumulate > 1)
    number = 2 if run.precision.startswith("mixed") else _BYTES
    needed = _BYTES * copies * weights + number * rows * held
    of = f"{weights:,} weights, {rows:,} images of a batch"
    of += f" in {run.accumulate} parts" * (run.accumulate > 1)
    there = machine_memory.total()
    if needed > there and not tf.config.list_physical_devices("GPU"):
        raise UserError(
            f"a step needs {size_text(needed)} of memory or more ({of}), and this "
            f"machine has {size_text(there)}.\n"
            "Give a smaller --batch, --accumulate, --remat, or a smaller network."
        )
    return f"memory of a step: {size_text(needed)} or more ({of})"


def network_key(task: Task) -> str:
    """Returns a key of everything that determines the network's layers and sizes."""
    experiment = task.experiment
    crops = [getattr(each, "crop", "") for each in (experiment.data, task.source)]
    return repr((experiment.network, task.model_facts(), crops))


def _of_task(task: Task) -> Tuple[int, int]:
    """Like `of_network`, but computed once for all stages of a run in rounds."""
    key = network_key(task)
    if key not in _sizes:
        _sizes[key] = of_network(task.network)
    return _sizes[key]


def rematerialize(algorithm: Algorithm) -> None:
    """Makes a method's networks recompute their blocks in the backward pass."""
    for network in (algorithm.network, algorithm.peer):
        if network is not None:
            rematerialization.rematerialize(network)


def of_network(build: Callable[[], Any]) -> Tuple[int, int]:
    """Returns the size of a network without allocating it.

    Args:
        build: builds the Keras model.

    Returns:
        The number of weights, and the total number of outputs of all layers for one
        image, including the image.
    """
    with compat.without_memory():
        network = build()
        weights = sum(math.prod(each.shape) for each in network.weights)
        # A nested model is counted by its layers.
        layers = [e for e in network._flatten_layers() if not hasattr(e, "layers")]
        shapes = [each.shape[1:] for layer in layers for each in _outputs(layer)]
    return weights, sum(math.prod(int(n or 1) for n in shape) for shape in shapes)


def _outputs(layer: Any) -> List[Any]:
    """Returns the outputs of a layer of the network; none if it is in another layer."""
    try:
        return list(tf.nest.flatten(layer.output))
    except (AttributeError, ValueError):
        return []
