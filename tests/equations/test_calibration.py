"""How far confidence is from accuracy."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.equations import expected_calibration_error
from tests.oracles import metrics


@pytest.mark.parametrize("bins", [1, 4, 16])
def test_equals_its_oracle(bins):
    rng = np.random.default_rng(3)
    labels, predictions = rng.integers(0, 3, size=[2, 300])
    confidence = rng.integers(0, 65, 300) / 64  # borders of ranges among them
    arrays = labels, predictions, confidence
    found = expected_calibration_error(*arrays, bins)
    assert found == pytest.approx(metrics.expected_calibration_error(*arrays, bins))
    assert found > 1


def test_nothing_where_confidence_is_accuracy():
    labels, predictions = np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1])
    assert expected_calibration_error(labels, predictions, np.full(4, 0.75)) == 0
    pixels = labels.reshape(2, 2), predictions.reshape(2, 2), np.full((2, 2), 0.75)
    assert expected_calibration_error(*pixels) == 0


def test_all_wrong_and_sure_is_100():
    assert expected_calibration_error([0, 1], [1, 0], [1.0, 1.0]) == 100


def test_refuses_what_is_no_confidence():
    with pytest.raises(ValueError, match="confidence must be in"):
        expected_calibration_error([0], [0], [3.0])
