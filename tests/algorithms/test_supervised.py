from __future__ import annotations

import numpy as np

from mixdmt_tf.data.recipe import Recipe
from tests.algorithms import batches


def test_loss_is_the_cross_entropy_of_the_labelled_rows():
    method = batches.build("supervised")
    batch = batches.make(Recipe(), 6)
    terms, reports = method.losses(batch)
    logits = method.network(batch["x"]).numpy().astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    rows, y = np.arange(6), batch["y"].numpy()
    np.testing.assert_allclose(terms["loss_x"].values, -np.log(p[rows, y]), rtol=1e-4)
    np.testing.assert_array_equal(reports["accuracy_x"], logits.argmax(-1) == y)


def test_it_asks_for_no_unlabelled_images():
    method = batches.build("supervised")
    assert method.recipe(method.config) == Recipe()
