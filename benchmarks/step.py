"""What a step of RealMix or DMT costs beyond its bare passes through the network.

    .venv/bin/python benchmarks/step.py [--method=realmix] [--depth=28] [--width=2]
        [--precision=mixed_bfloat16] [--steps=10]

The bare step does what any implementation must, on arrays that lie ready. Of RealMix:
two forward passes of 64 images, one forward and backward pass of 3 x 64, Adam. Of DMT:
a forward pass of 128 images, a forward and backward pass of 128, SGD with momentum. The
whole step adds all of ours: gathering, copies or RandAugment made on the fly,
augmentation, mixup, masks or weights, decay, average, metrics, the loop. Both run in
turns in one process; the ratio is what counts.
"""

from __future__ import annotations

import argparse

import keras
import numpy as np
import tensorflow as tf
from turns import medians_in_turns

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import dmt, realmix
from mixdmt_tf.data.classification import splits
from mixdmt_tf.data.classification.copies import Copies
from mixdmt_tf.data.classification.pipeline import Pipeline
from mixdmt_tf.data.classification.pseudo_labels import PseudoLabels
from mixdmt_tf.data.classification.source import Images, Source
from mixdmt_tf.models import wide_resnet

BATCH, SHAPE, CLASSES = 64, (32, 32, 3), 10
DMT_BATCH = 16  # and seven pseudo-labelled images for each


def bare_realmix(config: wide_resnet.WideResNet):
    """The passes of RealMix through the network and nothing else."""
    network = config.build(SHAPE, CLASSES)
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


def bare_dmt(config: wide_resnet.WideResNet):
    """The passes of DMT through the network and nothing else."""
    network = config.build(SHAPE, CLASSES)
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer.build(network.trainable_variables)
    images = tf.random.stateless_uniform([8 * DMT_BATCH, *SHAPE], [1, 2], -1.0, 1.0)
    labels = tf.fill([8 * DMT_BATCH, CLASSES], 1 / CLASSES)

    @tf.function
    def run():
        weights = tf.reduce_max(tf.nn.softmax(network(images, training=True)), -1)
        with tf.GradientTape() as tape:
            logits = network(images, training=True)
            losses = tf.nn.softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(tf.stop_gradient(weights) * losses)
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

    return run


def random_data():
    """10,000 random images, 250 of them labelled."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (10_000, *SHAPE), np.uint8)
    labels = (np.arange(10_000) % CLASSES).astype(np.int32)
    names = tuple(map(str, range(CLASSES)))
    source = Source("random", names, Images(pictures, labels), None, None, True, 4)
    return source, splits.make_split(source, 250, 0, seed=1)


def stepping(
    method_class, settings, config: wide_resnet.WideResNet, pipeline: Pipeline
):
    """A step as a run does it."""
    network = config.build(SHAPE, CLASSES)
    method = method_class(network, settings, base.RunFacts(CLASSES, 250, 10_000))
    method.compile()
    batches = iter(pipeline.dataset(0, 10_000))
    step = tf.function(method.train_step)
    return lambda: step(next(batches))


def whole_realmix(config: wide_resnet.WideResNet):
    """RealMix with 50 copies made on the fly."""
    source, split = random_data()
    images, ids, settings = source.train.images, split.unlabeled, realmix.Config()
    copies = Copies(images, ids, 50, "cutout", 1, "random", 4, True)
    recipe = realmix.RealMix.recipe(settings)
    pipeline = Pipeline(source, split, recipe, 1, BATCH, copies.maker(), len(copies))
    return stepping(realmix.RealMix, settings, config, pipeline)


def whole_dmt(config: wide_resnet.WideResNet):
    """A round of DMT, half of the images having pseudo labels."""
    source, split = random_data()
    images, ids, settings = source.train.images, split.unlabeled, dmt.Config()
    copies = Copies(images, ids, 0, "none", 1, "random", 4, True)
    pseudo = PseudoLabels(
        ids,
        source.train.labels[ids],
        np.full(len(ids), 0.9, np.float32),
        np.arange(len(ids)) % 2 == 0,
    )
    pipeline = Pipeline(
        source,
        split,
        dmt.DMT.recipe(settings),
        seed=1,
        batch=DMT_BATCH,
        store=copies.maker(),
        store_size=len(copies),
        pseudo=pseudo,
    )
    return stepping(dmt.DMT, settings, config, pipeline)


METHODS = {
    "realmix": (bare_realmix, whole_realmix),
    "dmt": (bare_dmt, whole_dmt),
}


def main() -> None:
    """Runs both in turns and prints the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=METHODS, default="realmix")
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--depth", type=int, default=28)
    parser.add_argument("--width", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    arguments = parser.parse_args()
    keras.mixed_precision.set_global_policy(arguments.precision)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(1)
    form = {"realmix": "mixmatch", "dmt": "dmt"}[arguments.method]
    config = wide_resnet.WideResNet(
        depth=arguments.depth, width=arguments.width, form=form
    )
    bare, whole = (make(config) for make in METHODS[arguments.method])
    for function in (bare, whole):
        function()
        function()
    a, b = medians_in_turns(bare, whole, arguments.steps)
    print(
        f"{arguments.method}, WRN-{arguments.depth}-{arguments.width}, "
        f"{arguments.precision}: bare step {a:.3f} s, "
        f"whole step {b:.3f} s, ratio {b / a:.2f}"
    )


if __name__ == "__main__":
    main()
