"""Exported models answer as the trained network does, in any program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import digests
from mixdmt_tf.errors import UserError
from mixdmt_tf.models import small_cnn, wide_resnet
from mixdmt_tf.runs import agreement, export, model_files, trained
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.classification.scoring import Scorer
from tests.tasks.classification import tiny

NAMES = ("cat", "dog", "owl")
FORMATS = {"saved_model": "model", "keras": "model.keras", "tflite": "model.tflite"}

# Loads a Keras file where nothing of ours can be imported.
PLAIN_KERAS = """
import sys
import keras, numpy as np
model = keras.models.load_model(sys.argv[1], safe_mode=True)
images = np.load(sys.argv[2]).astype(np.float32)
np.save(sys.argv[3], model.predict(images, verbose=0))
assert not [name for name in sys.modules if name.startswith("mixdmt")]
"""


def random_weights(network, seed=0):
    """Weights with which batch normalization matters and all classes occur."""
    rng = np.random.default_rng(seed)
    weights = [
        rng.uniform(0.5, 1.5, w.shape).astype(np.float32)
        if w.ndim == 1
        else rng.normal(0, 0.3, w.shape).astype(np.float32)
        for w in network.get_weights()
    ]
    network.set_weights(weights)
    logits = network(images(100) / np.float32(127.5) - 1, training=False).numpy()
    weights[-2] = weights[-2] / logits.std(0)
    weights[-1] = (weights[-1] - logits.mean(0)) / logits.std(0)
    return weights


def images(rows, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (rows, 8, 8, 3), np.uint8)


@pytest.fixture(params=["small_cnn", "wide_resnet"])
def model(request):
    """(scorer, weights) of both networks: one plain, one with layers of its own."""
    config = small_cnn.SmallCNN(filters=4)
    if request.param == "wide_resnet":
        config = wide_resnet.WideResNet(depth=10, width=1)
    scorer = Scorer(config, (8, 8, 3), 3)
    return scorer, random_weights(scorer.network)


@pytest.fixture
def small():
    scorer = Scorer(small_cnn.SmallCNN(filters=4), (8, 8, 3), 3)
    return scorer, random_weights(scorer.network)


def test_a_saved_model_takes_any_number_of_uint8_images(model, tmp_path):
    scorer, weights = model
    export.export("saved_model", scorer, weights, NAMES, tmp_path / "export")
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    serve = loaded.signatures["serving_default"]
    (spec,) = serve.structured_input_signature[1].values()
    assert (spec.name, spec.dtype) == ("image", tf.uint8)
    assert spec.shape.as_list() == [None, None, None, 3]
    for rows in (0, 1, 3, 65):
        pixels = images(rows)
        answer = serve(image=tf.constant(pixels))
        expected = scorer.predict(weights, pixels) if rows else np.zeros((0, 3))
        assert set(answer) == {"label", "probabilities", "class_name"}
        assert answer["label"].dtype == tf.int32
        np.testing.assert_array_equal(answer["label"], expected.argmax(-1))
        np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
        named = [NAMES[each].encode() for each in expected.argmax(-1)]
        assert answer["class_name"].numpy().tolist() == named
    assert set(expected.argmax(-1).tolist()) == {0, 1, 2}
    names = json.loads((tmp_path / "export" / "classes.json").read_text())
    assert names == list(NAMES)


def test_the_runs_own_export_equals_its_checkpoint(finished):
    folder = finished.folder
    model = trained.load(open_task(tiny.experiment(folder)), folder)
    serve = tf.saved_model.load(str(folder / "export")).signatures["serving_default"]
    pixels = np.random.default_rng(0).integers(0, 256, (65, 8, 8, 1), np.uint8)
    answer = serve(image=tf.constant(pixels))
    expected = model.scorer.predict(model.averaged, pixels)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-6)
    raw = model.scorer.predict(model.raw, pixels)
    assert np.abs(raw - expected).max() > 1e-3  # it is the average that is exported
    names = json.loads((folder / "export" / "classes.json").read_text())
    assert names == list("0123456789")
    noted = set(digests.known(folder / "export"))
    assert noted > {"classes.json", "saved_model.pb", "variables/variables.index"}
    model_files.require_model(folder / "export")


def layers_of(config):
    """(module, class, registered name) of everything in a Keras file's config."""
    if isinstance(config, dict):
        if "class_name" in config:
            names = ("module", "class_name", "registered_name")
            yield tuple(config.get(name) for name in names)
        for value in config.values():
            yield from layers_of(value)
    elif isinstance(config, list):
        for value in config:
            yield from layers_of(value)


