"""A method is a whole `keras.Model`: it is saved, loaded and evaluated."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import supervised
from mixdmt_tf.runs import checkpoints
from mixdmt_tf.settings import classes
from tests.algorithms.classification import batches, pairs, stateful, stepping
from tests.algorithms.segmentation import batches as source
from tests.conformance import steps

IMAGES = (*classes("mixdmt_tf.algorithms.classification"), "stateful")
CASES = [("images", name) for name in IMAGES]
CASES += [("segmentation", name) for name in source.NAMES]


def built(task, name):
    """A method with other settings than the defaults, and its first batch."""
    settings = {"ema_decay": 0.5, "learning_rate": 0.01}
    if task == "segmentation":
        method = source.build(name, "rows", **settings)
        return method, source.batch_for(method)
    method = batches.build(name, **settings)
    return method, stepping.batch_for(method)


def after_loading(method, path):
    """What `keras.models.load_model` makes of a method's file."""
    method.save(path)
    return keras.models.load_model(path)


@pytest.mark.parametrize("task, name", CASES)
def test_a_loaded_method_predicts_and_trains_as_the_saved_one(task, name, tmp_path):
    assert steps.of_their_own()  # the stateful one has been registered
    method, batch = built(task, name)
    method.train_step(batch)
    loaded = after_loading(method, tmp_path / "method.keras")
    assert type(loaded) is type(method)
    assert (loaded.config, loaded.facts) == (method.config, method.facts)
    assert checkpoints.digest(loaded) == checkpoints.digest(method)
    expected = method(batch["x"])
    np.testing.assert_array_equal(loaded(batch["x"]), expected)
    for which in ("teacher", "peer"):
        one, other = getattr(loaded, which), getattr(method, which)
        assert (one is None) == (other is None)
        if one is not None:
            for got, wanted in zip(one.get_weights(), other.get_weights()):
                np.testing.assert_array_equal(got, wanted)
    again = {**batch, "step": batch["step"] + 1}
    for each in (loaded, method):
        each.reset_metrics()
    logs = [each.train_step(again) for each in (loaded, method)]
    assert checkpoints.digest(loaded) == checkpoints.digest(method)
    assert float(logs[0]["loss"]) == float(logs[1]["loss"])


def test_a_loaded_method_has_the_precision_of_the_saved_one(tmp_path):
    keras.mixed_precision.set_global_policy("mixed_float16")
    method = batches.build("mean_teacher")
    batch = stepping.batch_for(method)
    method.train_step(batch)
    keras.mixed_precision.set_global_policy("float32")
    loaded = after_loading(method, tmp_path / "method.keras")
    assert keras.mixed_precision.global_policy().name == "float32"
    for each in (loaded, method):
        each.train_step(batch)
    assert checkpoints.digest(loaded) == checkpoints.digest(method)


def test_an_optimizer_with_a_head_and_metrics_come_back(tmp_path):
    task = base.RunFacts(batches.CLASSES, 8, 100, head=("logits",), head_rate=10.0)
    network = batches.build("supervised").network
    config = supervised.Config(optimizer="sgd", learning_rate_schedule="poly")
    method = supervised.Supervised(network, config, task)
    top = keras.metrics.SparseTopKCategoricalAccuracy(2, name="top2")
    method.compile(metrics=[top])
    batch = stepping.batch_for(method)
    method.train_step(batch)
    loaded = after_loading(method, tmp_path / "method.keras")
    assert loaded.facts.head == ("logits",)
    scores = [
        each.evaluate(batch["x"], batch["y"], verbose=0, return_dict=True)
        for each in (loaded, method)
    ]
    assert scores[0] == scores[1] and set(scores[0]) == {"loss", "accuracy", "top2"}
    for each in (loaded, method):
        each.train_step(batch)
    assert checkpoints.digest(loaded) == checkpoints.digest(method)


