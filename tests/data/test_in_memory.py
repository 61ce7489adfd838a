"""Memory is asked for before it is taken."""

import numpy as np
import pytest

from mixdmt_tf import machine_memory
from mixdmt_tf.data import in_memory
from mixdmt_tf.errors import UserError

SHAPE = (4, 2, 2, 3)


def empty(shape=SHAPE):
    return in_memory.empty(shape, "--image_store=memory", "Use another.")


def test_what_fits_is_an_array():
    found = empty()
    assert found.shape == SHAPE and found.dtype == np.uint8


def test_what_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr(machine_memory, "available", lambda: 47)
    with pytest.raises(UserError) as caught:
        empty()
    assert str(caught.value) == (
        "--image_store=memory needs 48 bytes, 47 bytes are free.\nUse another."
    )


def test_what_the_system_refuses_is_refused(monkeypatch):
    """As with `ulimit -v`: more is free than the process may have."""
    monkeypatch.setattr(machine_memory, "available", lambda: 2**62)
    with pytest.raises(UserError, match="1,152,921,505 GB, the system refuses as much"):
        empty((2**60,))
