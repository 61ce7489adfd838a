"""Scores beside those of the labels alone."""

from __future__ import annotations

import pathlib

import pytest

from mixdmt_tf.report import overview
from mixdmt_tf.report.run import Run
from tests.tasks.classification import tiny

MIXDMT = ("--algorithm=mixdmt", *tiny.SHORT_ROUNDS)


def text_of(flags, **results):
    experiment = tiny.experiment("runs/x", *flags)
    found = {"test_error": 20.0, "base_error": 30.0, **results}
    run = Run("a run", pathlib.Path("x"), experiment, found, [])
    (block,) = overview.scores([run]).blocks
    table, sentence = block.items
    return str(table.rows), sentence.text


@pytest.mark.parametrize("noted", [{"base_algorithm": "realmix"}, {}])
def test_a_base_model_of_realmix_is_not_labels_alone(noted):
    rows, sentence = text_of(MIXDMT, **noted)
    assert "labels alone" not in rows
    assert sentence.startswith("There is no run on the labels alone")
    if noted:
        assert "--algorithm=supervised trains one" in sentence


@pytest.mark.parametrize("noted", [{"base_algorithm": "dmt_baseline"}, {}])
def test_a_base_model_from_labels_alone(noted):
    rows, sentence = text_of(tiny.ROUNDS, **noted)
    assert "labels alone: test, EMA" in rows
    assert sentence == "10.00 points better than labels alone (20.00 % and 30.00 %)."


@pytest.mark.parametrize("prefix", ["base_", "supervised_"])
def test_without_test_images_those_of_validation_count(prefix):
    unknown = {"test_error": None, "base_error": None, "validation_error": 25.0}
    more = {**unknown, f"{prefix}validation_error": 30.0}
    rows, sentence = text_of(tiny.ROUNDS, **more)
    assert "labels alone: validation, EMA" in rows and "test" not in rows
    assert sentence == "5.00 points better than labels alone (25.00 % and 30.00 %)."
