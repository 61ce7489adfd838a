"""What a step would need, before anything is allocated."""

from __future__ import annotations

import math
import resource
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import machine_memory
from mixdmt_tf.errors import UserError
from mixdmt_tf.models.small_cnn import SmallCNN
from mixdmt_tf.models.wide_resnet import WideResNet
from mixdmt_tf.runs import cluster, memory
from mixdmt_tf.tasks import open_task
from tests.tasks.classification import tiny


@pytest.mark.parametrize("size", [None, 16])
def test_the_size_of_a_network_is_that_of_the_real_one(size):
    def build():
        return SmallCNN(filters=4).build_at(size, (8, 8, 3), 10)

    real = build()
    weights, outputs = memory.of_network(build)
    assert weights == real.count_params()
    if size is None:
        every = keras.Model(real.input, [layer.output for layer in real.layers])
        made = every(np.zeros((1, 8, 8, 3), np.float32))
        assert outputs == sum(np.size(each) for each in made)
    else:  # which has the layers of a network within the network
        assert outputs > 3 * (8 * 8 + 16 * 16)
    assert build().get_weights()  # real networks are real again


@pytest.mark.parametrize(
    ("layer", "outputs"),
    [
        (keras.layers.MultiHeadAttention(2, 4), [(8, 8, 3)]),
        (
            keras.layers.Lambda(lambda x: tf.split(x, [1, 2], -1)),
            [(8, 8, 1), (8, 8, 2)],
        ),
    ],
    ids=["layers in a layer", "several outputs"],
)
def test_layers_of_other_kinds_count_by_their_outputs(layer, outputs):
    def build():
        images = keras.Input((8, 8, 3))
        two = isinstance(layer, keras.layers.MultiHeadAttention)
        return keras.Model(images, layer(images, images) if two else layer(images))

    found = memory.of_network(build)[1]
    assert found == 8 * 8 * 3 + sum(math.prod(shape) for shape in outputs)


def test_a_huge_network_takes_no_memory_to_be_looked_at():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    weights, _ = memory.of_network(
        lambda: WideResNet(depth=10, width=100).build((32, 32, 3), 10)
    )
    assert weights > 5 * 10**8  # 2 GB
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


def require(*flags, images=3):
    task = open_task(tiny.experiment("runs/x", *flags))
    memory.require(task, images)


def test_what_does_not_fit_is_refused():
    with mock.patch.object(machine_memory, "total", return_value=10**7):
        require()
        with pytest.raises(UserError) as refused:
            require("--batch=65536")
        assert "(426 weights, 196,608 images of a batch)" in str(refused.value)
        assert "this machine has 10.0 MB.\nGive a smaller --batch" in str(refused.value)
        with pytest.raises(UserError, match="a step needs .* of memory or more"):
            require("--filters=4096")


def test_a_network_is_described_once_for_all_stages(monkeypatch):
    described = []

    def of_network(build):
        described.append(build().count_params())
        return described[-1], 1

    monkeypatch.setattr(memory, "_sizes", {})
    monkeypatch.setattr(memory, "of_network", of_network)
    for flags in ([], ["--batch=4"], ["--filters=5"], []):
        require(*flags)
    assert len(described) == len(set(described)) == 2


def test_the_command_says_so_and_leaves_no_split(tmp_path):
    with mock.patch.object(machine_memory, "total", return_value=10**7):
        done = tiny.session(tmp_path, "--batch=65536")
    assert done.code == 1 and "a step needs" in done.err
    assert "Traceback" not in done.err and not (tmp_path / "split.json").exists()


def test_each_of_several_machines_has_a_part_of_the_batch(monkeypatch):
    task = open_task(tiny.experiment("runs/x", "--batch=63"))
    assert "189 images of a batch" in memory.require(task, 3)
    monkeypatch.setenv(cluster.NAME, cluster.text(("a:1", "b:1"), 0))
    assert " 95 images of a batch" in memory.require(task, 3)
