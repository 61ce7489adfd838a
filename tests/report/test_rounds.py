"""What a page says of rounds."""

from __future__ import annotations

import pytest

from mixdmt_tf.report import rounds


@pytest.mark.parametrize(
    "results, expected",
    [
        (
            {"base_error": 30.0, "base_errors": {"base_a": 30.0, "base_b": 35.0}},
            {"a": 30.0, "b": 35.0},
        ),
        ({"base_errors": {"base": 30.0}}, {"a": 30.0}),
        ({"base_mious": {"base_a": 1.0, "base_b": None}}, {"a": 1.0, "b": None}),
        ({"base_error": 30.0}, {"a": 30.0}),  # as older runs have it
    ],
)
def test_each_models_base_has_its_own_score(results, expected):
    assert rounds.bases(results) == expected
