"""A whole run of every method: stopped and gone on, exported, and both agree."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.data import sources
from mixdmt_tf.experiments import trained
from mixdmt_tf.settings import modules
from tests.experiments import tiny

NAMES = modules("mixdmt_tf.algorithms", "Method")
COPIES = ("--copies=2", "--copies_augment=cutout")
SHORT = ("--steps=6", "--eval_every=3", *COPIES)
# Only the rounds have a fourth step: there the stop comes.
ROUNDS = (
    "--steps=none",
    "--base_steps=3",
    "--base_batch=8",
    "--rounds=2",
    "--round_steps=6",
    "--unlabeled_ratio=2",
    "--eval_every=6",
    *COPIES,
)


def in_rounds(name):
    return algorithms.algorithm(name).Method.loop == "rounds"


def test_some_methods_are_trained_in_rounds():
    assert {"dmt", "dmt_mutual", "dst"} <= set(filter(in_rounds, NAMES)) < set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_resumed_equals_uninterrupted_and_export_equals_model(name, tmp_path):
    chosen = (f"--algorithm={name}", *(ROUNDS if in_rounds(name) else SHORT))
    if in_rounds(name) and name != "dmt":  # most of the time goes into its graph
        chosen += ("--augment=none",)
    straight = tiny.session(tmp_path / "straight", *chosen)
    assert straight.code == 0, straight.err
    stop = {("progress", 4): tiny.TERMINATE}
    stopped = tiny.session(tmp_path / "stopped", *chosen, moments=stop)
    assert stopped.code == 143, stopped.err
    assert stopped.last_digest != straight.last_digest
    resumed = tiny.session(tmp_path / "stopped", *chosen)
    assert resumed.code == 0, resumed.err
    assert resumed.steps[0] > 4
    # Of a run in rounds that is the network of the last one.
    assert resumed.last_digest == straight.last_digest

    experiment = tiny.experiment(tmp_path / "straight", *chosen)
    model = trained.load(experiment, tmp_path / "straight")
    images = sources.load(experiment.data).test.images
    expected = model.scorer.predict(model.averaged, images)
    exported = tf.saved_model.load(str(tmp_path / "straight" / "export"))
    got = exported.signatures["serving_default"](image=tf.constant(images))
    np.testing.assert_allclose(got["probabilities"], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(got["label"], expected.argmax(-1))
