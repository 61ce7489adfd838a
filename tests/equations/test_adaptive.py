"""What the oracles of adaptive weights do not ask."""

from __future__ import annotations

import numpy as np

from mixdmt_tf import equations


def test_without_variance_what_is_below_the_mean_has_no_weight():
    """As of a batch of one image, or of confidences that have all become 1."""
    found = equations.truncated_gaussian([0.69, 0.7, 0.71], np.float32(0.7), 0.0, 2)
    np.testing.assert_array_equal(found, [0, 1, 1])
