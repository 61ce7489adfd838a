"""A whole run of a method: ended and gone on, exported, and both agree."""

from __future__ import annotations

import json
import shutil

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


ENDINGS = ("export", "data.json", "results.json")


def ended_early(finished, folder):
    """What a run leaves that ends without warning after its third step.

    Of a run in rounds, the third of its last network: a run that isn't told to stop
    has at its checkpoints what it would have had if it had ended there.
    """
    shutil.copytree(finished, folder)
    results = json.loads((folder / "results.json").read_text())
    last = folder / results["rounds"][-1]["stage"] if "rounds" in results else folder
    missing = [place / name for place in {folder, last} for name in ENDINGS]
    if last != folder:
        missing += [folder / "checkpoints", folder / "metrics.csv"]
    newest = max((last / "checkpoints").glob("step-*"))
    assert newest.name == "step-00000006"
    for path in (*missing, newest):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()


def check(folder, *chosen, exported=False):
    """Resumed equals uninterrupted, and export equals model.

    Args:
        folder: an empty one.
        *chosen: the method and the length of its run, whose last network has six steps,
            and a checkpoint after the third.
        exported: whether to export it, which is the same for methods of a kind.
    """
    more = (tiny.EXPORT,) if exported else ()
    straight = tiny.session(folder / "straight", *chosen, *more)
    assert straight.code == 0, straight.err
    ended_early(folder / "straight", folder / "ended")
    resumed = tiny.session(folder / "ended", *chosen)
    assert resumed.code == 0, resumed.err
    assert resumed.steps == (4, 5, 6)
    # Of a run in rounds that is the network of the last one.
    assert resumed.last_digest == straight.last_digest
    if not exported:
        return

    experiment = tiny.experiment(folder / "straight", *chosen)
    model = trained.load(open_task(experiment), folder / "straight")
    images = datasets.load(experiment.data).test.images
    expected = model.scorer.predict(model.averaged, images)
    exported = tf.saved_model.load(str(folder / "straight" / "export"))
    got = exported.signatures["serving_default"](image=tf.constant(images))
    np.testing.assert_allclose(got["probabilities"], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(got["label"], expected.argmax(-1))
