"""Packed arrays are `.npz` files."""

import io

import numpy as np
import pytest

from mixdmt_tf import bounds
from mixdmt_tf.data import arrays

CONTENT = {
    "classes": np.arange(12, dtype=np.uint8).reshape(3, 4),
    "doubt": np.linspace(0, 1, 12, dtype=np.float16).reshape(3, 4),
    "none": np.zeros((0, 5)),
}


@pytest.mark.parametrize("reader", ["numpy", "ours"])
def test_what_was_packed_is_read(tmp_path, reader):
    path = tmp_path / "file.npz"
    path.write_bytes(arrays.packed(**CONTENT))
    found = dict(np.load(path)) if reader == "numpy" else arrays.read(path, 10_000)
    assert found.keys() == CONTENT.keys()
    for name, array in CONTENT.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_packed_arrays_are_compressed_and_always_the_same_bytes():
    zeros = np.zeros(100_000)
    content = arrays.packed(zeros=zeros)
    assert len(content) < zeros.nbytes / 100
    assert arrays.packed(zeros=zeros) == content


def test_objects_are_refused():
    with pytest.raises(ValueError, match="[Oo]bject arrays"):
        arrays.packed(objects=np.array([None]))


def test_arrays_beyond_the_bound_are_not_read(tmp_path):
    path = tmp_path / "file.npz"
    path.write_bytes(arrays.packed(zeros=np.zeros(100_000)))
    with pytest.raises(bounds.TooLarge):
        arrays.read(path, 10_000)
    assert np.load(io.BytesIO(path.read_bytes()))["zeros"].size == 100_000
