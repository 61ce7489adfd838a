"""Images in more files than a process may have open unless it asks."""

from __future__ import annotations

import gc
import os
import resource

import numpy as np
import pytest

from mixdmt_tf.data import shards
from mixdmt_tf.errors import UserError

NUMBER = 200
WORDS = shards.Words("pictures", "or fewer pictures")


def fill(first, out):
    out[:] = first


@pytest.fixture
def few(monkeypatch):
    """A process that may open 100 files more; it need not wait for the disk."""
    monkeypatch.setattr(os, "fsync", lambda file: None)
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    now = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (now + 100, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))


def opened(folder):
    shape = (NUMBER, 1, 1, 1)
    return shards.Shards(folder, shape, fill, WORDS, shard_bytes=1, threads=1)


def test_it_asks(few, tmp_path):
    images = opened(tmp_path)
    np.testing.assert_array_equal(images[:].ravel(), np.arange(NUMBER))
    assert len(opened(tmp_path)) == NUMBER  # while the others are open


def test_it_says_so_where_that_is_not_granted(few, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_let_open", lambda number: None)
    gc.collect()  # what earlier tests have left open
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(UserError, match=r"are 200 files .*\n.* `ulimit -n`, or fewer"):
        opened(tmp_path)
    gc.collect()  # what is closed with the object that could not be made
    assert len(os.listdir("/proc/self/fd")) == before
