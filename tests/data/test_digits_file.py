"""The digits that scikit-learn comes with, read without importing it."""

import gzip
import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from mixdmt_tf.data import digits_file
from mixdmt_tf.errors import UserError


def test_they_are_what_scikit_learn_reads():
    ink, classes = digits_file.read("digits")
    bunch = load_digits()

    np.testing.assert_array_equal(ink, bunch.images)
    np.testing.assert_array_equal(classes, bunch.target)
    assert classes.dtype == np.int32


def test_scikit_learn_is_not_imported():
    code = (
        "import sys; from mixdmt_tf.data import digits_file; digits_file.read('digits')"
        "; sys.exit('sklearn' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="--dataset=x needs scikit-learn, which is not"):
        digits_file.read("x")


# No time of compression, which would be in the name of the case.
@pytest.mark.parametrize(
    "content", [None, b"no gzip", gzip.compress(b"1,2\n3,4\n", mtime=0)]
)
def test_a_file_that_is_missing_or_damaged(monkeypatch, tmp_path, content):
    place = tmp_path / digits_file.FILE
    place.parent.mkdir(parents=True)
    if content is not None:
        place.write_bytes(content)
    spec = importlib.util.spec_from_loader("sklearn", None)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(UserError, match="digits.csv.gz can't be read"):
        digits_file.read("digits")
