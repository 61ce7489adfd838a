"""Draws labelled training images by the rule of DMT's published lists.

DMT (arXiv:2004.08514) section 5.1 and its released generate_splits.py: Python's random
generator, seeded with 7777, shuffles the names in their order, and the first ones are
labelled. Split 1 shuffles the result of split 0 again, and split 2 that of split 1.
Within a split, fewer labels are the first of more. With the 10,582 images of VOC's
trainaug.txt and the 2,975 of Cityscapes, the seeds 0, 1 and 2 give exactly the
published lists.
"""

from __future__ import annotations

import hashlib
import math
import pathlib
import random
from fractions import Fraction
from typing import List, Optional, Sequence, Tuple, Union

import numpy as np

from mixdmt_tf.data.segmentation.config import share_of
from mixdmt_tf.data.segmentation.source import Source, short
from mixdmt_tf.data.splits import Split, read_fitting, write_split
from mixdmt_tf.equations.selection import difference_maximized
from mixdmt_tf.errors import UsageError, UserError

__all__ = [
    "count_of",
    "draw_order",
    "make_split",
    "published",
    "read_split",
    "subsets",
    "write_split",
]

PUBLISHED_SEED, PUBLISHED_SPLITS = 7777, 3
ALPHA = 0.8  # of difference maximised sampling, in the paper's runs
# The published lists that the paper calls 1/106 and 1/30 have 100 images.
_NAMED = {(10_582, Fraction(1, 106)): 100, (2_975, Fraction(1, 30)): 100}
_VOC, _CITYSCAPES = "PASCAL VOC", "Cityscapes"
# The first 16 digits of the SHA-256 of the names in drawn order, joined by newlines.
_DIGESTS = {
    (_VOC, "1/8"): "d9c8203385d7aaab 3d4c49ea2c334013 5a9900b582c2d7b0",
    (_VOC, "1/20"): "fa38bce553c7f798 8af67905dfc5b28d dcea6082d410e32c",
    (_VOC, "1/50"): "fc0a0c7d29ee2a52 15a722e60f0e686d 14f88f7dfc764f8b",
    (_VOC, "1/106"): "edaa4505986c5b4d ddbcf4074f789a63 45d320615b2ab29c",
    (_CITYSCAPES, "1/4"): "8a20c25e6fb51fa1 98575f9585b03afe ec07803bda424157",
    (_CITYSCAPES, "1/8"): "053cd4049b75c38a 7552f41a1bb78d9e a94f45374e42d7f8",
    (_CITYSCAPES, "1/30"): "075455e19049a6e8 150ee0e64ac70b8b ea1d5760a579e8d2",
}
# Sizes of the lists that the released dms_sample.py shuffles in turn, for each split.
_SUBSET_SIZES = (1322, 530, 211, 100)


def count_of(labels: Union[str, int], total: int) -> int:
    """Returns the number of labelled images for a fraction or a count.

    A fraction of N is rounded down. One is added if batches of eight would leave a
    single image over, as in the released lists. Fractions whose published list has
    another size stand for that size.

    Args:
        labels: '1/20', '0.05', '530' or 530.
        total: N, the images that could be labelled.

    Raises:
        UsageError: if it is neither a fraction nor a count, or is not in 1 to N.
    """
    text = str(labels).strip()
    share = share_of(text)
    if text.isdigit():
        count = int(text)
    else:
        count = math.floor(share * total)
        count += count % 8 == 1 and count < total
        count = _NAMED.get((total, share), count)
    if not 1 <= count <= total:
        raise UsageError(
            f"--labels={text} are {count} of {total} images with labels; expected 1 "
            f"to {total}, or a fraction of at most 1"
        )
    return count


def draw_order(total: int, seed: int) -> np.ndarray:
    """Returns the order in which images get labels.

    Args:
        total: number of images, N.
        seed: 0, 1 or 2 for the published splits; any other number for another split.

    Returns:
        int64 [N], a permutation of 0, ..., N - 1.
    """
    order = list(range(total))
    generator, times = _generator(seed)
    for _ in range(times):
        generator.shuffle(order)
    return np.array(order, np.int64)


