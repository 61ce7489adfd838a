"""A whole run of a method: stopped and gone on, exported, and both agree."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.data.classification import datasets
from mixdmt_tf.runs import trained
from mixdmt_tf.settings import classes
from mixdmt_tf.tasks import open_task
from tests.tasks.classification import tiny

NAMES = tuple(classes("mixdmt_tf.algorithms.classification"))
COPIES = ("--copies=2", "--copies_augment=cutout")


def in_rounds(name):
    """Whether the method is trained in rounds."""
    return algorithms.method("classification", name).loop == "rounds"


def check(folder, *chosen):
    """Resumed equals uninterrupted, and export equals model.

    Args:
        folder: an empty one.
        *chosen: the method and the length of its run, in whose last network there is
            a fourth step: there the stop comes.
    """
    straight = tiny.session(folder / "straight", *chosen)
    assert straight.code == 0, straight.err
    stop = {("progress", 4): tiny.TERMINATE}
    chosen_again = (*chosen, "--noexport")  # it takes seconds
    stopped = tiny.session(folder / "stopped", *chosen_again, moments=stop)
    assert stopped.code == 143, stopped.err
    assert stopped.last_digest != straight.last_digest
    resumed = tiny.session(folder / "stopped", *chosen_again)
    assert resumed.code == 0, resumed.err
    assert resumed.steps[0] > 4
    # Of a run in rounds that is the network of the last one.
    assert resumed.last_digest == straight.last_digest

    experiment = tiny.experiment(folder / "straight", *chosen)
    model = trained.load(open_task(experiment), folder / "straight")
    images = datasets.load(experiment.data).test.images
    expected = model.scorer.predict(model.averaged, images)
    exported = tf.saved_model.load(str(folder / "straight" / "export"))
    got = exported.signatures["serving_default"](image=tf.constant(images))
    np.testing.assert_allclose(got["probabilities"], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(got["label"], expected.argmax(-1))
