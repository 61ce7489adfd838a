"""What a RealMix step costs beyond its bare passes through the network.

    .venv/bin/python benchmarks/step.py [--precision=mixed_bfloat16] [--depth=28]
        [--width=2] [--steps=10]

The bare step does what any implementation must: two forward passes of 64 images, one
forward and backward pass of 3 x 64, Adam; on arrays that lie ready. The whole step
adds all of ours: gathering, copies made on the fly, augmentation, mixup, masks, decay,
average, metrics, the loop. Both run in turns in one process; the ratio is what counts.
"""

from __future__ import annotations

import argparse

import keras
import numpy as np
import tensorflow as tf
from turns import medians_in_turns

from mixdmt_tf.algorithms import base, realmix
from mixdmt_tf.data import splits
from mixdmt_tf.data.copies import Copies
from mixdmt_tf.data.pipeline import Pipeline
from mixdmt_tf.data.source import Images, Source
from mixdmt_tf.models import wide_resnet

BATCH, SHAPE, CLASSES = 64, (32, 32, 3), 10


def bare_step(config: wide_resnet.Config):
    """The passes through the network and nothing else."""
    network = wide_resnet.build(config, SHAPE, CLASSES)
    optimizer = keras.optimizers.Adam(0.002, epsilon=1e-8)
    optimizer.build(network.trainable_variables)
    images = tf.random.stateless_uniform([3, BATCH, *SHAPE], [1, 2], -1.0, 1.0)
    labels = tf.fill([BATCH, CLASSES], 1 / CLASSES)

    @tf.function
    def run():
        guess = tf.add_n([network(images[view], training=True) for view in (0, 1)])
        with tf.GradientTape() as tape:
            logits = [network(images[block], training=True) for block in range(3)]
            loss = tf.reduce_mean(
                tf.nn.softmax_cross_entropy_with_logits(labels, logits[0])
            ) + tf.reduce_mean(tf.square(tf.nn.softmax(guess) - logits[1] - logits[2]))
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

    return run


def whole_step(config: wide_resnet.Config):
    """RealMix as a run does it."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (10_000, *SHAPE), np.uint8)
    labels = (np.arange(10_000) % CLASSES).astype(np.int32)
    names = tuple(map(str, range(CLASSES)))
    source = Source("random", names, Images(pictures, labels), None, None, True, 4)
    split = splits.make_split(source, 250, 0, seed=1)
    copies = Copies(
        source.train.images, split.unlabeled, 50, "cutout", 1, "random", 4, True
    )
    settings = realmix.Config()
    recipe = realmix.Method.recipe(settings)
    pipeline = Pipeline(source, split, recipe, 1, BATCH, copies.maker(), len(copies))
    network = wide_resnet.build(config, SHAPE, CLASSES)
    method = realmix.Method(network, settings, base.Task(CLASSES, 250, 10_000))
    method.compile()
    batches = iter(pipeline.dataset(0, 10_000))
    step = tf.function(method.train_step)
    return lambda: step(next(batches))


def main() -> None:
    """Runs both in turns and prints the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--depth", type=int, default=28)
    parser.add_argument("--width", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    arguments = parser.parse_args()
    keras.mixed_precision.set_global_policy(arguments.precision)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(1)
    config = wide_resnet.Config(depth=arguments.depth, width=arguments.width)
    bare, whole = bare_step(config), whole_step(config)
    for function in (bare, whole):
        function()
        function()
    a, b = medians_in_turns(bare, whole, arguments.steps)
    print(
        f"WRN-{arguments.depth}-{arguments.width}, {arguments.precision}: bare step "
        f"{a:.3f} s, whole step {b:.3f} s, ratio {b / a:.2f}"
    )


if __name__ == "__main__":
    main()
