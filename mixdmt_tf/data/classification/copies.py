"""Augmented copies of the unlabelled images (RealMix section 3.1).

Copy k of image i is a pure function of (seed, i, k). It is the same image whether it is
read from disk, held in memory or made when a batch needs it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from typing import Optional, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.data import draws, philox
from mixdmt_tf.data.augment import autoaugment, crop_flip, erasing, randaugment
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.recipe import BORDERS, Recipe
from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.data.lazy_images import ImageArray, gatherer
from mixdmt_tf.data.splits import Split

VERSION = 1  # raise when the images of all settings change
VERSIONS = {"randaugment_dmt_released": 2}  # of images of a single augmentation
MAX_COPIES = 1 << 24

# Number of random numbers per image, and the function that applies them.
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

    The original images are not among the copies, as in RealMix. With `augment='none'`
    the copies equal the images, and with `count=0` the items are the images themselves.

    Attributes:
        images: uint8 [M, H, W, C], the training images, in memory or lazy.
        ids: int64 [N], ids of the unlabelled images.
        count: number of copies of each image.
        augment: 'simple' (shift and flip), one of AUGMENTATIONS, or 'none'.
        seed: the run's seed.
        fingerprint: fingerprint of the training data.
        padding: largest shift of 'simple', in pixels.
        flip: whether 'simple' flips.
        fill: level of the border that shifts of 'simple' uncover; None: reflection.
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
        """Whether every item equals its image, so that there is nothing to store."""
        return self.count == 0 or self.augment == "none"

    def key(self) -> str:
        """Returns a digest of everything that determines the images and their order."""
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
        if self.fill is not None:  # keeps the key of copies made before `fill` existed
            facts["fill"] = self.fill
        text = json.dumps(facts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def maker(self):
        """Returns a function from items, int64 [n], to images, uint8 [n, H, W, C]."""
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
            if self.augment == "cutout":
                return self._erased(pictures, own, items // size)
            number, apply = AUGMENTATIONS[self.augment]
            return apply(pictures, self._uniforms(own, items // size, number))

        return make

    def _erased(
        self, pictures: tf.Tensor, ids: tf.Tensor, copies: tf.Tensor
    ) -> tf.Tensor:
        """Random erasing, with numbers only for the images that it changes."""
        first = self._uniforms(ids, copies, 1)[:, 0]
        rows = tf.where(first < erasing.PROBABILITY)
        ids, copies, own = (tf.gather_nd(e, rows) for e in (ids, copies, pictures))
        number, apply = AUGMENTATIONS["cutout"]
        changed = apply(own, self._uniforms(ids, copies, number))
        return tf.tensor_scatter_nd_update(pictures, rows, changed)

    def _uniforms(self, ids: tf.Tensor, copies: tf.Tensor, number: int) -> tf.Tensor:
        """Draws float32 [n, number] with the key (seed, image, copy) of each row."""
        first, second = draws.purpose_key(self.seed, "copies")
        # A Philox key has two 64-bit words: one for the seed and one for the image.
        run = tf.constant((first << 31) + second, tf.int64)
        pictures = ids * MAX_COPIES + copies
        return philox.uniform(tf.stack([run + 0 * ids, pictures], axis=1), number)


def fill_in(config: Config, recipe: Recipe) -> Config:
    """Fills in settings of copies that are not given, as the method was published.

    Args:
        config: settings of the user.
        recipe: recipe of the method.
    """
    given, augment = config.copies, config.copies_augment
    if augment == "auto":
        # Copies requested for a method published without them should differ.
        strong = "cutout" if given else "none"
        augment = strong if recipe.copies_augment == "none" else recipe.copies_augment
    copies = recipe.copies if given is None else given
    return dataclasses.replace(config, copies=copies, copies_augment=augment)


def of_split(source: Source, split: Split, config: Config, seed: int) -> Copies:
    """Returns the copies of a split's unlabelled images.

    Args:
        source: the data set.
        split: split with the unlabelled images.
        config: settings; `copies`, `copies_augment` and `border` are used.
        seed: the run's seed.

    Raises:
        ValueError: if settings of copies are not filled in (see `fill_in`).
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
