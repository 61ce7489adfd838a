from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.classification import mixmatch
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import masked_mean
from tests.algorithms.classification import batches
from tests.oracles import realmix_step

SETTINGS = {"lambda_u": 75.0, "lambda_u_ramp": 40, "temperature": 0.5}


def trained(name, steps, network, compiled=False, **settings):
    keras.utils.set_random_seed(3)
    method = batches.build(name, network=network, **settings)
    recipe = method.recipe(method.config)
    step = method.train_step
    if compiled:
        step = tf.function(step, autograph=False)
    for number in range(steps):
        step(batches.make(recipe, 7, step=number, seed=number))
    return method


# A graph takes as long to make as twenty steps without one.
@pytest.mark.parametrize(
    "network, compiled", [("small_cnn", True), ("wide_resnet", False)]
)
@pytest.mark.parametrize("mixup", ["joint", "separate"])
def test_realmix_without_its_additions_is_mixmatch_bit_by_bit(network, compiled, mixup):
    settings = {"mixup": mixup, **SETTINGS}
    one = trained("mixmatch", 3, network, compiled, **settings)
    off = {"tsa": "none", "ood_rate": 0.0}
    other = trained("realmix", 3, network, compiled, **off, **settings)
    for got, expected in zip(other.network.get_weights(), one.network.get_weights()):
        np.testing.assert_array_equal(got, expected)
    for got, expected in zip(batches.weights(other), batches.weights(one)):
        np.testing.assert_array_equal(got, expected)
    for name in one.reported:
        assert float(other.means[name].result()) == float(one.means[name].result())


@pytest.mark.parametrize("addition", [{"tsa": "linear"}, {"ood_rate": 0.5}])
def test_each_addition_of_realmix_changes_the_step(addition):
    """Otherwise the test above would say little."""
    settings = {"tsa": "none", "ood_rate": 0.0, **SETTINGS}
    plain = trained("realmix", 3, "small_cnn", **settings)
    other = trained("realmix", 3, "small_cnn", **{**settings, **addition})
    pairs = zip(batches.weights(plain), batches.weights(other))
    assert any((one != two).any() for one, two in pairs)


@pytest.mark.parametrize("guesses", [1, 2, 3])
def test_losses_follow_the_paper(guesses):
    method = batches.build("mixmatch", guesses=guesses)
    rng = np.random.default_rng(1)
    shapes = [w.shape for w in method.network.get_weights()]
    method.network.set_weights([rng.normal(0, 0.7, shape) for shape in shapes])
    batch = batches.make(method.recipe(method.config), 6)
    terms, _ = method.step_losses(batch)

    def forward(images):
        return method.network(tf.constant(images, tf.float32)).numpy()

    arrays = {name: value.numpy() for name, value in batch.items()}
    expected = realmix_step.losses(forward, arrays, batches.CLASSES)
    for name, value in zip(("loss_x", "loss_u"), expected):
        term = terms[name]
        mask = tf.ones_like(term.values) if term.mask is None else term.mask
        assert float(masked_mean(term.values, mask)) == pytest.approx(value, rel=1e-4)


def test_it_sees_the_images_themselves():
    """The copies are RealMix's."""
    recipe = mixmatch.MixMatch.recipe(mixmatch.Config())
    assert recipe == Recipe(2, mixup_groups=(3,), mixup_beta=0.75)
    assert (recipe.copies, recipe.copies_augment) == (0, "none")
