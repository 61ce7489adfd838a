"""What a method hands on to the one that goes on where it stopped."""

from __future__ import annotations

import keras
import pytest

import mixdmt_tf
from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts import own_state
from tests.learners import made

LABELED = made.images()[0]
FIT = {"steps_per_epoch": 1, "batch_size": 4, "verbose": 0}


def scale(optimizer):
    """The variable of the loss scale."""
    if compat.KERAS_3:
        return optimizer.dynamic_scale
    return own_state.of_loss_scale(optimizer)[0]


def test_the_loss_scale_of_float16_goes_on_under_whatever_policy(tmp_path):
    keras.mixed_precision.set_global_policy("mixed_float16")
    model = mixdmt_tf.Supervised(made.network(), made.CLASSES)
    model.fit(LABELED, **FIT)
    scale(model.algorithm.optimizer).assign(64.0)
    model.save(tmp_path / "model.keras")
    keras.mixed_precision.set_global_policy("float32")  # as another program has it
    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        each.fit(LABELED, epochs=2, initial_epoch=1, **FIT)
        assert compat.is_loss_scaling(each.algorithm.optimizer)
        assert float(scale(each.algorithm.optimizer)) == 64
        assert keras.mixed_precision.global_policy().name == "float32"


def rate_of(model):
    return float(own_state.of_rate(model.algorithm.optimizer)[0])


def test_a_learning_rate_that_a_callback_set_goes_on(tmp_path):
    settings = {"learning_rate_schedule": "constant"}
    model = mixdmt_tf.Supervised(made.network(), made.CLASSES, **settings)
    lower = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 1e-4)
    model.fit(LABELED, callbacks=[lower], **FIT)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert rate_of(model) == rate_of(loaded) == pytest.approx(1e-4)
    for each in (model, loaded):
        each.fit(LABELED, epochs=2, initial_epoch=1, **FIT)
        assert rate_of(each) == pytest.approx(1e-4)


def test_a_learning_rate_that_is_compiled_anew_counts():
    model = mixdmt_tf.Supervised(made.network(), made.CLASSES)
    model.compile(keras.optimizers.Adam(0.01))
    model.fit(LABELED, **FIT)
    moments = int(model.optimizer.iterations)
    model.compile(keras.optimizers.Adam(1e-5))
    model.fit(LABELED, epochs=2, initial_epoch=1, **FIT)
    assert rate_of(model) == pytest.approx(1e-5)
    assert int(model.optimizer.iterations) == moments + 1
