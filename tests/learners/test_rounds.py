"""Methods in rounds as models."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import mixdmt_tf
from mixdmt_tf.errors import ArgumentError
from mixdmt_tf.learners import compiling
from tests.learners import made

LABELED, UNLABELED, HELD_OUT = made.images()
ROUNDS = {
    "rounds": 2,
    "base_steps": 3,
    "round_steps": 3,
    "base_batch": 4,
    "unlabeled_ratio": 2,
    "augment": "none",
    "flip": False,
}
FIT = {"unlabeled": UNLABELED, "batch_size": 4, "verbose": 0}


def network():
    """A network that normalizes pixels, and whose first layer is frozen."""
    normalization = keras.layers.Normalization(axis=-1)
    normalization.adapt(UNLABELED.astype(np.float32))
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            normalization,
            keras.layers.Conv2D(4, 3, activation="relu", trainable=False),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(made.CLASSES),
        ]
    )


@pytest.fixture(scope="module", name="trained")
def fixture_trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rounds") / "run"
    model = mixdmt_tf.DMT(network(), made.CLASSES, select_on="last", **ROUNDS)
    before = model.network.get_weights()
    some = model.predict(UNLABELED, verbose=0)
    model.network.set_weights([2 * each for each in before])
    assert (model.predict(UNLABELED, verbose=0) != some).any()  # nothing is averaged
    model.network.set_weights(before)
    history = model.fit(LABELED, validation_data=HELD_OUT, workdir=folder, **FIT)
    for one, other in zip(model.network.layers[-3].get_weights(), before[-4:-2]):
        np.testing.assert_array_equal(one, other)
    return model, history.history, folder


def test_the_network_has_the_weights_of_the_run(trained):
    model, history, folder = trained
    assert history["round"] == [1, 2] and history["fraction"] == [50.0, 100.0]
    for averaged, name in ((True, ""), (False, "_raw")):
        accuracy = model.evaluate(HELD_OUT, averaged=averaged, verbose=0)[1]
        error = model.results[f"validation_error{name}"]
        assert accuracy == pytest.approx(1 - error / 100, abs=1e-6)
    raw = model.network.layers[-1].get_weights()[0]
    assert not np.array_equal(raw, model.average.averages[0])
    there = {each.name for each in folder.iterdir()}
    assert {"base", "round_1", "round_2", "rounds.csv"} <= there


def test_the_same_call_resumes_from_its_folder(trained):
    model, history, folder = trained
    again = mixdmt_tf.DMT(network(), made.CLASSES, select_on="last", **ROUNDS)
    again.fit(LABELED, validation_data=HELD_OUT, workdir=folder, **FIT)
    for one, other in zip(again.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(one, other)
    assert again.results["seconds"] == model.results["seconds"]


def test_files_of_it(trained, tmp_path):
    model = trained[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(loaded.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(one, other)
    expected = model.predict(UNLABELED, verbose=0)
    np.testing.assert_array_equal(loaded.predict(UNLABELED, verbose=0), expected)
    file, untrained = tmp_path / "trained.weights.h5", tmp_path / "new.weights.h5"
    model.save_weights(file)
    if compiling.has_part(file, "body"):  # Keras 3
        with pytest.raises(ArgumentError, match="input_range="):
            mixdmt_tf.DMT(network(), made.CLASSES, **ROUNDS).load_weights(file)
    new = mixdmt_tf.DMT(network(), made.CLASSES, input_range=(0, 255), **ROUNDS)
    new.save_weights(untrained)
    new.load_weights(file)
    np.testing.assert_allclose(new.predict(UNLABELED, verbose=0), expected, atol=1e-6)
    new.load_weights(untrained)
    assert new.average is None


@pytest.mark.long
def test_two_models_that_teach_each_other_for_segmentation():
    (images, labels), unlabeled, held_out = made.scenes()
    lengths = {"rounds": 1, "base_steps": 1, "round_steps": 1, "base_batch": 2}
    model = mixdmt_tf.segmentation.DMT(
        made.segmenter(), 11, unlabeled_ratio=2, flip=False, **lengths
    )
    history = model.fit(
        (images, labels),
        unlabeled=unlabeled,
        batch_size=1,
        validation_data=held_out,
        verbose=0,
    ).history
    assert len(history["validation_miou"]) == 2
    assert model.predict(images, verbose=0).shape == (3, 48, 48, 11)


SEGMENTATION = {
    **{"rounds": 1, "base_steps": 1, "round_steps": 1, "base_batch": 2},
    **{"unlabeled_ratio": 1, "flip": False},
}


def test_rounds_of_segmentation_need_no_validation_images():
    (images, labels), unlabeled, _ = made.scenes()
    model = mixdmt_tf.segmentation.CBST(made.segmenter(), 11, **SEGMENTATION)
    history = model.fit(
        (images, labels), unlabeled=unlabeled, batch_size=2, verbose=0
    ).history
    assert history and model.predict(images[:1], verbose=0).shape == (1, 48, 48, 11)


def test_rounds_of_segmentation_need_a_network_of_any_size():
    (images, labels), unlabeled, _ = made.scenes()
    model = mixdmt_tf.segmentation.CBST(made.segmenter(48), 11, **SEGMENTATION)
    with pytest.raises(ArgumentError, match="rounds label whole images, of any size"):
        model.fit((images, labels), unlabeled=unlabeled, verbose=0)


def test_wrong_arguments_are_refused():
    model = mixdmt_tf.DMT(made.network(), made.CLASSES, **ROUNDS)
    stopping = keras.callbacks.EarlyStopping()
    with pytest.raises(ArgumentError, match="callbacks"):
        model.fit(LABELED, callbacks=[stopping], **FIT)
    with pytest.raises(ArgumentError, match="epochs=0"):
        model.fit(LABELED, epochs=0, **FIT)
    with pytest.raises(ArgumentError, match="needs unlabelled images"):
        model.fit(LABELED)
    model.compile("adam")
    with pytest.raises(ArgumentError, match="optimizer"):
        model.fit(LABELED, **FIT)