class Grown(stateful.Stateful):
    """Has one variable more than files of its parent."""

    def __init__(self, network, config, facts):
        super().__init__(network, config, facts)
        self.more = stateful.variable(1.0)


def test_weights_of_another_number_are_refused(tmp_path):
    method, _ = built("images", "stateful")
    method.save_weights(tmp_path / "method.weights.h5")
    grown = Grown(method.network, method.config, method.facts)
    with pytest.raises(ValueError, match="13 were saved"):
        grown.load_weights(tmp_path / "method.weights.h5")


def test_two_classes_of_one_name_are_told_apart():
    names = {
        keras.saving.get_registered_name(each)
        for each in (supervised.Supervised, stateful.Stateful, Grown)
    }
    assert len(names) == 3
    assert supervised.Supervised.config_class is supervised.Config
    assert Grown.config_class is stateful.Config  # there is none in this module


# --- evaluate ---


def scored(method, images, labels, weights=None):
    """(loss, accuracy) by hand, of rows whose label is a class."""
    logits = method.network(images).numpy().astype(np.float64)
    logits = logits.reshape(-1, logits.shape[-1])
    labels = np.ravel(labels)
    known = (labels >= 0) & (labels < logits.shape[-1])
    weights = known * (1.0 if weights is None else np.ravel(weights))
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    cost = -log_p[np.arange(len(labels)), np.where(known, labels, 0)]
    right = logits.argmax(-1) == labels
    return np.average(cost, weights=weights), np.average(right, weights=weights)


def test_evaluate_scores_the_raw_weights():
    method = pairs.linear("dual_student")
    batch = stepping.batch_for(method, rows=10)
    images, labels = batch["x"], batch["y"].numpy()
    labels[3] = -1
    expected = scored(method, images, labels)
    found = method.evaluate(images, labels, 4, verbose=0)
    assert found == pytest.approx(expected, rel=1e-5)
    weights = np.arange(10.0)
    expected = scored(method, images, labels, weights)
    data = tf.data.Dataset.from_tensor_slices((images, labels, weights)).batch(4)
    found = method.evaluate(data, verbose=0, return_dict=True)
    assert found == pytest.approx(dict(zip(("loss", "accuracy"), expected)), rel=1e-5)


def test_evaluate_on_samples_leaves_ignored_pixels_out():
    method = source.plain("cutmix")
    batch = source.batch_for(method, rows=3)
    assert (batch["y"].numpy() == source.IGNORED).any()
    top = keras.metrics.SparseTopKCategoricalAccuracy(source.CLASSES, name="all")
    method.compile(metrics=["accuracy", top])
    found = method.evaluate(batch["x"], batch["y"], 2, verbose=0, return_dict=True)
    loss, accuracy = scored(method, batch["x"], batch["y"])
    expected = {"loss": loss, "accuracy": accuracy, "all": 1.0}
    assert found == pytest.approx(expected, rel=1e-5)


def test_fit_validates():
    method = batches.build("supervised")
    method.compile(metrics=[keras.metrics.SparseCategoricalAccuracy(name="again")])
    recipe = method.recipe(method.config)
    made = [batches.make(recipe, 6, step=step, seed=step) for step in range(2)]
    stacked = {name: tf.stack([batch[name] for batch in made]) for name in made[0]}
    held_out = batches.make(recipe, 12, seed=9)
    validation = held_out["x"].numpy(), held_out["y"].numpy()
    history = method.fit(
        tf.data.Dataset.from_tensor_slices(stacked),
        validation_data=validation,
        epochs=2,
        verbose=0,
    ).history
    trained = {"loss", *method.reported}
    assert set(history) == {*trained, "val_loss", "val_accuracy", "val_again"}
    expected = scored(method, *validation)
    found = [history[name][-1] for name in ("val_loss", "val_accuracy")]
    assert found == pytest.approx(expected, rel=1e-5)
    assert history["val_again"] == history["val_accuracy"]
