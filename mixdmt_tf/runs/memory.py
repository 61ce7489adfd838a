"""Whether a training step fits into memory, estimated before anything is allocated.

Linux promises more memory than there is and ends the process that takes it at its word,
without a message.
"""

from __future__ import annotations

import math
import os
import pathlib
from typing import Any, Callable, Tuple

import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import size_text
from mixdmt_tf.runs.task import Task

_LIMIT = pathlib.Path("/sys/fs/cgroup/memory.max")  # of a container, 'max' if none
# Weights, their average, and gradients or a slot of the optimizer.
_COPIES = 3
# Part of the outputs of all layers that is held at a time: some are computed in place.
_HELD = 0.5
_BYTES = 4


def require(task: Task, images_per_label: int) -> None:
    """Refuses a step that needs more memory than the machine has.

    The estimate is a lower bound, and only of what CPUs hold: GPUs say what they lack.

    Args:
        task: of the run.
        images_per_label: images in a batch for each labelled one.

    Raises:
        UserError: with the estimate, and what to make smaller.
    """
    if tf.config.list_physical_devices("GPU"):
        return
    experiment = task.experiment
    rows = experiment.run.batch * images_per_label
    networks = 1 + experiment.method_class().has_peer
    weights, outputs = of_network(task.network)
    needed = _BYTES * (networks * _COPIES * weights + int(_HELD * rows * outputs))
    there = total()
    if needed > there:
        raise UserError(
            f"a step needs {size_text(needed)} of memory or more ({weights:,} weights, "
            f"{rows:,} images of a batch), and this machine has {size_text(there)}.\n"
            "Give a smaller --batch, smaller images or a smaller network."
        )


def of_network(build: Callable[[], Any]) -> Tuple[int, int]:
    """Size of a network that is described but not allocated.

    Args:
        build: makes the Keras model.

    Returns:
        The number of its weights, and of the numbers that all its layers put out for
        one image, the image included.
    """
    with compat.without_memory():
        network = build()
        weights = sum(math.prod(each.shape) for each in network.weights)
        # A model within the model has layers of its own.
        layers = [e for e in network._flatten_layers() if not hasattr(e, "layers")]
        shapes = [layer.output.shape[1:] for layer in layers]
    return weights, sum(math.prod(int(n or 1) for n in shape) for shape in shapes)


def total() -> int:
    """Bytes of memory of this machine, or of the container that this is."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(physical, int(_LIMIT.read_text()))
    except (OSError, ValueError):
        return physical
