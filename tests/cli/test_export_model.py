"""`bin/export_model`; the models themselves are tested in tests/runs."""

from __future__ import annotations

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.cli.export_model import main
from mixdmt_tf.data.classification import datasets
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import trained
from mixdmt_tf.tasks import open_task
from tests.cli import commands
from tests.tasks.classification import tiny

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)


@pytest.fixture(scope="module")
def run(finished, tmp_path_factory):
    """A copy of the finished run, to export from."""
    folder = tmp_path_factory.mktemp("copied") / "run"
    return shutil.copytree(finished.folder, folder)


def expected(folder, weights="ema", checkpoint="last"):
    """What the network answers."""
    model = trained.load(open_task(tiny.experiment(folder)), folder, checkpoint)
    return model.scorer.predict(model.weights(weights), IMAGES)


def saved_model(path):
    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    return serve(image=tf.constant(IMAGES))["probabilities"]


def keras_file(path):
    return keras.models.load_model(str(path))(IMAGES.astype(np.float32))


def tflite(path):
    interpreter = tf.lite.Interpreter(model_path=str(path))
    return interpreter.get_signature_runner()(image=IMAGES)["probabilities"]


READERS = {"saved_model": saved_model, "keras": keras_file, "tflite": tflite}


def test_help():
    text = commands.helps_at_once("export_model")
    assert "usage: export_model [--flag=value ...]" in text
    assert "--format=saved_model" in text


def test_it_needs_a_run(capsys, tmp_path):
    commands.needs_a_run(capsys, main, tmp_path)


@pytest.mark.parametrize(
    "format_name, name",
    [("saved_model", "export"), ("keras", "model.keras"), ("tflite", "model.tflite")],
)
def test_each_format_has_its_place_in_the_run(run, format_name, name, capsys):
    if (run / name).exists():  # the run's own export is replaced
        shutil.rmtree(run / name)
    assert main([f"--workdir={run}", f"--format={format_name}"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    written, compared = said.out.splitlines()
    assert written == f"step 12, ema weights: {run / name}"
    assert compared.startswith("compared with the checkpoint on 200 test images: ")
    answer = np.asarray(READERS[format_name](run / name))
    np.testing.assert_allclose(answer, expected(run), atol=1e-4)


@pytest.mark.parametrize(
    "more, chosen",
    [
        (("--weights=raw",), {"weights": "raw"}),
        (("--checkpoint=best",), {"checkpoint": "best"}),
    ],
)
def test_other_weights_to_another_place(run, more, chosen, tmp_path, capsys):
    place = tmp_path / "new" / "folder" / "model.tflite"
    argv = [f"--workdir={run}", f"--output={place}", "--format=tflite", *more]
    assert main(argv) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(f": {place}")
    answer = tflite(place)
    np.testing.assert_allclose(answer, expected(run, **chosen), atol=1e-5)
    assert np.abs(answer - expected(run)).max() > 1e-4


def test_data_that_are_gone(run, tmp_path, capsys, monkeypatch):
    """Only calibration cannot do without them."""

    def gone(*_):
        raise UserError("the images are gone")

    monkeypatch.setattr(datasets, "load", gone)
    place = tmp_path / "model.keras"
    argv = [f"--workdir={run}", f"--output={place}", "--format=keras"]
    assert main(argv) == 0
    said = capsys.readouterr()
    assert "on 64 random images" in said.out
    assert said.err.startswith("comparing on random images") and "are gone" in said.err
    argv[2] = "--format=tflite_int8"
    place.unlink()
    assert "are gone" in commands.refusal(capsys, main, *argv, code=1)
    assert not list(tmp_path.iterdir())


def test_eight_bits(run, capfd):
    assert main([f"--workdir={run}", "--format=tflite_int8"]) == 0
    said = capfd.readouterr()  # of the converter in C++ as well
    assert said.err == "" and len(said.out.splitlines()) == 2
    apart = np.abs(tflite(run / "model_int8.tflite") - expected(run))
    assert 1e-6 < apart.max() < 0.2


def test_a_keras_file_needs_its_suffix(run, capsys, tmp_path):
    argv = (f"--workdir={run}", "--format=keras", f"--output={tmp_path / 'model.h5'}")
    said = commands.refusal(capsys, main, *argv)
    assert "expected a name ending in .keras" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("output", [".", "photos", "notes.txt"])
def test_what_is_no_model_is_left_alone(run, output, capsys, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    for name in ("photos/holiday.jpg", "notes.txt"):
        (tmp_path / name).write_text("precious")
    monkeypatch.chdir(tmp_path)
    argv = (f"--workdir={run}", f"--output={output}")
    said = commands.refusal(capsys, main, *argv, code=1)
    assert "is left alone" in said
    assert (tmp_path / "photos" / "holiday.jpg").read_text() == "precious"
    assert (tmp_path / "notes.txt").read_text() == "precious"
