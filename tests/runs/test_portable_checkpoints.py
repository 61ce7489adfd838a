"""Checkpoints of another version of Keras, whose objects have other attributes.

`tools/stacks` has a real one of each stack read by the other.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts.moving_average import MovingAverage
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import checkpoints
from mixdmt_tf.runs.checkpoints import Checkpoints
from tests.algorithms.classification import batches, stateful
from tests.algorithms.segmentation import batches as scenes
from tests.conformance import steps

assert "stateful" in steps.of_their_own() and stateful


def classifier(name, seed, **settings):
    """A method after two steps, on a network with running statistics."""
    keras.utils.set_random_seed(seed)
    method = batches.build(name, network="wide_resnet", **settings)
    recipe = method.recipe(method.config)
    for step in range(2):
        method.train_step(batches.make(recipe, 4, step=step, seed=seed + step))
    return method


def segmenter(name, seed):
    keras.utils.set_random_seed(seed)
    method = scenes.build(name)
    method.train_step(scenes.batch_for(method, seed=seed))
    return method


@pytest.fixture(name="save_elsewhere")
def fixture_save_elsewhere(monkeypatch):
    """Saves as the other version of Keras would: under attributes we don't have."""

    def save(folder, method):
        objects = tf.train.Checkpoint(elsewhere=[*method.network.trainable_variables])
        box = Checkpoints(folder, objects, portable=checkpoints.portable(method))
        with monkeypatch.context() as patch:
            patch.setattr(compat, "MAJOR", 5 - compat.MAJOR)  # 2 or 3
            box.save(3)

    return save


def restore(folder, method):
    state, portable = checkpoints.state(method), checkpoints.portable(method)
    return Checkpoints(folder, state, portable=portable).restore()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (classifier, "dual_student"),
        (classifier, "stateful"),
        (segmenter, "s4gan"),
    ],
)
def test_all_of_a_method_is_restored(make, name, save_elsewhere, tmp_path, capfd):
    method, fresh = make(name, 1), make(name, 2)
    assert checkpoints.digest(fresh) != checkpoints.digest(method)
    save_elsewhere(tmp_path, method)
    assert restore(tmp_path, fresh) == 3
    assert checkpoints.digest(fresh) == checkpoints.digest(method)
    assert "WARNING" not in capfd.readouterr().err


def test_momentum_too(save_elsewhere, tmp_path):
    settings = {"optimizer": "sgd", "learning_rate": 0.1}
    method = classifier("supervised", 1, **settings)
    fresh = classifier("supervised", 2, **settings)
    save_elsewhere(tmp_path, method)
    restore(tmp_path, fresh)
    assert checkpoints.digest(fresh) == checkpoints.digest(method)


def test_another_loss_scale_is_no_hindrance(save_elsewhere, tmp_path):
    """It is not restored; the weights are."""
    keras.mixed_precision.set_global_policy("mixed_float16")
    method, fresh = classifier("supervised", 1), classifier("supervised", 2)
    save_elsewhere(tmp_path, method)
    restore(tmp_path, fresh)
    for one, other in zip(fresh.network.weights, method.network.weights):
        np.testing.assert_array_equal(one, other)


def test_a_network_alone_is_restored_for_predictions(save_elsewhere, tmp_path):
    method, fresh = classifier("supervised", 1), classifier("supervised", 2).network
    save_elsewhere(tmp_path, method)
    average = MovingAverage(fresh)
    state = tf.train.Checkpoint(network=fresh, average=average)
    portable = checkpoints.portable_weights(fresh, average)
    assert Checkpoints(tmp_path, state, portable=portable).restore() == 3
    for one, other in zip(fresh.weights, method.network.weights):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(average.averages, method.average.averages):
        np.testing.assert_array_equal(one, other)


def test_what_lacks_something_is_refused(save_elsewhere, tmp_path):
    save_elsewhere(tmp_path, classifier("supervised", 1))
    with pytest.raises(UserError, match="does not hold all variables"):
        restore(tmp_path, classifier("stateful", 1))


def test_it_takes_no_more_room(tmp_path):
    """Variables are saved once, however many ways lead to them."""
    method = classifier("supervised", 1)
    state = checkpoints.state(method)
    plain = Checkpoints(tmp_path / "plain", state).save(1)
    portable = checkpoints.portable(method)
    both = Checkpoints(tmp_path / "both", state, portable=portable).save(1)
    sizes = [(p / "state.data-00000-of-00001").stat().st_size for p in (plain, both)]
    assert sizes[1] < 1.3 * sizes[0]
