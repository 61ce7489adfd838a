from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.errors import UsageError
from tests.algorithms.classification import batches, stepping
from tests.oracles import consistency_steps


def test_loss_is_the_cross_entropy_of_the_labelled_rows():
    method = batches.build("supervised")
    batch = batches.make(Recipe(), 6)
    terms, reports = method.step_losses(batch)
    logits = method.network(batch["x"]).numpy().astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    rows, y = np.arange(6), batch["y"].numpy()
    np.testing.assert_allclose(terms["loss_x"].values, -np.log(p[rows, y]), rtol=1e-4)
    hits, known = reports["accuracy_x"]
    np.testing.assert_array_equal(hits, logits.argmax(-1) == y)
    assert known.numpy().all()


def test_it_asks_for_no_unlabelled_images():
    method = batches.build("supervised")
    assert method.recipe(method.config) == Recipe()


@pytest.mark.parametrize("smoothing", [0.001, 0.1, 1.0])
def test_label_smoothing(smoothing):
    method = stepping.trained_a_little("supervised", smoothing=smoothing)
    batch = batches.make(Recipe(), 6)
    expected = consistency_steps.labelled(
        stepping.forward(method.network),
        stepping.as_numpy(batch),
        batches.CLASSES,
        smoothing,
    )
    loss = stepping.value(method.step_losses(batch)[0]["loss_x"])
    assert loss == pytest.approx(expected, rel=1e-4)


def test_smoothing_beyond_uniform_is_refused():
    with pytest.raises(UsageError, match="smoothing=1.5"):
        batches.build("supervised", smoothing=1.5)
