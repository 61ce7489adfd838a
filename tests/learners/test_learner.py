"""A method as a Keras model: fit, callbacks, scores, files."""

from __future__ import annotations

import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

import mixdmt_tf
from mixdmt_tf import compat
from mixdmt_tf.errors import ArgumentError
from mixdmt_tf.runs import checkpoints
from tests.learners import made

LABELED, UNLABELED, HELD_OUT = made.images()
FIT = {"unlabeled": UNLABELED, "steps_per_epoch": 2, "batch_size": 4, "verbose": 0}
SETTINGS = {"learning_rate": 0.05, "ema_decay": 0.5, "flip": False}


def model(name="MixMatch", *end, **settings):
    make = getattr(mixdmt_tf, name)
    return make(made.network(*end), made.CLASSES, **{**SETTINGS, **settings})


class StopAfter(keras.callbacks.Callback):
    """Ends `fit` after an epoch, as a user does."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch + 1 == self.epoch


@pytest.fixture(scope="module", autouse=True)
def bit_by_bit():
    """What is said to be the same has to be so to the bit."""
    tf.config.experimental.enable_op_determinism()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model after three epochs, its history, and the folder of its callbacks."""
    keras.utils.set_random_seed(0)
    found, folder = model(), tmp_path_factory.mktemp("callbacks")
    top = keras.metrics.SparseTopKCategoricalAccuracy(2, name="top2")
    found.compile(metrics=["accuracy", top])
    history = found.fit(
        LABELED,
        epochs=3,
        validation_data=HELD_OUT,
        callbacks=[
            keras.callbacks.ModelCheckpoint(str(folder / "{epoch}.keras")),
            keras.callbacks.TensorBoard(str(folder / "tensorboard")),
        ],
        **FIT,
    )
    return found, history.history, folder


def test_history_has_what_the_method_reports_and_the_scores(trained):
    found, history, folder = trained
    assert {"loss", "loss_x", "loss_u", "val_loss", "val_accuracy", "val_top2"} <= {
        *history
    }
    assert {len(each) for each in history.values()} == {3}
    assert "accuracy" not in history  # no step of training asks
    assert [*(folder / "tensorboard").rglob("events*")]


def by_hand(weights, images, labels):
    """(loss, accuracy) of a network of tests under these weights, in NumPy."""
    network = made.network()
    network.set_weights(weights)
    logits = network.predict(images / 127.5 - 1, verbose=0).astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    right = logits.argmax(-1) == labels
    return -log_p[np.arange(len(labels)), labels].mean(), right.mean(), np.exp(log_p)


