"""Arrays that stay in memory."""

import concurrent.futures
import threading

import numpy as np
import pytest

from mixdmt_tf.data.segmentation.image_memory import ImageMemory


def test_arrays_stay_until_the_room_is_used_up():
    """The third doesn't fit and is read each time, a smaller fourth one does."""
    memory, read = ImageMemory(capacity=25), []

    def get(key, size):
        def arrays():
            read.append(key)
            return np.full(size, key, np.uint8), np.zeros(2, np.uint8)

        return memory.get(key, arrays)[0]

    for _ in range(2):
        for key, size in enumerate([8, 8, 8, 3]):
            np.testing.assert_array_equal(get(key, size), [key] * size)
    assert read == [0, 1, 2, 3, 2]


def test_a_read_that_fails_is_tried_again():
    memory = ImageMemory()
    with pytest.raises(OSError, match="gone"):
        memory.get(1, lambda: (_ for _ in ()).throw(OSError("gone")))
    assert memory.get(1, lambda: (np.ones(1),))[0] == 1


def test_threads_that_read_the_same_use_its_room_once():
    """All four read before the first one stores what it read."""
    memory, barrier = ImageMemory(capacity=10), threading.Barrier(4)

    def read():
        barrier.wait(timeout=60)
        return (np.zeros(5, np.uint8),)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: memory.get("one", read), range(4)))
    other = memory.get("other", lambda: (np.zeros(5, np.uint8),))
    assert memory.get("other", lambda: ()) is other
