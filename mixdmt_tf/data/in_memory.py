"""Room in memory for images, asked for before it is taken."""

from __future__ import annotations

import math
from typing import Tuple

import numpy as np

from mixdmt_tf import machine_memory
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import size_text


def empty(shape: Tuple[int, ...], asked: str, otherwise: str) -> np.ndarray:
    """An array for images that fit into memory.

    Args:
        shape: of the array, uint8.
        asked: what needs the memory, such as '--image_store=memory'.
        otherwise: what to do where there is not enough, a sentence.

    Returns:
        uint8 of this shape, with any values.

    Raises:
        UserError: if there is not as much memory.
    """
    needed, there = math.prod(shape), machine_memory.available()
    if needed <= there:
        try:
            return np.empty(shape, np.uint8)
        except MemoryError:  # the process may take less, by `ulimit -v`
            there = 0
    free = f"{size_text(there)} are free" if there else "the system refuses as much"
    raise UserError(f"{asked} needs {size_text(needed)}, {free}.\n{otherwise}")
