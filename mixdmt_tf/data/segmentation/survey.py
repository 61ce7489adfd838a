"""Reads facts of an image and its mask: size, kind of mask, values of its pixels."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import pathlib
from typing import Counter, FrozenSet, Optional, Tuple

import numpy as np

from mixdmt_tf.data import image_files
from mixdmt_tf.data.segmentation import label_maps
from mixdmt_tf.data.segmentation.files import FileSample, require_size
from mixdmt_tf.data.segmentation.opening import UPRIGHT, opened, orientation
from mixdmt_tf.data.segmentation.source import Sample
from mixdmt_tf.errors import UserError

MOST_COLOURS = 4096  # most colours to store for a mask
_KINDS = {
    "P": "indexed (palette)",
    "L": "grey",
    "1": "grey, 1 bit",
    "I": "grey, 16 bits",
}


@dataclasses.dataclass(frozen=True)
class Facts:
    """Facts of an image and its mask.

    Attributes:
        size: (H, W) after EXIF rotation; None if the image can't be read.
        turned: whether its EXIF orientation rotates it.
        digest: digest of its pixels.
        kind: kind of the mask, in words; '' without a mask.
        numbers: number of pixels with each number, for masks with numbers.
        colours: number of pixels with each colour, by code, for masks with colours.
        solid: colours that fill a square of 3x3 pixels anywhere.
        problem: why image or mask can't be used, with the file's name.
    """

    size: Optional[Tuple[int, int]] = None
    turned: bool = False
    digest: str = ""
    kind: str = ""
    numbers: Counter[int] = dataclasses.field(default_factory=collections.Counter)
    colours: Counter[int] = dataclasses.field(default_factory=collections.Counter)
    solid: FrozenSet[int] = frozenset()
    problem: str = ""


def look(sample: Sample) -> Facts:
    """Reads an image and its mask.

    Args:
        sample: the image. If its mask has a palette or colours, colours are counted.
            If its labels do not come from a mask, classes are counted.
    """
    facts = Facts()
    try:
        turned = _is_turned(sample)
        image = sample.image()
        height, width, _ = image.shape
        digest = hashlib.blake2b(image.tobytes(), digest_size=16)
        digest.update(f"{height} x {width}".encode())
        facts = dataclasses.replace(
            facts, size=(height, width), turned=turned, digest=digest.hexdigest()
        )
        del image
        if type(sample) is FileSample and sample.mask_path:
            return _with_mask(sample, sample.mask_path, facts)
        if sample.known:
            labels = sample.labels()
            return dataclasses.replace(facts, kind="made", numbers=_count(labels))
    except UserError as error:
        return dataclasses.replace(facts, problem=str(error))
    return facts


def _with_mask(sample: FileSample, path: pathlib.Path, facts: Facts) -> Facts:
    with opened(path, image_files.FORMATS) as picture:
        if picture.format not in label_maps.FORMATS:
            raise UserError(  # `opened` names the file
                "JPEG, which changes numbers and colours when it saves; expected PNG"
            )
        mode = picture.mode.partition(";")[0]
        width, height = picture.size
    require_size(sample.image_path, (height, width), str(path))
    kind = _KINDS.get(mode, f"in colours ({mode})")
    if mode == "L" and label_maps.grey_step(path) > 1:
        kind = "grey, 2 or 4 bits"  # whose numbers are no grey levels
    facts = dataclasses.replace(facts, kind=kind)
    if sample.palette is None and mode not in label_maps.COLOURED:
        return dataclasses.replace(facts, numbers=_count(label_maps.read_indices(path)))
    codes = label_maps.read_codes(path)
    counts = collections.Counter(dict(_count(codes).most_common(MOST_COLOURS)))
    return dataclasses.replace(facts, colours=counts, solid=solid(codes))


def solid(codes: np.ndarray) -> FrozenSet[int]:
    """Finds colours that fill a square of 3x3 pixels, which those of edges don't.

    Args:
        codes: int [H, W].
    """
    same = codes[1:-1, 1:-1]
    square = np.ones(same.shape, bool)
    height, width = same.shape
    for row in range(3):
        for column in range(3):
            square &= codes[row : row + height, column : column + width] == same
    return frozenset(np.unique(same[square]).tolist())


def _is_turned(sample: Sample) -> bool:
    if not isinstance(sample, FileSample):
        return False
    with opened(sample.image_path, image_files.FORMATS) as picture:
        return orientation(picture) != UPRIGHT


def _count(values: Optional[np.ndarray]) -> Counter[int]:
    found, counts = np.unique(np.asarray(values), return_counts=True)
    return collections.Counter(dict(zip(found.tolist(), counts.tolist())))
