"""Four devices end where one ends: a process of its own, which has four."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import types

import keras
import pytest
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.models.base import Network
from mixdmt_tf.runs import beginning

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOLERANCE = 1e-6


@pytest.mark.long
def test_four_devices_end_where_one_ends():
    """Ten steps of a method of each task."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.conformance.four_devices"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = dict(line.split() for line in done.stdout.splitlines())
    assert set(found) == {"mixmatch", "mean_teacher"}
    assert all(float(difference) < TOLERANCE for difference in found.values()), found


@pytest.mark.parametrize("name", ["mean_teacher", "dual_student"])
def test_copies_of_a_network_are_synchronized_too(name):
    kind = algorithms.method("classification", name)
    images = keras.Input((4, 4, 3))
    x = keras.layers.Flatten()(keras.layers.BatchNormalization()(images))
    network = keras.Model(images, keras.layers.Dense(2)(x))
    experiment = types.SimpleNamespace(
        run=types.SimpleNamespace(
            sync_batch_norm=True, remat=False, deterministic=True
        ),
        network=Network(),
        method_class=lambda: kind,
        method=kind.config_class(),
    )
    task = types.SimpleNamespace(
        experiment=experiment,
        network=lambda: network,
        facts=lambda split: RunFacts(2, 8, 100),
    )
    made = beginning.algorithm(task, None, tf.distribute.get_strategy())
    layers = [layer for layer in made._flatten_layers() if hasattr(layer, "momentum")]
    assert len(layers) == 2 and all(layer.synchronized for layer in layers)
