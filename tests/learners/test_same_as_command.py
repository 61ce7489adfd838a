"""What `fit` trains is what the command trains under the same settings and seed."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import mixdmt_tf
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.datasets import digits
from mixdmt_tf.data.classification.splits import make_split
from mixdmt_tf.data.splits import write_split
from mixdmt_tf.learners import arrays
from mixdmt_tf.models.small_cnn import SmallCNN
from mixdmt_tf.runs import checkpoints
from mixdmt_tf.tasks import fit
from tests.learners import made
from tests.tasks.classification import tiny

STEPS, SEED = 4, 1
SETTINGS = {"learning_rate": 0.01, "ema_decay": 0.8, "ema_warmup": False}


@pytest.fixture(autouse=True)
def bit_by_bit():
    """As the command does: kernels that add up in another order round otherwise."""
    tf.config.experimental.enable_op_determinism()


def built(algorithm, shape=(8, 8, 1), **settings):
    """A model as a program makes it whose weights begin as the command's."""
    keras.utils.set_random_seed(SEED)
    network = SmallCNN(filters=4).build(shape, made.CLASSES)
    make = getattr(mixdmt_tf, algorithm)
    return make(network, made.CLASSES, flip=False, shift=1, **SETTINGS, **settings)


def command(folder, source, *more):
    """The digest of what the command trains."""
    flags = (f"--steps={STEPS}", "--eval_every=4", "--log_every=4", *more)
    with tiny.Watch() as watch:
        fit.train(tiny.experiment(folder, *flags), source)
    return watch.digest()


def test_fixmatch_on_a_data_set_of_the_command_line(tmp_path):
    source = digits.load(Config(dataset="digits"))
    split = make_split(source, 20, 0, SEED)
    pixels, labels = source.train.images, source.train.labels
    model = built("FixMatch", copies=0)
    model.fit(
        (pixels[split.labeled], labels[split.labeled]),
        unlabeled=pixels[split.unlabeled],
        epochs=2,
        steps_per_epoch=STEPS // 2,
        batch_size=8,
        verbose=0,
    )
    flags = ("--algorithm=fixmatch", "--validation=0", "--copies=0")
    expected = command(tmp_path, source, *flags)
    assert checkpoints.digest(model.algorithm) == expected


@pytest.mark.parametrize("algorithm", ["RealMix", "DualStudent"])
def test_of_the_same_images(algorithm, tmp_path):
    """With copies, which are drawn by an image's number; with a second network."""
    labeled, unlabeled, _ = made.images()
    copies = 2 if algorithm == "RealMix" else 0
    model = built(algorithm, copies=copies)
    model.fit(
        labeled, unlabeled=unlabeled, steps_per_epoch=STEPS, batch_size=8, verbose=0
    )
    given = arrays.read(model, labeled, None, unlabeled, None)
    task, split = arrays.task_of(model, given, 8, steps=STEPS)
    write_split(tmp_path / "split.json", split)
    expected = command(
        tmp_path / "run",
        task.source,
        f"--algorithm={model.keywords.name}",
        f"--split={tmp_path / 'split.json'}",
        f"--copies={copies}",
    )
    assert checkpoints.digest(model.algorithm) == expected
    # And it learned something: the digest is not that of the beginning.
    assert not np.array_equal(model.average.averages[0], model.network.weights[0])
