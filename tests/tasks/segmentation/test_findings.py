"""What a segmenter says of some images."""

from __future__ import annotations

import types

import numpy as np

from mixdmt_tf.data.segmentation.source import IGNORED
from mixdmt_tf.tasks.segmentation import findings

COLOURS = np.array([[0, 0, 0], [200, 0, 0]], np.uint8)


def test_hidden_labels_of_no_class_are_not_judged():
    """Masks that a run hides were not checked when it began."""
    truth = np.array([[0, 1, 7, IGNORED]] * 4, np.uint8)
    sample = types.SimpleNamespace(
        name="a",
        known=True,
        image=lambda: np.zeros((4, 4, 3), np.uint8),
        labels=lambda: truth,
    )
    said = np.zeros((4, 4), np.uint8), np.full((4, 4), 0.5, np.float16)
    scorer = types.SimpleNamespace(use=lambda weights: None, guess=lambda image: said)
    model = types.SimpleNamespace(scorer=scorer, averaged=[])
    (seen,) = findings.look(model, [sample], COLOURS)
    assert seen.counts.tolist() == [[4, 0], [4, 0]] and seen.miou == 25.0
