"""What a step of DMT on images costs, and beyond its bare pass through the network.

    .venv/bin/python benchmarks/segmentation_step.py --data_dir=DIR [--steps=5]
        [--network=deeplab_v2] [--depth=101] [--crop=321] [--precision=mixed_bfloat16]

DIR has the layout of PASCAL VOC. The step is that of the paper: one labelled and seven
pseudo-labelled images, DeepLab-v2 on a ResNet-101. The bare step does what any
implementation must, on arrays that lie ready: one forward and backward pass, SGD with
momentum. The whole step adds all of ours: reading, scale, crop and flip, the dynamic
weights, metrics. Both run in turns in one process; the ratio is what counts.
"""

from __future__ import annotations

import argparse
import resource

import keras
import numpy as np
import tensorflow as tf
from turns import medians_in_turns

from mixdmt_tf import models
from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.segmentation import dmt
from mixdmt_tf.data.segmentation import datasets, splits
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.pipeline import Pipeline

LABELED, UNLABELED = 1, 7


def bare(network: keras.Model, side: int, classes: int):
    """The pass through the network and nothing else."""
    optimizer = keras.optimizers.SGD(0.001, momentum=0.9)
    optimizer.build(network.trainable_variables)
    shape = [LABELED + UNLABELED, side, side]
    images = tf.random.stateless_uniform([*shape, 3], [1, 2], -1.0, 1.0)
    labels = tf.zeros(shape, tf.int32)

    @tf.function
    def run():
        with tf.GradientTape() as tape:
            logits = network(images, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

    return run


def whole(network: keras.Model, pipeline: Pipeline, classes: int):
    """A step as a run does it."""
    method = dmt.DMT(network, dmt.Config(), base.RunFacts(classes, 1, 10_000))
    method.compile()
    batches = iter(pipeline.dataset(0, 10_000))
    step = tf.function(method.train_step)
    return lambda: step(next(batches))


def main() -> None:
    """Runs both in turns and prints the medians, and the peak of the memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--network", default="deeplab_v2")
    parser.add_argument("--depth", type=int, default=101)
    parser.add_argument("--crop", type=int, default=321)
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--steps", type=int, default=5)
    arguments = parser.parse_args()
    keras.mixed_precision.set_global_policy(arguments.precision)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(1)
    side = arguments.crop
    data = datasets.load(Config(dataset="voc", data_dir=arguments.data_dir))
    split = splits.make_split(data, "1/8", 0)

    def guess(sample_id: int):
        labels = data.train[sample_id].labels()
        return labels, np.full(labels.shape, 0.9, np.float32)

    pipeline = Pipeline(data, split, 1, LABELED, UNLABELED, guess, crop=(side, side))
    module = models.network(arguments.network)
    config = module.Config(depth=arguments.depth)
    networks = [
        config.build_segmenter((side, side, 3), data.num_classes) for _ in range(2)
    ]
    steps = (
        bare(networks[0], side, data.num_classes),
        whole(networks[1], pipeline, data.num_classes),
    )
    for function in steps:
        function()
    a, b = medians_in_turns(*steps, arguments.steps)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"DMT, {arguments.network} of {arguments.depth}, {LABELED} + {UNLABELED} "
        f"images of {side}x{side}, {arguments.precision}: bare {a:.2f} s, whole "
        f"{b:.2f} s, ratio {b / a:.2f}; peak memory of both {peak:.1f} GiB"
    )


if __name__ == "__main__":
    main()
