"""What strong augmentation costs beside random erasing.

    .venv/bin/python benchmarks/augmentations.py [--images=512] [--side=32] [--rounds=9]

Prints, for each policy, images per second, and how many times the time of random
erasing of the same images it takes; medians of calls taken in turns.
"""

from __future__ import annotations

import argparse

import tensorflow as tf
from turns import medians_in_turns

from mixdmt_tf.data.augment import autoaugment, erasing, randaugment


def call(function, images: tf.Tensor, number: int):
    """The compiled function, as a call without arguments that waits for its result."""
    uniforms = tf.random.stateless_uniform([len(images), number], [3, 4])
    compiled = tf.function(function)

    def run():
        compiled(images, uniforms).numpy()

    run()
    return run


def main() -> None:
    """Runs each policy in turns with random erasing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    shape = [arguments.images, arguments.side, arguments.side, 3]
    images = tf.cast(tf.random.stateless_uniform(shape, [1, 2], 0, 256), tf.uint8)
    erase = call(erasing.random_erasing, images, erasing.UNIFORMS)
    policies = {
        "randaugment, UDA": randaugment.UDA,
        "randaugment, FixMatch": randaugment.FIXMATCH,
        "randaugment, DMT": randaugment.DMT,
        "autoaugment, CIFAR-10": autoaugment.CIFAR10,
        "autoaugment, SVHN": autoaugment.SVHN,
    }
    for name, policy in policies.items():
        if isinstance(policy, randaugment.Policy):
            apply, number = randaugment.randaugment, policy.uniforms
        else:
            apply, number = autoaugment.autoaugment, autoaugment.UNIFORMS
        ours = call(lambda i, u, a=apply, p=policy: a(i, u, p), images, number)
        a, b = medians_in_turns(erase, ours, arguments.rounds)
        speed = arguments.images / b
        print(f"{name:22} {speed:8.0f} images/s, {b / a:5.2f} times random erasing")


if __name__ == "__main__":
    main()
