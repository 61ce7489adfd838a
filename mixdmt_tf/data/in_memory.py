"""Allocates memory for images, after checking that there is enough."""

from __future__ import annotations

import math
from typing import Tuple

import numpy as np

from mixdmt_tf import machine_memory
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import size_text


def empty(shape: Tuple[int, ...], asked: str, otherwise: str) -> np.ndarray:
    """Allocates an array for images.

    Args:
        shape: shape of the array.
        asked: what needs the memory, such as '--image_store=memory', for messages.
        otherwise: a sentence on what to do if there is not enough memory.

    Returns:
        An uninitialised uint8 array of this shape.

    Raises:
        UserError: if there is not enough memory.
    """
    needed, there = math.prod(shape), machine_memory.available()
    if needed <= there:
        try:
            return np.empty(shape, np.uint8)
        except MemoryError:  # `ulimit -v` may allow less
            there = 0
    free = f"{size_text(there)} are free" if there else "the system refuses as much"
    raise UserError(f"{asked} needs {size_text(needed)}, {free}.\n{otherwise}")
