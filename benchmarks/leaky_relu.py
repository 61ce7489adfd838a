"""What a leaky ReLU with a gradient of our own saves of WRN-28-2's cost.

    .venv/bin/python benchmarks/leaky_relu.py [--rounds=8] [--json=FILE]
        [--precision=mixed_bfloat16]

Prints the median seconds of a forward and backward pass over 64 images of 32x32x3 with
TensorFlow's gradient and with ours, taken in turns, and their ratio.
"""

from __future__ import annotations

import figures
import keras
import tensorflow as tf
from turns import medians_in_turns

from mixdmt_tf.models import wide_resnet


def passes(portable: bool):
    """A compiled forward and backward pass; `portable` is Keras's own layer."""
    network = wide_resnet.WideResNet().build((32, 32, 3), 10, portable=portable)
    images = tf.random.stateless_uniform([64, 32, 32, 3], [1, 2], -1.0, 1.0)

    @tf.function
    def run():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(network(images, training=True)))
        return tape.gradient(loss, network.trainable_variables)

    run()
    return run


def main() -> None:
    """Runs both in turns and prints the medians."""
    parser = figures.parser(__doc__, rounds=8)
    parser.add_argument("--precision", default="mixed_bfloat16")
    arguments = parser.parse_args()
    keras.mixed_precision.set_global_policy(arguments.precision)
    functions = {"theirs": passes(portable=True), "ours": passes(portable=False)}
    medians = medians_in_turns(functions, arguments.rounds)
    row = {
        "precision": arguments.precision,
        "TensorFlow's gradient (s)": medians["theirs"],
        "ours (s)": medians["ours"],
        "ratio": medians["ours"] / medians["theirs"],
    }
    figures.show([row], arguments.json)


if __name__ == "__main__":
    main()
