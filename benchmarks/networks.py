"""Measures a forward and backward pass through each network.

    .venv/bin/python benchmarks/networks.py [--rounds=9] [--json=FILE]
        [--precision=mixed_bfloat16] [--images=64]

Images are random, 32x32x3; the networks take turns.
"""

from __future__ import annotations

import figures
import keras
import tensorflow as tf
from passes import forward_and_backward
from turns import medians_in_turns

from mixdmt_tf.models.cnn13 import CNN13
from mixdmt_tf.models.small_cnn import SmallCNN
from mixdmt_tf.models.whitened_cnn import WhitenedCNN
from mixdmt_tf.models.wide_resnet import WideResNet

NETWORKS = {
    "WRN-28-2": WideResNet(),
    "WRN-16-1": WideResNet(depth=16, width=1),
    "WRN-10-1": WideResNet(depth=10, width=1),
    "CNN-13": CNN13(),
    "small CNN": SmallCNN(),
    "whitened CNN, 32 filters": WhitenedCNN(),
    "whitened CNN, 64 filters": WhitenedCNN(filters=64),
    "whitened CNN, 32 filters, GELU": WhitenedCNN(activation="gelu"),
}


def main() -> None:
    """Times all networks in turns and prints the medians."""
    parser = figures.parser(__doc__, rounds=9)
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--images", type=int, default=64)
    arguments = parser.parse_args()
    keras.mixed_precision.set_global_policy(arguments.precision)
    shape = [arguments.images, 32, 32, 3]
    images = tf.random.stateless_uniform(shape, [1, 2], -1.0, 1.0)
    built = {name: config.build((32, 32, 3), 10) for name, config in NETWORKS.items()}
    functions = {
        name: forward_and_backward(network, images) for name, network in built.items()
    }
    medians = medians_in_turns(functions, arguments.rounds)
    rows = [
        {
            "network": name,
            "weights (1,000)": built[name].count_params() / 1000,
            "pass (ms)": 1000 * medians[name],
            "of WRN-28-2": medians[name] / medians["WRN-28-2"],
        }
        for name in NETWORKS
    ]
    figures.show(rows, arguments.json)


if __name__ == "__main__":
    main()
