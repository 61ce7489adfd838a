"""Regions of images as COCO's files describe them, and the label maps they make.

A pixel belongs to a polygon if its centre lies inside, where a line from there to the
edge of the image crosses the outline an odd number of times; x and y are measured from
the upper left corner of the image. pycocotools rounds corners to a fifth of a pixel
first, so that single pixels of an outline differ.

Where regions overlap, the smaller one, in pixels, lies on top, and of two of the same
size the one that comes later; regions to be ignored lie below all others.
"""

from __future__ import annotations

import dataclasses
from typing import List, Optional, Sequence, Tuple

import numpy as np

from mixdmt_tf import bounds
from mixdmt_tf.data.segmentation.source import IGNORED

MAX_RUNS_TEXT = bounds.RUN_LENGTHS_TEXT
_EDGES = 1024  # of a polygon, taken at a time, so that memory is bounded
_LONGEST = 6  # characters for one run: 30 bits


@dataclasses.dataclass(frozen=True, eq=False)
class Region:
    """Pixels of one class, as polygons or as run lengths.

    Attributes:
        label: the class, or 255.
        polygons: corners (x, y) in pixels, float [n, 2] each; together they are the
            region.
        runs: instead of polygons, how many pixels are outside, inside, outside, ...,
            column by column, each from above: int64 [n], of H W in all.
    """

    label: int
    polygons: Tuple[np.ndarray, ...] = ()
    runs: Optional[np.ndarray] = None

    def mask(self, height: int, width: int) -> np.ndarray:
        """Which pixels belong to it: bool [H, W].

        Args:
            height: H; of runs, that of the image they were made for.
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
    """Classes of all pixels: uint8 [H, W].

    Args:
        regions: in the order of the file.
        height: H.
        width: W.
        background: the class, or 255, where there is no region.
    """
    labels = np.full((height, width), background, np.uint8)
    # Area of what lies on top, so that no mask has to be kept.
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
        polygon: corners (x, y) in pixels: float [n, 2]. It need not be inside of the
            image, and may cross itself.
        mask: bool [H, W], changed in place.
    """
    height, width = mask.shape
    # Moved so that the centre of the pixel in column c and row r is at (c, r).
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
    """For each column that an edge crosses, the first pixel at or below the edge.

    Args:
        starts: (x, y) of edges: float [n, 2].
        ends: the same.
        height: H; pixel (H, c) stands for all below the image.
        width: W.

    Returns:
        Numbers of pixels, row by row: int [m].
    """
    swapped = starts[:, :1] > ends[:, :1]
    start, end = np.where(swapped, ends, starts), np.where(swapped, starts, ends)
    # An edge takes its left end with it and leaves the right one to the next edge.
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
    """Run lengths that COCO's tools packed into a text: int64 [n].

    Five bits to a character, the lowest first, with 48 added; the sixth bit says that
    more follow. From the third run on, what is written is the difference to the run
    before the last one.

    Raises:
        ValueError: if it is no such text.
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
