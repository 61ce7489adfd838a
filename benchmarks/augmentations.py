"""Compares the cost of strong augmentation with random erasing and other libraries.

    .venv/bin/python benchmarks/augmentations.py [--rounds=9] [--json=FILE]
        [--images=512] [--side=32]

Each policy takes turns with random erasing of the same images. The last rows are the
cost of RandAugment for one image at a time: with operations of tensorflow-addons (two
of rotation, translation, shearing, contrast and equalization per image) mapped over the
images, and with torchvision on Pillow images, which uses one core (use `taskset -c 0`
to compare on a single core). If one of the packages is missing, so is its row.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Callable, Dict

import figures
import numpy as np
import tensorflow as tf
from turns import medians_in_turns

from mixdmt_tf.data.augment import autoaugment, erasing, randaugment


def call(function, images: tf.Tensor, number: int) -> Callable[[], Any]:
    """Compiles a function to a call without arguments that waits for the result."""
    uniforms = tf.random.stateless_uniform([len(images), number], [3, 4])
    compiled = tf.function(function, autograph=False)

    def run() -> None:
        compiled(images, uniforms).numpy()

    run()
    return run


def image_by_image(images: tf.Tensor) -> Callable[[], Any]:
    """Applies two random operations of tensorflow-addons per image, in parallel."""
    import tensorflow_addons as tfa

    def shear(image: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
        matrix = tf.stack([1.0, level, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
        return tfa.image.transform(image, matrix)

    operations = (
        lambda image, level: tfa.image.rotate(image, level),
        lambda image, level: tfa.image.translate(image, tf.stack([9 * level, 0.0])),
        shear,
        lambda image, level: tf.image.adjust_contrast(image, 1.0 + level),
        lambda image, level: tfa.image.equalize(image),
    )

    def augment(image: tf.Tensor) -> tf.Tensor:
        for _ in range(2):
            level = tf.random.uniform([], -0.5, 0.5)
            chosen = tf.random.uniform([], 0, len(operations), tf.int32)
            image = tf.switch_case(
                chosen, [lambda o=o, i=image, by=level: o(i, by) for o in operations]
            )
        return image

    dataset = tf.data.Dataset.from_tensor_slices(images)
    dataset = dataset.map(augment, tf.data.AUTOTUNE).batch(len(images))

    def run() -> None:
        next(iter(dataset)).numpy()

    run()
    return run


def torchvision_on_pillow(images: tf.Tensor) -> Callable[[], Any]:
    """Applies RandAugment as in torchvision's documentation, uint8 to uint8."""
    from PIL import Image
    from torchvision.transforms import RandAugment

    augment = RandAugment(num_ops=2, magnitude=10)
    pictures = [Image.fromarray(image) for image in images.numpy()]

    def run() -> None:
        np.stack([np.asarray(augment(picture)) for picture in pictures])

    run()
    return run


def policies(images: tf.Tensor) -> Dict[str, Callable[[], Any]]:
    """Returns a call for each policy."""
    found = {
        "randaugment, UDA": randaugment.UDA,
        "randaugment, FixMatch": randaugment.FIXMATCH,
        "randaugment, DMT": randaugment.DMT,
        "autoaugment, CIFAR-10": autoaugment.CIFAR10,
        "autoaugment, SVHN": autoaugment.SVHN,
    }
    calls = {}
    for name, policy in found.items():
        if isinstance(policy, randaugment.Policy):
            apply, number = randaugment.randaugment, policy.uniforms
        else:
            apply, number = autoaugment.autoaugment, autoaugment.UNIFORMS
        calls[name] = call(lambda i, u, a=apply, p=policy: a(i, u, p), images, number)
    if importlib.util.find_spec("tensorflow_addons"):
        calls["tensorflow-addons, image by image"] = image_by_image(images)
    if importlib.util.find_spec("torchvision"):
        calls["torchvision on Pillow, image by image"] = torchvision_on_pillow(images)
    return calls


def main() -> None:
    """Times each policy in turns with random erasing."""
    parser = figures.parser(__doc__, rounds=9)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--side", type=int, default=32)
    arguments = parser.parse_args()
    shape = [arguments.images, arguments.side, arguments.side, 3]
    images = tf.cast(tf.random.stateless_uniform(shape, [1, 2], 0, 256), tf.uint8)
    erase = call(erasing.random_erasing, images, erasing.UNIFORMS)
    rows = []
    for name, ours in policies(images).items():
        medians = medians_in_turns({"erase": erase, "ours": ours}, arguments.rounds)
        rows.append(
            {
                "policy": name,
                "images per second": arguments.images / medians["ours"],
                "of random erasing's time": medians["ours"] / medians["erase"],
            }
        )
    figures.show(rows, arguments.json)


if __name__ == "__main__":
    main()