def test_a_keras_file_holds_stock_layers_only(model, tmp_path):
    scorer, weights = model
    export.export("keras", scorer, weights, NAMES, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = json.loads(archive.read("config.json"))
    found = set(layers_of(config))
    assert len(found) > 5
    for module, name, registered in found:
        assert module is None or module.split(".")[0] in ("keras", "builtins"), name
        assert name not in ("Lambda", "TFOpLambda"), name
        assert ">" not in (registered or ""), name  # package>Class is somebody's own


def test_a_keras_file_loads_where_we_are_not_installed(tmp_path):
    config = wide_resnet.WideResNet(depth=10, width=1)
    scorer = Scorer(config, (8, 8, 3), 3)
    weights = random_weights(scorer.network)
    export.export("keras", scorer, weights, NAMES, tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", images(65))
    files = [str(tmp_path / n) for n in ("model.keras", "images.npy", "answers.npy")]
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_KERAS, *files],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    expected = scorer.predict(weights, images(65))
    np.testing.assert_allclose(np.load(files[2]), expected, atol=1e-5)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_new_model_replaces_the_old_one(small, format_name, tmp_path):
    scorer, weights = small
    place = tmp_path / "models" / FORMATS[format_name]
    export.export(format_name, scorer, weights, NAMES, place)
    before = answers(format_name, place)
    export.export(format_name, scorer, random_weights(scorer.network, 5), NAMES, place)
    assert np.abs(answers(format_name, place) - before).max() > 0.01
    assert [each.name for each in place.parent.iterdir()] == [place.name]


def answers(format_name, place):
    """Probabilities of some images from an exported model."""
    if format_name == "keras":
        loaded = keras.models.load_model(str(place))
        return np.asarray(loaded(images(20).astype(np.float32)))
    if format_name == "tflite":
        runner = tf.lite.Interpreter(model_path=str(place)).get_signature_runner()
        return runner(image=images(20))["probabilities"]
    serve = tf.saved_model.load(str(place)).signatures["serving_default"]
    return serve(image=tf.constant(images(20)))["probabilities"].numpy()


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_wrong_model_is_not_kept_and_the_old_one_stays(
    small, format_name, tmp_path, monkeypatch
):
    scorer, weights = small
    place = tmp_path / FORMATS[format_name]
    export.export(format_name, scorer, weights, NAMES, place)
    before = answers(format_name, place)
    monkeypatch.setattr(agreement, "LARGEST", 0.0)
    with pytest.raises(UserError, match="answers differently") as refused:
        export.export(format_name, scorer, weights, NAMES, place)
    assert str(place) in str(refused.value)
    np.testing.assert_array_equal(answers(format_name, place), before)
    assert [each.name for each in tmp_path.iterdir()] == [place.name]


def test_both_are_compared_in_exact_float32(small, tmp_path, monkeypatch):
    """Some GPUs otherwise multiply with ten bits of precision, and the CPU does not."""
    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    seen, predict = [], small[0].predict

    def noting(weights, pixels):
        seen.append(enabled())
        return predict(weights, pixels)

    monkeypatch.setattr(small[0], "predict", noting)
    before = enabled()
    export.export("saved_model", *small, NAMES, tmp_path / "export")
    assert set(seen) == {False} and enabled() == before


def test_the_comparison_is_with_the_network_itself(small, tmp_path, monkeypatch):
    scorer, weights = small
    written = export._saved_model

    def spoilt(*args):
        answered = written(*args)
        return lambda images: answered(images) + np.float32([[0, 0, 2e-4]])

    monkeypatch.setattr(export, "_saved_model", spoilt)
    with pytest.raises(UserError, match="differ by up to 0.0002"):
        export.export("saved_model", scorer, weights, NAMES, tmp_path / "export")

    def broken(*args):
        answered = written(*args)
        return lambda images: answered(images) * np.float32(np.nan)

    monkeypatch.setattr(export, "_saved_model", broken)
    with pytest.raises(UserError, match="answers differently"):
        export.export("saved_model", scorer, weights, NAMES, tmp_path / "export")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format_name", FORMATS)
def test_other_peoples_folders_are_left_alone(small, format_name, tmp_path):
    place = tmp_path / "photos"
    place.mkdir()
    (place / "holiday.jpg").write_text("precious")
    scorer, weights = small
    with pytest.raises(UserError, match="photos (holds something other|is a folder)"):
        export.export(format_name, scorer, weights, NAMES, place)
    assert (place / "holiday.jpg").read_text() == "precious"
    assert [each.name for each in tmp_path.iterdir()] == ["photos"]


def test_a_file_is_no_place_for_a_saved_model(small, tmp_path):
    (tmp_path / "notes.txt").write_text("precious")
    scorer, weights = small
    with pytest.raises(UserError, match="holds something other"):
        export.export("saved_model", scorer, weights, NAMES, tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "precious"


def test_an_empty_folder_is_one(small, tmp_path):
    (tmp_path / "export").mkdir()
    scorer, weights = small
    export.export("saved_model", scorer, weights, NAMES, tmp_path / "export")
    assert (tmp_path / "export" / "saved_model.pb").is_file()


def test_a_place_that_cannot_be_written(small, tmp_path):
    (tmp_path / "file").write_text("")
    scorer, weights = small
    with pytest.raises(UserError, match="m.tflite cannot be written: "):
        export.export("tflite", scorer, weights, NAMES, tmp_path / "file" / "m.tflite")


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.ResourceExhaustedError(None, None, "No space left on device\nmore"),
        OSError(28, "No space left on device"),
    ],
)
def test_a_disk_that_is_full(error, small, tmp_path, monkeypatch):
    scorer, weights = small
    export.export("saved_model", scorer, weights, NAMES, tmp_path / "export")

    def fail(scorer, path, *rest):
        path.mkdir()
        (path / "half").write_text("")
        raise error

    monkeypatch.setattr(export, "_saved_model", fail)
    with pytest.raises(
        UserError, match="export cannot be written: No space"
    ) as refused:
        export.export("saved_model", scorer, weights, NAMES, tmp_path / "export")
    assert len(str(refused.value).splitlines()) == 2
    assert [each.name for each in tmp_path.iterdir()] == ["export"]
    assert (tmp_path / "export" / "saved_model.pb").is_file()
