"""Methods with a teacher on networks whose batch normalization is held still."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.models.deeplab_v2 import DeepLabV2
from mixdmt_tf.models.lite_segmenter import LiteSegmenter
from tests.algorithms.segmentation import batches

SIZE = (17, 24)
NETWORKS = {
    "deeplab_v2": DeepLabV2(
        14, 2, rates="1,2", freeze_batch_norm=True, head_learning_rate_multiplier=10.0
    ),
    "lite": LiteSegmenter(
        pretrained="none",
        width=8,
        freeze_batch_norm=True,
        encoder_learning_rate_multiplier=0.1,
    ),
}


def build(name, network, **given):
    """With scales, shifts and statistics as a file of weights would bring them."""
    config = NETWORKS[network]
    model = config.build_segmenter((*SIZE, 3), batches.CLASSES)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and not layer.trainable:
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.weights])
    method_class = algorithms.method("segmentation", name)
    facts = RunFacts(batches.CLASSES, 8, batches.STEPS, **config.layer_rates())
    method = method_class(model, method_class.config_class(**given), facts)
    method.compile()
    method.weights_replaced()
    return method


def frozen(model):
    """Weights of the normalization that is held still."""
    kind = keras.layers.BatchNormalization
    layers = [e for e in model.layers if isinstance(e, kind) and not e.trainable]
    return [weight for layer in layers for weight in layer.get_weights()]


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("mean_teacher", "deeplab_v2"),
        ("cutmix", "deeplab_v2"),
        ("cct", "deeplab_v2"),
        ("mean_teacher", "lite"),
    ],
)
def test_normalization_is_the_same_for_all_and_stays(name, network):
    small = {"feature_noise": 1, "vat": 1, "dropout": 0, "cutout": 0, "feature_drop": 0}
    given = small if name == "cct" else {}
    method = build(name, network, learning_rate=0.01, **given)
    before = frozen(method.network)
    assert len(before) > 20
    batch = batches.batch_for(method, size=SIZE)
    networks = [each for each in (method.network, method.teacher) if each]
    for each in networks[1:]:  # the teacher begins as the network
        got, expected = (e(batch["u"], training=True) for e in (each, method.network))
        if network == "deeplab_v2":  # all of its normalization is frozen
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
            still = method.network(batch["u"], training=False)
            np.testing.assert_allclose(got, still, rtol=1e-4, atol=1e-5)
    first = [w.numpy() for w in method.network.trainable_variables]
    method.train_step(batch)
    for each in networks:
        after = frozen(each)
        assert len(after) == len(before)
        for one, other in zip(after, before):
            np.testing.assert_array_equal(one, other)
    moved = [
        np.abs(w.numpy() - old).max() > 0
        for w, old in zip(method.network.trainable_variables, first)
    ]
    assert all(moved)


@pytest.mark.parametrize("network", NETWORKS)
def test_encoder_and_decoder_have_their_own_learning_rates(network):
    """With Adam, as CutMix's release: steps that differ in them alone."""
    given = {"optimizer": "adam", "learning_rate": 1e-3, "lambda_u": 0.0}
    given.update(weight_decay=0.0, weight_decay_form="multiply")
    method = build("mean_teacher", network, **given)
    config = NETWORKS[network]
    batch = batches.batch_for(method, size=SIZE)
    even = type(method)(
        keras.models.clone_model(method.network),
        method.config,
        RunFacts(batches.CLASSES, 8, batches.STEPS),
    )
    even.network.set_weights(method.network.get_weights())
    even.compile()
    even.weights_replaced()
    taken = []
    for each in (method, even):
        before = [tf.identity(w) for w in each.network.trainable_variables]
        each.train_step(batch)
        after = each.network.trainable_variables
        taken.append([(o - w).numpy() for o, w in zip(before, after)])
    head = tuple(config.head)
    for variable, got, alike in zip(method.network.trainable_variables, *taken):
        name = getattr(variable, "path", variable.name)
        new = name.startswith((*head, *config.decoder_layers))
        factor = {"deeplab_v2": (1.0, 10.0), "lite": (0.1, 1.0)}[network][new]
        np.testing.assert_allclose(got, factor * alike, rtol=0.02, atol=2e-6)
