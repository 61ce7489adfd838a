from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import realmix
from mixdmt_tf.equations import masked_mean
from tests.algorithms.classification import batches
from tests.oracles import realmix_step

ROWS = 6


def as_numpy(batch):
    return {name: value.numpy() for name, value in batch.items()}


def trained_a_little(**settings):
    """An algorithm whose predictions are not all alike."""
    method = batches.build("realmix", **settings)
    rng = np.random.default_rng(1)
    method.network.set_weights(
        [rng.normal(0, 0.7, w.shape) for w in method.network.get_weights()]
    )
    return method


def oracle(method, batch, **arguments):
    def forward(images):
        return method.network(tf.constant(images, tf.float32)).numpy()

    return realmix_step.losses(forward, as_numpy(batch), batches.CLASSES, **arguments)


def value(term):
    return float(masked_mean(term.values, term.mask))


@pytest.mark.parametrize("mixup", ["joint", "separate"])
@pytest.mark.parametrize("guesses", [1, 2, 3])
def test_losses_follow_the_paper(mixup, guesses):
    method = trained_a_little(mixup=mixup, guesses=guesses, tsa="none", temperature=0.7)
    batch = batches.make(method.recipe(method.config), ROWS)
    terms, _ = method.step_losses(batch)
    loss_x, loss_u, _, _ = oracle(method, batch, temperature=0.7)
    assert value(terms["loss_x"]) == pytest.approx(loss_x, rel=1e-4)
    assert value(terms["loss_u"]) == pytest.approx(loss_u, rel=1e-4)


@pytest.mark.parametrize("target", ["label", "logit"])
@pytest.mark.parametrize("step", [0, 40, 99])
def test_training_signal_annealing(target, step):
    method = trained_a_little(tsa="linear", tsa_target=target)
    batch = batches.make(method.recipe(method.config), 16, step=step)
    terms, reports = method.step_losses(batch)
    eta = step / 100 * (1 - 1 / batches.CLASSES) + 1 / batches.CLASSES
    loss_x, _, kept, _ = oracle(method, batch, eta=eta, target=target)
    np.testing.assert_allclose(reports["tsa_threshold"], eta, rtol=1e-6)
    np.testing.assert_array_equal(terms["loss_x"].mask, kept)
    assert value(terms["loss_x"]) == pytest.approx(loss_x, rel=1e-4)


def test_annealing_masks_some_rows_and_not_all():
    """Otherwise the test above would not tell the rules apart."""
    method = trained_a_little(tsa="linear")
    batch = batches.make(method.recipe(method.config), 16, step=40)
    kept = method.step_losses(batch)[0]["loss_x"].mask.numpy()
    assert 0 < kept.sum() < 16


@pytest.mark.parametrize("confidence_of", ["mixed", "guess"])
@pytest.mark.parametrize("mu", [0.25, 0.5, 0.75])
def test_out_of_distribution_masking(confidence_of, mu):
    method = trained_a_little(tsa="none", ood_rate=mu, ood_confidence=confidence_of)
    batch = batches.make(method.recipe(method.config), ROWS)
    terms, reports = method.step_losses(batch)
    _, loss_u, _, kept = oracle(method, batch, mu=mu, confidence_of=confidence_of)
    np.testing.assert_array_equal(terms["loss_u"].mask, kept)
    np.testing.assert_array_equal(reports["ood_kept"], kept)
    assert value(terms["loss_u"]) == pytest.approx(loss_u, rel=1e-4)


def test_masked_rows_may_count_as_zero():
    """The mean is then over all rows."""
    method = trained_a_little(tsa="none", ood_rate=0.75, ood_mean="all")
    batch = batches.make(method.recipe(method.config), ROWS)
    term = method.step_losses(batch)[0]["loss_u"]
    _, loss_u, _, kept = oracle(method, batch, mu=0.75, confidence_of="mixed")
    assert 0 < kept.mean() < 0.5
    mean = base.mean_over_replicas(term)
    assert float(mean) == pytest.approx(kept.mean() * loss_u, rel=1e-4)


@pytest.mark.parametrize(
    ("labels", "threshold"), [(250, 0.25 + 0.75 * 0.4), (251, 1.0)]
)
def test_annealing_is_for_250_labels_or_less(labels, threshold):
    method = batches.build("realmix", labels=labels)
    batch = batches.make(method.recipe(method.config), ROWS, step=40)
    reported = method.step_losses(batch)[1]["tsa_threshold"]
    assert float(reported) == pytest.approx(threshold)


