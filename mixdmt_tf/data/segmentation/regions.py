"""Converts regions of COCO files to label maps.

A pixel belongs to a polygon if its centre lies inside by the even-odd rule: a line from
there to the edge of the image crosses the outline an odd number of times. x and y are
measured from the upper left corner of the image. pycocotools first rounds corners to a
fifth of a pixel, so single pixels at the outline differ.

If regions overlap, the smaller one, in pixels, is on top; of two of the same size, the
later one. Regions to ignore are below all others.
"""

from __future__ import annotations

import dataclasses
from typing import List, Optional, Sequence, Tuple

import numpy as np

from mixdmt_tf import bounds
from mixdmt_tf.data.segmentation.source import IGNORED

MAX_RUNS_TEXT = bounds.RUN_LENGTHS_TEXT
_EDGES = 1024  # edges of a polygon to process at a time, which bounds memory
_LONGEST = 6  # most characters of one run: 30 bits


@dataclasses.dataclass(frozen=True, eq=False)
class Region:
    """Pixels of one class, as polygons or as run lengths.

    Attributes:
        label: the class, or 255.
        polygons: corners (x, y) in pixels, float [n, 2] each; the region is their
            union.
        runs: instead of polygons, numbers of pixels outside, inside, outside, ..., in
            column-major order: int64 [n] with the sum H W.
    """

    label: int
    polygons: Tuple[np.ndarray, ...] = ()
    runs: Optional[np.ndarray] = None

    def mask(self, height: int, width: int) -> np.ndarray:
        """Returns which pixels belong to the region: bool [H, W].

        Args:
            height: H; for runs, that of the image they were made for.
            width: W.
        """
        if self.runs is not None:
            inside = np.arange(len(self.runs)) % 2 == 1
            return np.repeat(inside, self.runs).reshape(width, height).T
        found = np.zeros((height, width), bool)
        for polygon in self.polygons:
            fill(polygon, found)
        return found


def label_map(
    regions: Sequence[Region], height: int, width: int, background: int
) -> np.ndarray:
    """Paints regions to a label map: uint8 [H, W].

    Args:
        regions: regions in the order of the file.
        height: H.
        width: W.
        background: the class, or 255, where there is no region.
    """
    labels = np.full((height, width), background, np.uint8)
    # Area of the topmost region of each pixel, so that no mask has to be kept.
    areas = np.full((height, width), height * width + 2, np.int64)
    for region in regions:
        mask = region.mask(height, width)
        area = int(np.count_nonzero(mask))
        if region.label == IGNORED:
            area = height * width + 1
        mask &= areas >= area
        labels[mask], areas[mask] = region.label, area
    return labels


def fill(polygon: np.ndarray, mask: np.ndarray) -> None:
    """Adds the pixels whose centres lie inside of a polygon, by the even-odd rule.

    Args:
        polygon: corners (x, y) in pixels: float [n, 2]. The polygon may extend beyond
            the image and may intersect itself.
        mask: bool [H, W], changed in place.
    """
    height, width = mask.shape
    # Shifted so that the centre of the pixel in column c and row r is at (c, r).
    points = np.asarray(polygon, np.float64) - 0.5
    low, high = np.ceil(points.min(0)), np.floor(points.max(0)) + 1
    left, top = np.clip(low, 0, (width, height)).astype(int)
    right, bottom = np.clip(high, 0, (width, height)).astype(int)
    if left >= right or top >= bottom:
        return
    points = points - (left, top)
    height, width = bottom - top, right - left
    crossed = np.zeros((height + 1) * width, bool)
    ends = np.roll(points, -1, 0)
    for first in range(0, len(points), _EDGES):
        part = slice(first, first + _EDGES)
        places = _crossings(points[part], ends[part], height, width)
        crossed ^= np.bincount(places, minlength=len(crossed)) % 2 == 1
    inside = np.logical_xor.accumulate(crossed.reshape(height + 1, width)[:-1], axis=0)
    mask[top:bottom, left:right] |= inside


def _crossings(
    starts: np.ndarray, ends: np.ndarray, height: int, width: int
) -> np.ndarray:
    """Returns the first pixel at or below an edge for each column that it crosses.

    Args:
        starts: (x, y) of the starts of edges: float [n, 2].
        ends: (x, y) of the ends of edges: float [n, 2].
        height: H; pixel (H, c) stands for all positions below the image.
        width: W.

    Returns:
        Pixel numbers in row-major order: int [m].
    """
    swapped = starts[:, :1] > ends[:, :1]
    start, end = np.where(swapped, ends, starts), np.where(swapped, starts, ends)
    # An edge includes its left end; its right end belongs to the next edge.
    first = np.ceil(start[:, 0]).clip(0, width).astype(int)
    count = np.ceil(end[:, 0]).clip(0, width).astype(int) - first
    edges = np.repeat(np.arange(len(start)), count)
    before = np.repeat(np.cumsum(count) - count, count)
    columns = first[edges] + np.arange(len(edges)) - before
    run, rise = (end - start)[edges].T
    heights = start[edges, 1] + (columns - start[edges, 0]) * rise / run
    rows = np.ceil(heights).clip(0, height).astype(int)
    return rows * width + columns


def read_runs(text: str) -> np.ndarray:
    """Decodes run lengths that COCO's tools packed into a text: int64 [n].

    Each character holds five bits, the lowest first, with 48 added. The sixth bit marks
    that more characters follow. From the fourth run on, the text has the difference to
    the run two places before.

    Raises:
        ValueError: if the text is invalid.
    """
    if len(text) > MAX_RUNS_TEXT:
        raise ValueError(f"{len(text):,} characters; expected at most {MAX_RUNS_TEXT}")
    runs: List[int] = []
    value = length = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or length == _LONGEST:
            raise ValueError("no compressed run lengths")
        value |= (bits & 31) << (5 * length)
        length += 1
        if bits & 32:
            continue
        if bits & 16:  # negative
            value -= 1 << (5 * length)
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = length = 0
    if length:
        raise ValueError("compressed run lengths that are cut off")
    return np.array(runs, np.int64)
