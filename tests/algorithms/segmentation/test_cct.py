from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.algorithms.parts import perturbed_decoders
from mixdmt_tf.algorithms.segmentation import cct
from mixdmt_tf.data import draws
from mixdmt_tf.data.segmentation.recipe import Recipe
from mixdmt_tf.errors import UsageError
from tests.algorithms.segmentation import batches, stepping
from tests.oracles import cct_step, segmentation_steps

SIZE, WIDTH, STEPS = (5, 4), 4, 100
KINDS = perturbed_decoders.KINDS
NONE = dict.fromkeys(KINDS, 0)


def build(**given):
    """On an encoder of single pixels; large random weights, plain SGD of rate 1."""
    images = keras.Input((None, None, 3))
    z = keras.layers.Conv2D(WIDTH, 1, activation="tanh", name="encoder")(images)
    logits = keras.layers.Conv2D(batches.CLASSES, 1, name="classes")(z)
    config = cct.Config(**{**NONE, "cutout_outline": 0, "unlabeled_ratio": 2, **given})
    facts = RunFacts(batches.CLASSES, 8, STEPS)
    method = cct.CCT(keras.Model(images, logits), config, facts)
    method.compile(keras.optimizers.SGD(1.0))
    rng = np.random.default_rng(6)
    for weight in method.trained_weights:
        weight.assign(rng.normal(0, 1, weight.shape))
    return method


def test_a_cutout_is_no_larger_than_its_box():
    with pytest.raises(UsageError, match="cutout_share=2"):
        cct.Config(cutout_share=2.0)


def test_the_background_is_one_of_the_classes():
    build(background=batches.CLASSES - 1)
    with pytest.raises(UsageError, match=f"expected -1 to {batches.CLASSES - 1}"):
        build(background=batches.CLASSES)


def pairs(values):
    """Kernels and biases, in turn, as the oracle takes them."""
    return [list(each) for each in zip(values[::2], values[1::2])]


def numbers_for(kind, number, keys):
    """The random numbers of one decoder."""
    shape = {"feature_drop": [], "dropout": [WIDTH], "cutout": [32, 2]}
    shape = shape.get(kind, [*SIZE, WIDTH])
    return draws.uniform_rows(keys, f"{kind}/{number}", shape).numpy()


def check(method, batch, **given):
    """Loss, reports, and what all weights learn, are the oracle's."""
    kinds = method.config.decoders
    drawn = [numbers_for(k, i, batch["u_key"]) for i, k in enumerate(kinds)]
    start = stepping.copied([w.numpy() for w in method.trained_weights])
    held = pairs([each.copy() for each in start])
    arguments = {"lambda_u": method.config.lambda_u, "length": 10, **given}

    def paper(weights):
        numpy = stepping.as_numpy(batch)
        return cct_step.step(pairs(weights), numpy, kinds, drawn, held, **arguments)

    expected = paper(start)
    wanted = segmentation_steps.gradient(lambda w: paper(w)["loss"], start)
    before = [w.numpy() for w in method.trained_weights]
    logs = method.train_step(batch)
    got = {name: float(value) for name, value in logs.items()}
    assert got == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert len(wanted) == 4 + 2 * len(kinds)
    for old, new, gradient in zip(before, method.trained_weights, wanted):
        assert np.abs(gradient).max() > 1e-4
        np.testing.assert_allclose(old - new.numpy(), gradient, rtol=1e-3, atol=2e-4)
    return expected


def batch_of(method, **given):
    return batches.batch_for(method, size=SIZE, rows=1, **given)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_with_one_perturbation_follows_the_paper(kind):
    method = build(**{kind: 2, "lambda_u": 3.0})
    expected = check(method, batch_of(method))
    assert expected["loss_u"] > 0.01 and 0 < expected["foreground"] < 1


@pytest.mark.long
def test_a_step_with_all_of_them():
    """The weight grows over 10 of 100 steps."""
    method = build(**dict.fromkeys(KINDS, 1))
    expected = check(method, batch_of(method, step=5))
    assert expected["lambda_u"] == pytest.approx(30 * 0.286505, rel=1e-4)
    found = [float(method.lambda_u(step)) for step in (0, 10, 60)]
    assert found == pytest.approx([0.2021, 30, 30], rel=1e-3)


@pytest.mark.parametrize("measure", ["kl", "js"])
def test_other_distances(measure):
    method = build(feature_noise=1, dropout=1, lambda_u=2.0, consistency=measure)
    check(method, batch_of(method), measure=measure)


def test_only_pixels_that_the_main_decoder_is_sure_of():
    method = build(dropout=1, lambda_u=2.0, confidence_threshold=0.7)
    batch = batch_of(method)
    expected = check(method, batch, threshold=0.7)
    every = check(build(dropout=1, lambda_u=2.0), batch)
    assert expected["loss_u"] != pytest.approx(every["loss_u"], rel=1e-2)


