"""Measures how much time custom layers save in a forward and backward pass.

    .venv/bin/python benchmarks/layers.py [--rounds=8] [--json=FILE]

Each network is built once from Keras's layers alone (`portable`), as in exports, and
once as in training; the two take turns. Leaky ReLU is measured in a WRN-28-2 (64 images
of 32x32, mixed_bfloat16), convolutions in EfficientNet-Lite0 (32 images of 96x96,
float32), with trained and with frozen batch normalization.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Tuple

import figures
import keras
import tensorflow as tf
from passes import forward_and_backward
from turns import medians_in_turns

from mixdmt_tf.models.efficientnet_lite0 import EfficientNetLite0
from mixdmt_tf.models.wide_resnet import WideResNet

# Network, size of an image, images, precision.
CASES: Dict[str, Tuple[Any, int, int, str]] = {
    "leaky ReLU in WRN-28-2": (WideResNet(), 32, 64, "mixed_bfloat16"),
    "convolutions in EfficientNet-Lite0": (EfficientNetLite0(), 96, 32, "float32"),
    "the same, --freeze_batch_norm": (
        EfficientNetLite0(freeze_batch_norm=True),
        *(96, 32, "float32"),
    ),
}


def passes(config: Any, size: int, number: int, portable: bool) -> Callable[[], Any]:
    """Returns a compiled forward and backward pass with the current precision."""
    network = config.build((size, size, 3), 10, portable=portable)
    images = tf.random.stateless_uniform([number, size, size, 3], [1, 2], -1.0, 1.0)
    return forward_and_backward(network, images)


def main() -> None:
    """Times both variants of each case in turns and prints the medians."""
    arguments = figures.parser(__doc__, rounds=8).parse_args()
    rows = []
    for name, (config, size, number, precision) in CASES.items():
        keras.mixed_precision.set_global_policy(precision)
        functions = {
            kind: passes(config, size, number, portable=kind == "stock")
            for kind in ("stock", "own")
        }
        medians = medians_in_turns(functions, arguments.rounds)
        rows.append(
            {
                "layers": name,
                "Keras's (s)": medians["stock"],
                "ours (s)": medians["own"],
                "ratio": medians["own"] / medians["stock"],
            }
        )
    figures.show(rows, arguments.json)


if __name__ == "__main__":
    main()
