"""Frozen layers, teachers, second networks, and learning rates of groups of layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.algorithms.parts.adam import Adam
from mixdmt_tf.algorithms.parts.momentum import Momentum
from tests.algorithms.classification import batches

GROUPS = {"head": ("logits",), "decoder": ("between",)}


def network(frozen=()):
    """Three convolutions with batch normalization, and classes."""
    x = images = keras.Input(batches.SHAPE)
    for name in ("encoder_0", "encoder_1", "between"):
        x = keras.layers.Conv2D(4, 3, name=name)(x)
        x = keras.layers.BatchNormalization(momentum=0.5, name=f"{name}_bn")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    logits = keras.layers.Dense(batches.CLASSES, dtype="float32", name="logits")(x)
    model = keras.Model(images, logits)
    for layer in model.layers:
        layer.trainable = not layer.name.startswith(tuple(frozen) or "-")
    return model


def method_on(name, model, facts=(), **settings):
    kind = algorithms.method("classification", name)
    if hasattr(kind.config_class, "unlabeled_ratio"):
        settings.setdefault("unlabeled_ratio", 2)
    run = RunFacts(batches.CLASSES, 8, 100, **dict(facts))
    method = kind(model, kind.config_class(**settings), run)
    method.compile()
    return method


def step(method, seed=0):
    recipe = method.recipe(method.config)
    method.train_step(batches.make(recipe, 6, step=30, seed=seed))


def by_layer(model):
    return {layer.name: layer.get_weights() for layer in model.layers}


def new_weights(model, seed):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.5, 1, w.shape) for w in model.get_weights()])


def test_a_teacher_has_the_frozen_weights_of_its_student():
    """They have no average, and come from published weights that replaced others."""
    model = network(frozen=["encoder"])
    method = method_on("mean_teacher", model, ema_decay=0.5)
    new_weights(model, 1)
    method.weights_replaced()
    for one, other in zip(model.get_weights(), method.teacher.get_weights()):
        np.testing.assert_array_equal(one, other)
    step(method)
    student, teacher = by_layer(model), by_layer(method.teacher)
    for name in ("encoder_0", "encoder_0_bn", "encoder_1", "encoder_1_bn"):
        for one, other in zip(student[name], teacher[name]):
            np.testing.assert_array_equal(one, other)
    for name in ("between", "logits"):
        assert np.any(student[name][0] != teacher[name][0])
    assert len(method.average.pairs()) == 6


def test_frozen_layers_are_those_of_the_second_network_too():
    model = network(frozen=["encoder"])
    method = method_on("dual_student", model)
    before = [by_layer(each) for each in (model, method.peer)]
    step(method)
    for each, old in zip((model, method.peer), before):
        for name, values in by_layer(each).items():
            changed = any(map(np.any, map(np.not_equal, values, old[name])))
            assert changed == name.startswith(("between", "logits")), name


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_settings_of_a_run_choose_the_optimizer(optimizer):
    uneven = {**GROUPS, "encoder_rate": 0.1}
    method = method_on("supervised", network(), uneven, optimizer=optimizer)
    kind = {"adam": Adam, "sgd": Momentum}[optimizer]
    assert isinstance(method.optimizer, kind)
    assert method.optimizer.rates.encoder_rate == 0.1
    even = method_on("supervised", network(), GROUPS, optimizer=optimizer)
    assert isinstance(even.optimizer, kind) and even.optimizer.rates.even


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_an_encoder_of_rate_0_stands_still(optimizer):
    """But for running statistics, which have no learning rate; decay is part of it."""
    facts = {**GROUPS, "encoder_rate": 0.0}
    model = network()
    method = method_on("supervised", model, facts, optimizer=optimizer)
    before = by_layer(model)
    step(method)
    for name, values in by_layer(model).items():
        trained = values[: 2 if "_bn" in name else None]
        changed = any(map(np.any, map(np.not_equal, trained, before[name])))
        assert changed == (name.startswith(("between", "logits"))), name


def test_multiplied_decay_goes_by_the_rate_of_the_group():
    """1 - decay * rate * multiplier, for kernels whose gradients are nearly nothing."""
    facts = {**GROUPS, "encoder_rate": 0.1, "head_rate": 3.0}
    decayed, plain = network(), network()
    plain.set_weights(decayed.get_weights())
    for model, decay in ((decayed, 0.5), (plain, 0.0)):
        step(
            method_on("supervised", model, facts, weight_decay=decay, learning_rate=0.2)
        )
    expected = {"encoder_0": 0.1, "encoder_1": 0.1, "between": 1.0, "logits": 3.0}
    one, other = by_layer(decayed), by_layer(plain)
    for name, multiplier in expected.items():
        factor = 1 - 0.5 * 0.2 * multiplier
        np.testing.assert_allclose(one[name][0], factor * other[name][0], rtol=1e-5)
        np.testing.assert_allclose(one[name][1], other[name][1], rtol=1e-6)
