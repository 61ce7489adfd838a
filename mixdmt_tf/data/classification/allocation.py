"""How many labelled images each class gets."""

from __future__ import annotations

from typing import Optional

import numpy as np
from numpy.typing import ArrayLike


def draw_order(
    class_counts: ArrayLike, number: int, limits: Optional[ArrayLike] = None
) -> np.ndarray:
    """The class of each image drawn, one after the other.

    The next class is the one with the largest count_c / max(count) - taken_c /
    max(taken), the lowest of several. So equally large classes get equal shares, others
    about proportional ones, and every class has one before any has two. Of `number + 1`
    picks the first `number` are the same.

    Args:
        class_counts: int [C], images in each class.
        number: of images to draw.
        limits: images that may be drawn from each class; default: all.

    Returns:
        int64 [number].

    Raises:
        ValueError: if there are fewer images than that.
    """
    counts = np.asarray(class_counts, np.int64)
    left = np.array(counts if limits is None else limits, np.int64)
    if number > left.sum():
        raise ValueError(f"cannot draw {number} of {left.sum()} images")
    taken = np.zeros_like(counts)
    order = np.empty(number, np.int64)
    for pick in range(number):
        # Both fractions times max(count) max(taken): exact, so ties are ties.
        lag = counts * max(taken.max(), 1) - taken * counts.max()
        lag[left == 0] = np.iinfo(np.int64).min
        chosen = lag.argmax()
        order[pick] = chosen
        taken[chosen] += 1
        left[chosen] -= 1
    return order
