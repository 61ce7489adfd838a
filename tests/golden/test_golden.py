"""What must not change when code is moved: numbers of every method, kept in a file.

A change of these values is a change of everybody's results: it is meant, or it is a
mistake. If it is meant, `python -m tests.golden.write` writes the file anew.
"""

from __future__ import annotations

import json
import pathlib

import pytest

from mixdmt_tf.compat import KERAS_3
from mixdmt_tf.settings import classes
from tests.golden import rounds, steps

VALUES = pathlib.Path(__file__).with_name("values.json")
METHODS = {
    "classification": classes("mixdmt_tf.algorithms.classification"),
    "segmentation": classes("mixdmt_tf.algorithms.segmentation"),
}
RUNS = {
    "classification": rounds.CLASSIFICATION,
    "segmentation": rounds.SEGMENTATION,
}


@pytest.fixture(name="golden", scope="module")
def fixture_golden():
    return json.loads(VALUES.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "task,name", [(task, name) for task, names in METHODS.items() for name in names]
)
def test_losses_and_weights_of_the_first_steps(golden, task, name):
    expected = golden["steps"][task][name]

    found = getattr(steps, task)(name)

    assert found["losses"] == pytest.approx(expected["losses"], rel=1e-3, abs=1e-5)
    # Adam makes steps of full size of what rounding leaves of gradients that are zero,
    # such as those of biases before batch normalization; newer kernels, other CPUs and
    # other numbers of threads round otherwise.
    assert found["weights"] == pytest.approx(expected["weights"], rel=5e-3, abs=1e-3)


def test_splits_and_copies(golden):
    assert steps.digests() == golden["digests"]


@pytest.mark.long
@pytest.mark.parametrize("task", RUNS)
def test_a_run_in_rounds(golden, tmp_path, task):
    expected = golden["rounds"][task]

    found = rounds.run(tmp_path / task, *RUNS[task])

    numbers, theirs = found.pop("numbers"), expected.pop("numbers")
    assert found == expected
    if not KERAS_3:  # which draws other initial weights
        assert numbers == pytest.approx(theirs, rel=1e-2, abs=1e-2)