def test_lambda_u_grows_linearly_and_stays():
    method = batches.build("realmix", lambda_u=75.0, lambda_u_ramp=16384)
    recipe = method.recipe(method.config)
    weights = [
        float(
            method.step_losses(batches.make(recipe, 2, step=step))[0]["loss_u"].weight
        )
        for step in (0, 1024, 8192, 16384, 20000)
    ]
    np.testing.assert_allclose(weights, [0, 4.6875, 37.5, 75, 75])


def test_no_gradient_flows_through_the_guesses():
    """The gradient of L_u is that with the guesses held constant."""
    method = trained_a_little(tsa="none")
    batch = batches.make(method.recipe(method.config), ROWS)
    constant = method.guess(tf.unstack(batch["u"], axis=1))
    variables = method.network.trainable_variables

    def gradient():
        with tf.GradientTape() as tape:
            terms, _ = method.step_losses(batch)
            loss = tf.reduce_mean(terms["loss_u"].values)
        return tape.gradient(loss, variables)

    free = gradient()
    method.guess = lambda views: constant
    for got, expected in zip(free, gradient()):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-8)


def test_guess_accuracy_counts_known_truth_only():
    method = trained_a_little()
    batch = batches.make(method.recipe(method.config), 4)
    guess, _ = method.guess(tf.unstack(batch["u"], axis=1))
    guessed = guess.numpy().argmax(-1)
    truth = np.array([guessed[0], (guessed[1] + 1) % 4, -1, guessed[3]], np.int32)
    hits, known = method.step_losses({**batch, "u_truth": truth})[1]["guess_accuracy"]
    np.testing.assert_array_equal(hits, [1, 0, 0, 1])
    np.testing.assert_array_equal(known, [True, True, False, True])


def one_batch_norm():
    """A network of one batch normalization and a dense layer, to look inside."""
    images = keras.Input(batches.SHAPE)
    x = keras.layers.BatchNormalization(momentum=0.9)(images)
    logits = keras.layers.Dense(batches.CLASSES)(keras.layers.Flatten()(x))
    return keras.Model(images, logits)


def test_only_the_first_interleaved_batch_moves_the_running_statistics():
    network = one_batch_norm()
    task = base.RunFacts(batches.CLASSES, 8, 100)
    method = realmix.RealMix(network, realmix.Config(mixup_beta=1.0), task)
    batch = batches.make(method.recipe(method.config), 7)
    # Without mixing, the rows that the first pass sees are known: of 7 rows a block,
    # the first block gives rows 0 and 1, the second 2 and 3, the third 4 to 6.
    batch["lam"] = tf.ones_like(batch["lam"])
    method.step_losses(batch)
    x, u = batch["x"].numpy(), batch["u"].numpy()
    first = np.concatenate([x[:2], u[2:4, 0], u[4:7, 1]])
    mean, variance = network.layers[1].moving_mean, network.layers[1].moving_variance
    np.testing.assert_allclose(mean, [0.1 * first.mean()], rtol=1e-4)
    unbiased = first.var() * first.size / (first.size - 1)
    assert float(variance[0]) == pytest.approx(0.9 + 0.1 * unbiased, rel=1e-3)


def test_interleaving_changes_statistics_but_not_the_rows():
    """Each row's logits come back in its own place."""
    method = trained_a_little()
    images = batches.make(method.recipe(method.config), 9)["u"][:, 0]
    logits_x, logits_u = method.forward(images, blocks=3)
    expected = method.network(images)
    np.testing.assert_allclose(logits_x, expected[:3], atol=1e-5)
    np.testing.assert_allclose(logits_u, expected[3:], atol=1e-5)


def test_interleaving_mixes_the_statistics_of_the_passes():
    method = realmix.RealMix(
        one_batch_norm(), realmix.Config(), base.RunFacts(batches.CLASSES, 8, 100)
    )
    apart = realmix.RealMix(
        method.network,
        realmix.Config(interleave=False),
        base.RunFacts(batches.CLASSES, 8, 100),
    )
    images = batches.make(method.recipe(method.config), 9)["u"][:, 0]
    mixed, _ = method.forward(images, blocks=3)
    separate, _ = apart.forward(images, blocks=3)
    assert np.abs(mixed - separate).max() > 1e-3