def make_split(
    source: Source, labels: Union[str, int, None], seed: int, named: str = ""
) -> Split:
    """Draws the labelled images; all others are unlabelled.

    Args:
        source: the data set; only images with known labels can be drawn.
        labels: see `count_of`; None: all known labels.
        seed: see `draw_order`.
        named: instead of `labels`, one of `source.lists`, such as 'train' for only the
            labels of VOC 2012 (DMT table 5).

    Returns:
        The split. Its `labeled` ids are in drawn order, or in that of the list, and its
        validation images are the data set's own.

    Raises:
        UsageError: if `labels` is invalid, if both are given, or if the list is
            unknown.
        UserError: if no training image has labels, or a name of the list is not a
            training image with labels.
    """
    known = np.array([i for i, s in enumerate(source.train) if s.known], np.int64)
    if not len(known):
        raise UserError(f"{source.name}: no training image has labels")
    if named:
        if labels is not None:
            raise UsageError(f"--labels={labels} and the list {named}: give one")
        labeled = _listed(source, named)
    elif labels is None:
        labeled = known
    else:
        order = known[draw_order(len(known), seed)]
        labeled = order[: count_of(labels, len(known))]
    hidden = np.ones(len(source.train), bool)
    hidden[labeled] = False
    return Split(
        dataset=source.name,
        seed=seed,
        fingerprint=source.fingerprint(),
        labeled=labeled,
        unlabeled=np.flatnonzero(hidden),
        validation=np.array([], np.int64),
        own_validation=True,
    )


def subsets(split: Split, alpha: float = ALPHA) -> Tuple[np.ndarray, np.ndarray]:
    """Draws two subsets of the labelled images, for two networks with the same start.

    DMT Eq. 11, difference maximised sampling, and its released dms_sample.py: the
    labelled list is shuffled again, and the subsets leave out its last and its first
    images. The generator is seeded with 7777 and continues from list to list. For a
    list of a published size it is advanced to its state in the script for that list.

    Args:
        split: the split; its seed and labelled images are used.
        alpha: share of each subset, 0.5 < alpha < 1.

    Returns:
        Two int64 arrays of floor(alpha L) ids.

    Raises:
        ValueError: as `equations.selection.difference_maximized` does.
    """
    count = len(split.labeled)
    generator, times = _generator(split.seed)
    before = [count] * (times - 1)
    if count in _SUBSET_SIZES:
        before = [*_SUBSET_SIZES * (times - 1)]
        before += _SUBSET_SIZES[: _SUBSET_SIZES.index(count)]
    for size in before:
        generator.shuffle(list(range(size)))
    order = list(range(count))
    generator.shuffle(order)
    first, second = difference_maximized(split.labeled[order], alpha)
    return first, second


def published(source: Source, ids: Sequence[int]) -> Optional[str]:
    """Identifies a published list of labelled images: 'split 0 of PASCAL VOC 1/8'.

    Args:
        source: the data set.
        ids: ids of training images in the order they were drawn.

    Returns:
        The list; None if it is not a published one.
    """
    text = "\n".join(source.train[i].name for i in ids)
    found = hashlib.sha256(text.encode()).hexdigest()[:16]
    for (dataset, share), digests in _DIGESTS.items():
        if found in digests.split():
            return f"split {digests.split().index(found)} of {dataset} {share}"
    return None


def read_split(path: pathlib.Path, source: Source) -> Split:
    """Reads a `split.json` and checks that it fits the data.

    Args:
        path: path of the file, which may be written by hand.
        source: source of the split.

    Raises:
        UserError: if the file can't be read, belongs to other data, or has ids that
            are out of range, occur twice, or lack required labels.
    """
    return read_fitting(path, source, _problem)


def _problem(split: Split, source: Source) -> Optional[str]:
    """Returns what makes a split invalid for its source, or None."""
    total = len(source.train)
    if len(split.validation) or not split.own_validation:
        return f"validation: expected [], {source.name} has images for it"
    ids = np.concatenate([split.labeled, split.unlabeled])
    outside = ids[(ids < 0) | (ids >= total)]
    if len(outside):
        return f"the id {outside[0]} is out of range; expected 0 to {total - 1}"
    if len(np.unique(ids)) < len(ids):
        twice = np.bincount(ids).argmax()
        return f"the id {twice} occurs twice; every image has one place at most"
    nameless = [i for i in split.labeled if not source.train[i].known]
    if nameless:
        return f"labeled has the id {nameless[0]}, an image without labels"
    return None if len(split.labeled) else "no image is labelled; expected at least one"


def _generator(seed: int) -> Tuple[random.Random, int]:
    """Returns the generator of a seed, and how often it shuffles for a list."""
    if 0 <= seed < PUBLISHED_SPLITS:
        return random.Random(PUBLISHED_SEED), seed + 1
    return random.Random(PUBLISHED_SEED + seed), 1


def _listed(source: Source, named: str) -> np.ndarray:
    """Returns the ids of the training images in a list, in its order."""
    if named not in source.lists:
        raise UsageError(
            f"{source.name} has no list {named}; expected one of "
            f"{short([*source.lists])}"
        )
    places = {sample.name: i for i, sample in enumerate(source.train) if sample.known}
    strange: List[str] = [name for name in source.lists[named] if name not in places]
    if strange:
        raise UserError(
            f"{source.name}: {short(strange)} of the list {named} are no training "
            "images with labels"
        )
    return np.array([places[name] for name in source.lists[named]], np.int64)
