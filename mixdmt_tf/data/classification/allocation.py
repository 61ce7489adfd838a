"""Allocation of labelled images to classes."""

from __future__ import annotations

from typing import Optional

import numpy as np
from numpy.typing import ArrayLike


def draw_order(
    class_counts: ArrayLike, number: int, limits: Optional[ArrayLike] = None
) -> np.ndarray:
    """Returns the classes of the images to draw, in order.

    The next class is the one with the largest count_c / max(count) - taken_c /
    max(taken); of several, the lowest. Equally large classes get equal shares, others
    get roughly proportional shares, and every class gets one image before any gets two.
    The first `number` of `number + 1` draws are the same.

    Args:
        class_counts: int [C], number of images in each class.
        number: number of images to draw.
        limits: most images to draw from each class; default: all.

    Returns:
        int64 [number].

    Raises:
        ValueError: if there are fewer than `number` images.
    """
    counts = np.asarray(class_counts, np.int64)
    left = np.array(counts if limits is None else limits, np.int64)
    if number > left.sum():
        raise ValueError(f"cannot draw {number} of {left.sum()} images")
    taken = np.zeros_like(counts)
    order = np.empty(number, np.int64)
    for pick in range(number):
        # Both fractions times max(count) max(taken): exact integers, so ties are exact.
        lag = counts * max(taken.max(), 1) - taken * counts.max()
        lag[left == 0] = np.iinfo(np.int64).min
        chosen = lag.argmax()
        order[pick] = chosen
        taken[chosen] += 1
        left[chosen] -= 1
    return order