@pytest.mark.parametrize(
    ("step", "hardness"), [(0, 0.25), (10, 0.7138), (20, 0.8466), (40, 0.8956)]
)
def test_annealed_bootstrapped_cross_entropy(step, hardness):
    """Of labels not predicted with 1/4 at first, and with nearly .9 after 40 steps."""
    method = build(dropout=1, supervised_loss="abce")
    assert float(method._hardness(step)) == pytest.approx(hardness, abs=1e-4)
    check(method, batch_of(method, step=step), hardness=hardness)


def test_known_thresholds():
    """With 21 classes at 0, 1/4, 1/2 and all of its ramp."""
    config = cct.Config(**NONE, supervised_loss="abce", abce_ramp=1.0)
    network = build().network
    method = cct.CCT(network, config, RunFacts(21, 8, STEPS))
    found = [float(method._hardness(step)) for step in (0, 25, 50, 100)]
    assert found == pytest.approx([0.0476, 0.6558, 0.83, 0.8943], abs=1e-4)


def test_the_main_decoder_learns_from_labels_alone():
    """And the encoder from both; each auxiliary decoder from unlabelled images."""
    method = build(**dict.fromkeys(KINDS, 1))
    batch = batch_of(method)
    variables = method.trained_weights
    with tf.GradientTape(persistent=True) as tape:
        terms, _ = method.step_losses(batch)
        x = tf.reduce_mean(terms["loss_x"].values)
        u = tf.reduce_mean(terms["loss_u"].values)
    of_x, of_u = (tape.gradient(each, variables) for each in (x, u))
    assert all(each is not None for each in of_x[:4])  # encoder and main decoder
    assert all(each is None for each in of_x[4:])
    assert of_u[2:4] == [None, None]
    assert all(np.abs(each).max() > 0 for each in (*of_u[:2], *of_u[4:]))


def test_masks_move_with_the_predictions_of_the_images_themselves():
    """An image all of whose pixels are background leaves nothing to Con-Msk."""
    method = build(context_masking=1, object_masking=1)
    kernel, bias = method.network.get_layer("classes").weights
    kernel.assign(tf.zeros_like(kernel))
    bias.assign([1.0, 0.0, 0.0, 0.0])
    batch = batch_of(method)
    terms, reports = method.step_losses(batch)
    assert not reports["foreground"][0].numpy().any()
    decoder = method.auxiliary[0]
    flat = decoder([tf.zeros([2, *SIZE, WIDTH]), batch["u"]])
    p, q = tf.nn.softmax(tf.constant([1.0, 0, 0, 0])), tf.nn.softmax(flat[0, 0, 0])
    z = method.with_features(batch["u"])[0]
    whole = tf.nn.softmax(method.auxiliary[1]([z, batch["u"]]))
    expected = (tf.square(p - q) + tf.square(p - whole)) / 2
    np.testing.assert_allclose(
        terms["loss_u"].values, tf.reduce_mean(expected, -1), rtol=1e-4
    )


def test_random_numbers_belong_to_image_and_decoder():
    """Not to the images beside it; another step draws others."""
    method = build(feature_noise=2, dropout=1, cutout=1, vat=1)
    batch = batch_of(method)
    whole = method.step_losses(batch)[0]["loss_u"].values.numpy()
    order = [1, 0]
    moved = {k: tf.gather(v, order) if k[0] == "u" else v for k, v in batch.items()}
    found = method.step_losses(moved)[0]["loss_u"].values.numpy()
    np.testing.assert_allclose(found, whole[order], rtol=1e-4)
    other = method.step_losses({**batch, "u_key": batch["u_key"] + 1})[0]["loss_u"]
    assert np.abs(other.values - whole).max() > 1e-3


def test_labelled_and_unlabelled_images_are_normalized_apart():
    method = batches.build("cct", **{**NONE, "dropout": 1})
    batch = batches.batch_for(method)
    before = method.network.get_weights()
    alone = keras.models.clone_model(method.network)
    alone.set_weights(before)
    for name in ("x", "u"):
        alone(batch[name], training=True)
    method.step_losses(batch)
    for got, expected in zip(method.network.get_weights(), alone.get_weights()):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_what_is_exported_has_no_auxiliary_decoders():
    """And they are kept in checkpoints, with weights that differ."""
    method = build(**dict.fromkeys(KINDS, 2))
    assert len(method.auxiliary) == 14
    assert len(method.network.weights) == len(method.average.averages) == 4
    held = {id(each) for each in method.own_variables}
    auxiliary = [w for each in method.auxiliary for w in each.weights]
    assert len(auxiliary) == 28
    kernels = cct.CCT(method.network, method.config, method.facts).auxiliary
    first, second = (each.get_weights()[0] for each in kernels[:2])
    assert np.abs(first - second).max() > 1e-3
    assert {id(compat.tf_variable(each)) for each in auxiliary} <= held


def test_settings_of_paper_and_release():
    config = cct.Config()
    assert len(config.decoders) == 30 and config.decoders.count("vat") == 2
    assert (config.lambda_u, config.lambda_u_ramp) == (30, 0.1)
    assert (config.learning_rate, config.weight_decay) == (0.01, 0.0001)
    assert cct.CCT.recipe(config) == Recipe(1, keys=True)
    assert config.calls_python and not cct.Config(cutout=0).calls_python
