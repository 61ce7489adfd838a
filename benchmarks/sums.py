"""Measures the cost of `layers.sums.Add` in a pass of WRN-16-1.

    .venv/bin/python benchmarks/sums.py [--rounds=20] [--json=FILE]

A pass is forward and backward for 64 images of 32x32 in mixed_bfloat16, with
`layers.sums.Add`, which gives each convolution its own gradient, and with Keras's `Add`
in its place; the two take turns. Times are CPU seconds, so that other processes have
little influence.
"""

from __future__ import annotations

import statistics
import time
from typing import Any, Callable, Dict, List
from unittest import mock

import figures
import keras
import tensorflow as tf
from passes import forward_and_backward

from mixdmt_tf.models import wide_resnet
from mixdmt_tf.models.layers.sums import Add

KINDS = {"Keras's": keras.layers.Add, "ours": Add}


def passes(kind: Any) -> Callable[[], Any]:
    """Returns a compiled forward and backward pass with this kind of sums."""
    with mock.patch.object(wide_resnet, "Add", kind):
        network = wide_resnet.WideResNet(depth=16, width=1).build((32, 32, 3), 10)
    images = tf.random.stateless_uniform([64, 32, 32, 3], [1, 2], -1.0, 1.0)
    return forward_and_backward(network, images)


def main() -> None:
    """Times both in turns and prints the medians."""
    arguments = figures.parser(__doc__, rounds=20).parse_args()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    functions = {name: passes(kind) for name, kind in KINDS.items()}
    taken: Dict[str, List[float]] = {name: [] for name in functions}
    for _ in range(arguments.rounds):
        for name, run in functions.items():
            started = time.process_time()
            run()
            taken[name].append(time.process_time() - started)
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    row = {f"{name} (s)": seconds for name, seconds in medians.items()}
    ratio = medians["ours"] / medians["Keras's"]
    figures.show([{"network": "WRN-16-1", **row, "ratio": ratio}], arguments.json)


if __name__ == "__main__":
    main()