def test_scores_and_predictions_are_those_of_the_averaged_weights(trained):
    found, history, _ = trained
    raw, averaged = found.network.get_weights(), found.average.in_network(found.body)
    assert not np.allclose(raw[0], averaged[0])
    for weights, which in ((averaged, True), (raw, False)):
        loss, accuracy, probs = by_hand(weights, *HELD_OUT)
        scores = found.evaluate(*HELD_OUT, averaged=which, verbose=0)
        assert scores[:2] == pytest.approx([loss, accuracy], rel=1e-4)
        predicted = found.predict(HELD_OUT[0], averaged=which, verbose=0)
        np.testing.assert_allclose(predicted, probs, atol=1e-5)
    last = history["val_loss"][-1]
    assert found.evaluate(HELD_OUT, verbose=0)[0] == pytest.approx(last, rel=1e-5)
    for one, other in zip(raw, found.network.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_the_same_images_in_all_forms_have_the_same_scores(trained):
    found, images, labels = trained[0], *HELD_OUT
    expected = found.evaluate(images, labels, verbose=0, return_dict=True)
    pairs = tf.data.Dataset.from_tensor_slices((images, labels[:, np.newaxis]))
    for given in (
        (images.astype(np.int64), labels.astype(np.float32)),
        (tf.constant(images), tf.constant(labels)),
        pairs,
        pairs.batch(7),
    ):
        assert found.evaluate(given, verbose=0, return_dict=True) == expected
    for scaled in (images / 255.0, images.astype(np.float32)):
        other = mixdmt_tf.MixMatch(found.network, 10, input_range=(-1, 1))
        scores = other.evaluate(scaled, labels, verbose=0)
        raw = found.evaluate(images, labels, averaged=False, verbose=0)
        assert scores[0] == pytest.approx(raw[0], rel=1e-5)


def test_a_checkpoint_of_keras_goes_on_bit_by_bit(trained):
    found, _, folder = trained
    loaded = keras.models.load_model(folder / "2.keras")
    assert (type(loaded), loaded.keywords) == (type(found), found.keywords)
    loaded.fit(LABELED, epochs=3, initial_epoch=2, **FIT)
    assert checkpoints.digest(loaded.algorithm) == checkpoints.digest(found.algorithm)
    last = keras.models.load_model(folder / "3.keras")
    assert last.evaluate(HELD_OUT, verbose=0) == found.evaluate(HELD_OUT, verbose=0)


@pytest.mark.long
def test_what_was_stopped_goes_on_with_more_epochs():
    results = []
    for stop in (None, 1):
        keras.utils.set_random_seed(0)
        one = model("FixMatch", copies=0, learning_rate_schedule="cosine")
        one.compile(keras.optimizers.Adam(0.01))
        callbacks = [StopAfter(stop)] if stop else None
        one.fit(LABELED, epochs=2, callbacks=callbacks, **FIT)
        if stop:
            one.fit(LABELED, epochs=2, initial_epoch=1, **FIT)
        results.append(checkpoints.digest(one.algorithm))
    assert results[0] == results[1]
    assert int(one.optimizer.iterations) == 4
    one.fit(LABELED, epochs=3, initial_epoch=2, **FIT)  # a longer run than before
    assert int(one.optimizer.iterations) == 6
    one.fit(LABELED, **FIT)  # and a new one
    assert int(one.optimizer.iterations) == 2


def test_files_of_weights_have_the_averages_or_are_refused(trained, tmp_path):
    loaded = keras.models.load_model(trained[2] / "1.keras")
    file, untrained = tmp_path / "trained.weights.h5", tmp_path / "new.weights.h5"
    trained[0].save_weights(file)
    loaded.load_weights(file)
    assert loaded.evaluate(HELD_OUT, verbose=0) == pytest.approx(
        trained[0].evaluate(HELD_OUT, verbose=0), rel=1e-6
    )
    new = model()
    with pytest.raises(ArgumentError, match="averages would be missing"):
        new.load_weights(file)
    new.save_weights(untrained)
    with pytest.raises(ArgumentError, match="averages would be others"):
        loaded.load_weights(untrained)
    model().load_weights(untrained)
    with pytest.raises(ArgumentError, match=r"\.weights\.h5"):
        new.save_weights(tmp_path / "weights.h5")


def test_a_batch_is_scored_as_all_images_are(trained):
    found, (images, labels) = trained[0], HELD_OUT
    expected = found.predict(images, verbose=0)
    np.testing.assert_array_equal(found.predict_on_batch(images), expected)
    scores = found.evaluate(images, labels, verbose=0)
    assert found.test_on_batch(images, labels) == scores
    with pytest.raises(ArgumentError, match="Call fit"):
        found.train_on_batch(images, labels)


def test_threads_that_predict_leave_the_raw_weights_alone(trained):
    found, entered, leave = trained[0], threading.Event(), threading.Event()
    raw = found.network.get_weights()

    def other():
        with found._using(True):
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with found._using(True):
        thread.start()
        entered.wait(0.1)
    leave.set()
    thread.join()
    for one, before in zip(found.network.get_weights(), raw):
        np.testing.assert_array_equal(one, before)


def test_learning_rates_that_are_set_between_two_fits():
    one = model("Supervised")
    one.compile(keras.optimizers.SGD(0.25), run_eagerly=True)
    assert float(one.optimizer.learning_rate) == 0.25  # before anything was trained
    for rate in (0.125, 0.0625, 0.5):
        one.optimizer.learning_rate = rate
        one.fit(LABELED, steps_per_epoch=1, batch_size=4, verbose=0)
        assert float(one.optimizer.learning_rate) == rate
        assert int(one.optimizer.iterations) == 1


def test_the_best_weights_come_back_with_their_average():
    keras.utils.set_random_seed(0)
    one = model()  # it gets better: those of the first epoch are the worst
    stopping = keras.callbacks.EarlyStopping(
        "val_loss", mode="max", patience=1, restore_best_weights=True
    )
    history = one.fit(
        LABELED, epochs=4, validation_data=HELD_OUT, callbacks=[stopping], **FIT
    ).history
    assert len(history["val_loss"]) < 4
    best = max(history["val_loss"])
    assert best > history["val_loss"][-1]
    assert one.evaluate(HELD_OUT, verbose=0)[0] == pytest.approx(best)


def test_a_network_that_ends_in_softmax(tmp_path):
    dense = keras.layers.Dense(made.CLASSES, activation="softmax")
    network = made.network(dense)
    expected = network.predict(HELD_OUT[0] / 255.0, verbose=0)
    one = mixdmt_tf.MixMatch(network, made.CLASSES, **SETTINGS)
    found = one.predict(HELD_OUT[0] / 255.0, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    one.fit(LABELED, **FIT)
    assert one.evaluate(HELD_OUT, verbose=0)[0] < 3
    one.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = one.predict(UNLABELED, verbose=0)
    np.testing.assert_array_equal(loaded.predict(UNLABELED, verbose=0), expected)


def test_the_exported_model_answers_alike(trained, tmp_path):
    found = trained[0]
    found.export(tmp_path / "export")
    served = tf.saved_model.load(str(tmp_path / "export")).signatures["serving_default"]
    answers = served(image=tf.constant(UNLABELED))["probabilities"]
    expected = found.predict(UNLABELED, verbose=0)
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def test_a_new_process_loads_a_model(trained):
    found, _, folder = trained
    program = (
        "import numpy as np, mixdmt_tf\n"
        f"model = mixdmt_tf.load_model(r'{folder / '3.keras'}')\n"
        "images = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)\n"
        "print(model.keywords.name, model.predict(images, verbose=0).tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    name, _, numbers = done.stdout.strip().splitlines()[-1].partition(" ")
    images = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    expected = found.predict(images, verbose=0)[0]
    numbers = [float(each) for each in numbers.strip("[]").split(",")]
    assert name == "mixmatch" and numbers == pytest.approx(expected.tolist(), abs=1e-6)


def test_a_second_network_begins_with_weights_that_were_pretrained():
    still = {"learning_rate": 0.0, "weight_decay": 0.0, "pretrained": True}
    one = model("DualStudent", **still)
    one.fit(LABELED, **FIT)
    pairs = zip(one.network.get_weights(), one.algorithm.peer.get_weights())
    same = [np.array_equal(*pair) for pair in pairs]
    assert same == [True, True, False, True]  # the last bias is new, and 0


def test_fit_under_mixed_precision_keeps_the_policy():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    one = model("MeanTeacher")
    one.fit(LABELED, validation_data=HELD_OUT, **FIT)
    assert one.predict(UNLABELED, verbose=0).dtype == np.float32
    assert keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    assert all(
        compat.tf_variable(w).dtype == tf.float32 for w in one.network.trainable_weights
    )


def test_several_devices_are_refused():
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        with pytest.raises(ArgumentError, match="2 devices"):
            model().fit(LABELED, **FIT)
        made_within = model()
    with pytest.raises(ArgumentError, match="2 devices"):
        made_within.fit(LABELED, **FIT)
