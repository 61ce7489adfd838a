"""Methods that serve several labels an image: each label is as if it were alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms.parts.terms import counted
from mixdmt_tf.settings import classes
from mixdmt_tf.tasks.classification import several_labels
from tests.algorithms.classification import labels

NAMES = several_labels.methods()
ROWS = 6


def test_which_methods_serve_them_is_known_without_importing_one():
    every = classes("mixdmt_tf.algorithms.classification")
    assert NAMES == tuple(
        name
        for name in every
        if algorithms.method("classification", name).several_labels
    )
    assert set(NAMES) >= {"supervised", "pseudo_label", "mean_teacher", "fixmatch"}
    assert not set(NAMES) & {"dmt", "freematch", "remixmatch", "mixdmt"}


@pytest.mark.parametrize("name", NAMES)
def test_each_label_is_learned_as_if_it_were_alone(name):
    """The values of a label's terms are those of a run with two classes.

    VAT looks for one perturbation for all labels: its own is not what it would be.
    """
    network = labels.network()
    together = labels.method(name, network)
    if name == "vat":
        together.config = together.config.__class__(lambda_u=0.0, epsilon=0.0)
    batch = labels.batch_for(together, ROWS)
    found, _ = together.step_losses(batch)
    for place in range(labels.LABELS):
        one = labels.method(name, labels.alone(network, place))
        one.config = together.config
        if one.teacher is not None:
            one.teacher.set_weights(together.teacher.get_weights())
        expected, _ = one.step_losses(labels.of_label(batch, place))
        assert set(found) == set(expected)
        for term, wanted in expected.items():
            got = found[term]
            assert got.over_all == wanted.over_all
            values = got.values[:, place]
            np.testing.assert_allclose(values, wanted.values, rtol=1e-5, atol=1e-6)
            assert float(got.weight) == float(wanted.weight)
            if wanted.mask is not None:
                np.testing.assert_array_equal(got.mask[:, place], wanted.mask)


def head_gradients(method, batch):
    """Of the last layer's kernel, what each label's column gets, by term."""
    head = next(each for each in method.network.layers if each.name == "logits")
    with tf.GradientTape(persistent=True) as tape:
        terms = counted(method.step_losses(batch)[0], batch, weighed=False)
        sums = {
            name: tf.reduce_sum(each.values * (1.0 if each.mask is None else each.mask))
            for name, each in terms.items()
        }
    return {name: tape.gradient(each, head.kernel) for name, each in sums.items()}


@pytest.mark.parametrize("name", NAMES)
def test_labels_that_are_unknown_count_in_no_term(name):
    """Neither in their own row nor where they are mixed into another one."""
    method = labels.method(name, labels.network())
    batch = labels.batch_for(method, ROWS)
    y = batch["y"].numpy()
    y[:, 0] = -1
    gradients = head_gradients(method, {**batch, "y": tf.constant(y)})
    assert np.abs(gradients["loss_x"][:, 0]).max() == 0
    assert np.abs(gradients["loss_x"][:, 1:]).min(0).max() > 0
    if name not in ("mixmatch", "realmix"):
        return
    # Of the unlabelled rows those count whose partner is not a labelled one.
    known = batch["partner"].numpy()[ROWS:] >= ROWS
    mask = counted(method.step_losses({**batch, "y": tf.constant(y)})[0], batch, False)
    np.testing.assert_array_equal(mask["loss_u"].mask[:, 0], known)
    np.testing.assert_array_equal(mask["loss_u"].mask[:, 1], np.ones(len(known)))
    assert 0 < known.sum() < len(known)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_is_finite_and_reports_what_it_says(name):
    """In half precision, with labels that are unknown and others that have weights."""
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    method = labels.method(name, labels.network())
    batch = labels.batch_for(method, ROWS, unknown=0.4)
    batch["x_weight"] = tf.linspace(0.0, 2.0, ROWS)
    before = method.network.get_weights()
    traced = name in ("supervised", "mixmatch")  # which takes seconds
    step = method.train_step
    if traced:
        step = tf.function(step, autograph=False)
    logs = step(batch)
    assert set(logs) == {"loss", *method.reported}
    assert all(np.isfinite(value) for value in logs.values())
    changed = zip(before, method.network.get_weights())
    assert any((one != other).any() for one, other in changed)


def test_the_loss_is_the_binary_cross_entropy_of_what_is_known():
    """By a sigmoid in NumPy; the weight of an image is that of its labels."""
    method = labels.method("supervised", labels.network())
    batch = labels.batch_for(method, ROWS, unknown=0.4)
    weights = np.linspace(0, 2, ROWS, dtype=np.float32)
    batch["x_weight"] = tf.constant(weights)
    pairs = method.network(batch["x"], training=False).numpy()
    assert not pairs[..., 0].any()
    p, y = 1 / (1 + np.exp(-pairs[..., 1])), batch["y"].numpy()
    losses = -np.where(y == 1, np.log(p), np.log(1 - p)) * weights[:, None]
    expected = losses[y >= 0].sum() / (y >= 0).sum()
    assert 0 < (y >= 0).sum() < y.size
    logs = method.train_step(batch)
    assert float(logs["loss_x"]) == pytest.approx(expected, rel=1e-5)
    right = (p >= 0.5) == (y == 1)
    assert float(logs["accuracy_x"]) == pytest.approx(right[y >= 0].mean())
