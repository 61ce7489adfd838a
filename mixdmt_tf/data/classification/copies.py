"""Augmented copies of the unlabelled images (RealMix section 3.1).

Copy k of image i is a pure function of (seed, i, k): whether it is read from a disk,
held in memory or made when a batch asks for it, it is the same image.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from typing import Optional, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.data import draws
from mixdmt_tf.data.augment import autoaugment, crop_flip, erasing, randaugment
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.recipe import BORDERS, Recipe
from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.data.lazy_images import ImageArray, gatherer
from mixdmt_tf.data.splits import Split

VERSION = 1  # raise when the images of all settings change
VERSIONS = {"randaugment_dmt_released": 2}  # of those with one augmentation
MAX_COPIES = 1 << 24

# How many random numbers an image takes, and what they do to it.
AUGMENTATIONS = {
    "cutout": (erasing.UNIFORMS, erasing.random_erasing),
    "randaugment": (randaugment.UDA.uniforms, randaugment.randaugment),
    "randaugment_fixmatch": (
        randaugment.FIXMATCH.uniforms,
        functools.partial(randaugment.randaugment, policy=randaugment.FIXMATCH),
    ),
    "randaugment_dmt": (
        randaugment.DMT.uniforms,
        functools.partial(randaugment.randaugment, policy=randaugment.DMT),
    ),
    "randaugment_dmt_released": (
        randaugment.DMT_AS_RELEASED.uniforms,
        functools.partial(randaugment.randaugment, policy=randaugment.DMT_AS_RELEASED),
    ),
    "autoaugment": (autoaugment.UNIFORMS, autoaugment.autoaugment),
    "autoaugment_svhn": (
        autoaugment.UNIFORMS,
        functools.partial(autoaugment.autoaugment, policy=autoaugment.SVHN),
    ),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Copies:
    """The items of the unlabelled stream: item k N + i is copy k of the i-th image.

    The originals are not among them, as in RealMix: with `augment='none'` copies are
    the images themselves, and so is the whole set when `count` is 0.

    Attributes:
        images: uint8 [M, H, W, C], the training images, in memory or not.
        ids: int64 [N], which of them are unlabelled.
        count: copies of each image.
        augment: 'simple' (shift and flip), one of AUGMENTATIONS, or 'none'.
        seed: the run's seed.
        fingerprint: of the training data.
        padding: largest shift of 'simple', in pixels.
        flip: whether 'simple' flips.
        fill: the level that shifts of 'simple' bring in; None reflects the image.
    """

    images: ImageArray
    ids: np.ndarray
    count: int
    augment: str
    seed: int
    fingerprint: str
    padding: int
    flip: bool
    fill: Optional[int] = None

    def __len__(self) -> int:
        """Number of items."""
        return len(self.ids) * max(self.count, 1)

    @property
    def item_shape(self) -> Tuple[int, int, int]:
        """(H, W, C) of one image."""
        return self.images.shape[1:]

    @property
    def nbytes(self) -> int:
        """Bytes of all images together."""
        return len(self) * int(np.prod(self.item_shape))

    @property
    def plain(self) -> bool:
        """Whether every item is simply its image, so that nothing is worth storing."""
        return self.count == 0 or self.augment == "none"

    def key(self) -> str:
        """A digest of everything that determines the images and their order."""
        facts = {
            "version": VERSIONS.get(self.augment, VERSION),
            "data": self.fingerprint,
            "ids": hashlib.sha256(np.asarray(self.ids, "<i8").tobytes()).hexdigest(),
            "count": self.count,
            "augment": self.augment,
            "seed": self.seed,
            "padding": self.padding,
            "flip": self.flip,
            "shape": list(self.item_shape),
        }
        if self.fill is not None:  # so that copies of before there was one still serve
            facts["fill"] = self.fill
        text = json.dumps(facts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def maker(self):
        """A function from items, int64 [n], to images, uint8 [n, H, W, C]."""
        images = gatherer(self.images)
        ids = tf.constant(self.ids, tf.int64)
        size = len(self.ids)

        def make(items: tf.Tensor) -> tf.Tensor:
            own = tf.gather(ids, items % size)
            pictures = images(own)
            if self.plain:
                return pictures
            if self.augment == "simple":
                uniforms = self._uniforms(own, items // size, crop_flip.UNIFORMS)
                return crop_flip.crop_flip(
                    pictures, uniforms, self.padding, self.flip, self.fill
                )
            number, apply = AUGMENTATIONS[self.augment]
            return apply(pictures, self._uniforms(own, items // size, number))

        return make

    def _uniforms(self, ids: tf.Tensor, copies: tf.Tensor, number: int) -> tf.Tensor:
        """float32 [n, number], drawn from the key (seed, image, copy) of each row."""
        first, second = draws.purpose_key(self.seed, "copies")
        # Two 64-bit words make a Philox key: the seed's and the image's.
        run = tf.constant((first << 31) + second, tf.int64)
        pictures = ids * MAX_COPIES + copies

        def one(picture):
            return draws.uniform(tf.stack([run, picture]), [number])

        signature = tf.TensorSpec([number], tf.float32)
        return tf.map_fn(one, pictures, fn_output_signature=signature)


def fill_in(config: Config, recipe: Recipe) -> Config:
    """Fills in the copies that a method was published with, where none are asked for.

    Args:
        config: the user's settings.
        recipe: the method's.
    """
    given, augment = config.copies, config.copies_augment
    if augment == "auto":
        # Who asks for copies of a method that had none wants copies that differ.
        strong = "cutout" if given else "none"
        augment = strong if recipe.copies_augment == "none" else recipe.copies_augment
    copies = recipe.copies if given is None else given
    return dataclasses.replace(config, copies=copies, copies_augment=augment)


def of_split(source: Source, split: Split, config: Config, seed: int) -> Copies:
    """The copies of a split's unlabelled images.

    Args:
        source: the data set.
        split: which of its training images are unlabelled.
        config: of which `copies`, `copies_augment` and `border` are used.
        seed: the run's seed.

    Raises:
        ValueError: if the config leaves open which copies (see `fill_in`).
    """
    if config.copies is None or config.copies_augment == "auto":
        raise ValueError("copies and copies_augment must be given; `fill_in` helps")
    return Copies(
        source.train.images,
        split.unlabeled,
        config.copies,
        config.copies_augment,
        seed,
        source.fingerprint(),
        source.crop_padding,
        source.flip,
        BORDERS["reflect" if config.border == "auto" else config.border],
    )
