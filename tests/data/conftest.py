"""What tests of the data layer share."""

from __future__ import annotations

import collections
import shutil

import pytest

Usage = collections.namedtuple("Usage", "total used free")


@pytest.fixture
def free(monkeypatch):
    """A function that sets the bytes which every disk claims to have left."""

    def set_free(count):
        usage = Usage(1 << 40, (1 << 40) - count, count)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)

    return set_free
