"""Wrong arguments are answered by a sentence, a ValueError, before any work."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import mixdmt_tf
from mixdmt_tf.errors import ArgumentError
from tests.learners import made

(IMAGES, LABELS), UNLABELED, HELD_OUT = made.images()
ONE_HOT = np.eye(10)[LABELS]
ELEMENTS = tf.data.Dataset.from_tensor_slices({"image": IMAGES, "label": LABELS})
PAIRS = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
OUT_OF_RANGE = np.where(np.arange(len(LABELS)) == 3, 10, LABELS)
STANDARDIZED = (IMAGES - IMAGES.mean()) / IMAGES.std()


@pytest.fixture(scope="module", name="model")
def fixture_model():
    return mixdmt_tf.MixMatch(made.network(), num_classes=10)


@pytest.mark.parametrize(
    "x, words",
    [
        (None, "got None"),
        (IMAGES, "expected .images, labels."),
        ((IMAGES, LABELS, LABELS), "tuple of 3"),
        ((IMAGES, LABELS[:5]), "20 images and 5 labels"),
        ((IMAGES, ONE_HOT), "one-hot"),
        ((IMAGES, np.stack([LABELS] * 3, 1)), r"labels are \[20, 3\]"),
        ((IMAGES, LABELS + 0.5), "not whole numbers"),
        ((IMAGES, OUT_OF_RANGE), "image 3 has the label 10; expected 0 to 9"),
        ((IMAGES, -np.ones(20, int)), "label -1"),
        ((IMAGES, LABELS.astype(str)), "expected numbers"),
        ((IMAGES, LABELS.astype(np.int64) + 2**32), "has the label 42949672"),
        ((IMAGES > 99, LABELS), "are booleans"),
        ((IMAGES / 60.0, LABELS), "with fractions.*\n.*0 to 1"),
        ((IMAGES[..., 0], LABELS), "newaxis"),
        ((IMAGES[:, :4], LABELS), r"\[N, 4, 8, 1\]; the network takes \[N, 8, 8, 1\]"),
        ((IMAGES * 300.0, LABELS), "values from 0 to"),
        ((STANDARDIZED, LABELS), "before standardization"),
        ((IMAGES * np.nan, LABELS), "values from nan"),
        ((IMAGES.astype(int) * 3, LABELS), "values from 0 to"),
        ((IMAGES[:0], LABELS[:0]), "expected at least one"),
        (({"x": IMAGES}, LABELS)[0], "a dictionary"),
        (zip(IMAGES, LABELS), "got a zip"),
        ((each for each in [(IMAGES, LABELS)]), "got a generator"),
        (ELEMENTS, r"dictionaries.*\n.*map"),
        (PAIRS.repeat(), "is infinite"),
        (PAIRS.take(0), "empty"),
        (PAIRS.map(lambda x, y: (x, tf.as_string(y))), "labels are bytes"),
        (PAIRS.map(lambda x, y: (x, {"y": y})), "contain a dict"),
        (PAIRS.map(lambda image, label: image), "1 parts"),
    ],
)
def test_of_labelled_images(model, x, words):
    with pytest.raises(ArgumentError, match=words):
        model.fit(x, unlabeled=UNLABELED)
    assert model.algorithm is None


@pytest.mark.parametrize(
    "given, words",
    [
        ({}, "needs unlabelled images"),
        ({"y": UNLABELED, "unlabeled": UNLABELED}, "unlabeled=images"),
        ({"unlabeled": UNLABELED[:, 2:]}, "unlabeled: images are"),
        ({"unlabeled": UNLABELED, "validation_data": (IMAGES, ONE_HOT)}, "one-hot"),
        ({"unlabeled": UNLABELED, "validation_split": 0.1}, "validation_data="),
        ({"unlabeled": UNLABELED, "class_weight": {}}, "class_weight"),
        ({"unlabeled": UNLABELED, "anything": 1}, "'anything'"),
        ({"unlabeled": UNLABELED, "epochs": 0}, "epochs=0"),
        ({"unlabeled": UNLABELED, "batch_size": 2.5}, "batch_size=2.5"),
        ({"unlabeled": [*UNLABELED, UNLABELED[0][:6]]}, "unlabeled: images are"),
        ({"unlabeled": UNLABELED, "initial_epoch": 1}, "all epochs=1 are done"),
        ({"unlabeled": UNLABELED, "initial_epoch": 1, "epochs": 2}, "not been trained"),
    ],
)
def test_of_fit(model, given, words):
    with pytest.raises(ArgumentError, match=words):
        model.fit((IMAGES, LABELS), **given)


def test_a_checkpoint_that_could_not_be_loaded_is_refused_before_training(model):
    saving = keras.callbacks.ModelCheckpoint("x.keras")
    saving.filepath = "checkpoint"  # Keras 3 refuses it itself
    with pytest.raises(ArgumentError, match="checkpoint.keras"):
        model.fit((IMAGES, LABELS), unlabeled=UNLABELED, callbacks=[saving])
    with pytest.raises(ArgumentError, match="folder.keras"):
        model.save("folder")


def test_images_in_another_order_for_a_method_that_knows_each(tmp_path):
    fit = {"steps_per_epoch": 1, "batch_size": 4, "verbose": 0}
    model = mixdmt_tf.TemporalEnsembling(made.network(), 10)
    model.fit((IMAGES, LABELS), unlabeled=UNLABELED, **fit)
    model.save(tmp_path / "model.keras")
    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        fit.update(epochs=2, initial_epoch=1)
        before = each.algorithm
        with pytest.raises(ArgumentError, match="in another order"):
            each.fit((IMAGES, LABELS), unlabeled=UNLABELED[::-1], **fit)
        assert each.algorithm is before
    each.fit((IMAGES, LABELS), unlabeled=UNLABELED, **fit)
    assert each.algorithm.shown.numpy().sum() == 8


def test_callbacks_that_could_not_do_what_they_are_for(model, tmp_path):
    fit = {"x": (IMAGES, LABELS), "unlabeled": UNLABELED, "verbose": 0}
    saving = keras.callbacks.ModelCheckpoint("x.weights.h5", save_weights_only=True)
    saving.filepath = "x.h5"  # Keras 3 refuses it itself
    backup = keras.callbacks.BackupAndRestore(str(tmp_path))
    for callback, words in ((saving, "weights.h5"), (backup, "initial_epoch")):
        with pytest.raises(ArgumentError, match=words):
            model.fit(callbacks=[callback], **fit)
    scheduled = mixdmt_tf.FixMatch(made.network(), 10)
    for callback in (
        keras.callbacks.ReduceLROnPlateau(),
        keras.callbacks.LearningRateScheduler(lambda epoch: 0.1),
    ):
        with pytest.raises(ArgumentError, match="learning_rate_schedule="):
            scheduled.fit(callbacks=callback, **fit)
    assert scheduled.algorithm is None


def test_of_compile_evaluate_predict_and_export(model, tmp_path):
    with pytest.raises(ArgumentError, match="define their own losses"):
        model.compile("adam", loss="mse")
    with pytest.raises(ArgumentError, match="sample_weight"):
        model.evaluate(IMAGES, LABELS, sample_weight=LABELS)
    with pytest.raises(ArgumentError, match="steps"):
        model.predict(IMAGES, steps=3)
    with pytest.raises(ArgumentError, match="metrics='accuracy': expected a list"):
        model.compile(metrics="accuracy")
    with pytest.raises(ArgumentError, match="3 arrays; expected the 4"):
        model.set_weights(model.get_weights()[:3])
    with pytest.raises(ArgumentError, match="is not trained"):
        mixdmt_tf.MixMatch(made.network(), 10).export(tmp_path / "export")


def test_epochs_have_their_steps_whatever_an_execution_has():
    model, done = mixdmt_tf.Supervised(made.network(), 10), []
    model.compile(steps_per_execution=2)
    noting = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: done.append(int(model.algorithm.optimizer.iterations))
    )
    fit = {"epochs": 2, "steps_per_epoch": 3, "batch_size": 4, "verbose": 0}
    model.fit((IMAGES, LABELS), callbacks=[noting], **fit)
    assert done == [3, 6]


@pytest.mark.parametrize(
    "given, words",
    [
        ({"num_classes": "ten"}, "num_classes='ten'"),
        ({"num_classes": 1}, "2 or more"),
        ({"num_classes": 10, "shift": -1}, "shift=-1: expected a whole number"),
        ({"num_classes": 10, "shift": 0.5}, "shift=0.5: expected a whole number"),
        ({"num_classes": 10, "input_range": 255}, "input_range=255: expected the"),
        ({"num_classes": 10, "input_range": (1, 0)}, r"input_range=\(1, 0\)"),
        ({"num_classes": 10, "input_range": (0, 1, 2)}, "input_range=.*such as"),
        ({"num_classes": 10, "class_names": ["a"]}, "1 names"),
        ({"num_classes": 10, "temperatur": 0.5}, "did you mean 'temperature'"),
        ({"num_classes": 10, "temperature": -1.0}, "temperature=-1.0: expected"),
        ({"num_classes": 10, "copies": -1}, "copies=-1: expected"),
    ],
)
def test_of_the_method(given, words):
    with pytest.raises(ArgumentError, match=words):
        mixdmt_tf.MixMatch(made.network(), **given)


def test_numbers_of_numpy_are_numbers():
    model = mixdmt_tf.MixMatch(
        made.network(), LABELS.max() + 1, seed=np.int64(3), temperature=np.float32(0.5)
    )
    assert model.keywords.given == {"seed": 3, "temperature": 0.5}


def test_what_a_method_asks_of_images():
    any_size = made.network(shape=(None, None, 1))
    pairs = [IMAGES[0], IMAGES[1][:6]], LABELS[:2]
    model = mixdmt_tf.Supervised(any_size, 10, shift=8)
    assert model.predict(pairs[0], verbose=0).shape == (2, 10)
    with pytest.raises(ArgumentError, match="images of 6x8 and 8x8 pixels"):
        model.fit(pairs)
    with pytest.raises(ArgumentError, match="shift=8: images have 8x8 pixels"):
        model.fit(IMAGES, LABELS)
    model = mixdmt_tf.ReMixMatch(made.network(shape=(6, 8, 1)), 10)
    with pytest.raises(ArgumentError, match="6x8 pixels; expected square images"):
        model.fit((IMAGES[:, 2:], LABELS), unlabeled=UNLABELED[:, 2:])
    (images, labels), unlabeled, _ = made.scenes()
    model = mixdmt_tf.segmentation.CutMix(made.segmenter(), 11, unlabeled_ratio=3)
    with pytest.raises(ArgumentError, match="is odd"):
        model.fit((images, labels), unlabeled=unlabeled, batch_size=1)


def test_labels_beside_images_to_predict_are_left_alone(model):
    expected = model.predict(IMAGES, verbose=0)
    for given in (
        (IMAGES, ONE_HOT),
        (IMAGES, None),
        tf.data.Dataset.from_tensor_slices((IMAGES, ONE_HOT)),
    ):
        np.testing.assert_array_equal(model.predict(given, verbose=0), expected)


def test_they_are_value_errors_of_few_lines(model):
    with pytest.raises(ValueError) as caught:
        model.fit((IMAGES, ONE_HOT), unlabeled=UNLABELED)
    assert 1 <= len(str(caught.value).splitlines()) <= 3
