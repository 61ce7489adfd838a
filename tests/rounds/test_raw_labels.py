"""`--init_weights=raw`: the raw weights label, judge and are begun with."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.data.classification import pseudo_labels
from mixdmt_tf.runs import trained
from mixdmt_tf.tasks import open_task
from tests.tasks.classification import tiny

FLAGS = (
    *(flag for flag in tiny.ROUNDS if "rounds=" not in flag),
    *("--rounds=1", "--learning_rate=0.05", "--norestart"),
)


@pytest.mark.parametrize("kind", ["raw", "ema"])
def test_whose_weights_label(kind, tmp_path):
    done = tiny.session(tmp_path, *FLAGS, f"--init_weights={kind}")
    assert done.code == 0, done.err
    task = open_task(tiny.experiment(tmp_path))
    split = task.read_split(tmp_path / "split.json")
    model = trained.load(task, tmp_path / "base")
    images = task.source.train.images[split.unlabeled]
    found = pseudo_labels.read(tmp_path / "pseudo_labels/round_1.npz", split, 10)
    raw, ema = (
        model.scorer.predict(weights, images).max(-1)
        for weights in (model.raw, model.averaged)
    )
    assert np.abs(raw - ema).max() > 1e-4
    np.testing.assert_array_equal(found.confidence, raw if kind == "raw" else ema)
