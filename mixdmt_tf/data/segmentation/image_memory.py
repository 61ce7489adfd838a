"""Decoded images, labels and pseudo labels that stay in memory between two uses.

A training reads each scene many times. With a small network, decoding it again for each
batch takes a considerable part of the step.
"""

from __future__ import annotations

import threading
from typing import Callable, Dict, Hashable, Tuple

import numpy as np

from mixdmt_tf.data.lazy_images import IN_MEMORY

Arrays = Tuple[np.ndarray, ...]


class ImageMemory:
    """Keeps arrays as long as there is room; whatever comes later is read each time.

    Nothing is ever replaced: a training passes through all images in turn, and the
    image that was used longest ago is the one that comes next.
    """

    def __init__(self, capacity: int = IN_MEMORY):
        """Makes an empty memory.

        Args:
            capacity: number of bytes that all arrays together may have.
        """
        self._room = capacity
        self._kept: Dict[Hashable, Arrays] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, read: Callable[[], Arrays]) -> Arrays:
        """Returns the arrays of `key`, which are not to be changed.

        Args:
            key: identifies the arrays.
            read: reads them; called unless they are kept, perhaps by several threads
                at a time.
        """
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        arrays = read()
        size = sum(each.nbytes for each in arrays)
        with self._lock:
            if key not in self._kept and size <= self._room:
                self._kept[key] = arrays
                self._room -= size
        return arrays
