"""Runs on images: `bin/evaluate`, `export_model` and `precompute_augmentations`."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.cli import evaluate, export_model, precompute_augmentations
from mixdmt_tf.data.segmentation.config import Config as Data
from mixdmt_tf.data.segmentation.datasets import digit_scenes
from mixdmt_tf.data.segmentation.source import voc_colours
from mixdmt_tf.runs import trained
from mixdmt_tf.runs.rows import read_rows
from mixdmt_tf.tasks import open_task
from tests.cli import commands
from tests.oracles import metrics
from tests.tasks.segmentation import tiny

NAMES = ("background", *"0123456789")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tiny.finished(tmp_path_factory)


def model_of(run, checkpoint="last"):
    return trained.load(open_task(tiny.experiment(run.folder)), run.folder, checkpoint)


def line(name, row):
    return (
        f"{name}: mean IoU {row[name + '_miou']:.2f} % of 100 images (raw weights "
        f"{row[name + '_raw_miou']:.2f} %), pixels right "
        f"{row[name + '_pixel_accuracy']:.2f} %"
    )


def check_scores(folder, more, row, capsys):
    assert evaluate.main([f"--workdir={folder}", *more]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{folder}, step {row['step']}"
    for name in ("validation", "test"):
        place = said.index(line(name, row))
        by_class = said[place + 1 : place + 12]
        found = [re.fullmatch(r"  (\w+) +IoU +([\d.]+) %", s) for s in by_class]
        assert tuple(each[1] for each in found) == NAMES
        for each in found:
            expected = row[f"{name}_iou_{each[1]}"]
            assert float(each[2]) == pytest.approx(expected, abs=0.006)


def test_evaluate_finds_what_was_found_in_training(run, tmp_path, capsys):
    first, last = read_rows(run.folder)
    assert first != last and last["test_miou"] != last["test_raw_miou"]
    check_scores(run.folder, (), last, capsys)
    other = tiny.best_before(run, tmp_path / "copy").folder
    check_scores(other, ["--checkpoint=best"], first, capsys)


def test_classes_that_do_not_occur(run, capsys, monkeypatch):
    """In a single image few do; and there need be no test images."""
    monkeypatch.setitem(digit_scenes.COUNTS, "validation", 1)
    monkeypatch.setitem(digit_scenes.COUNTS, "test", 0)
    assert evaluate.main([f"--workdir={run.folder}"]) == 0
    said = capsys.readouterr().out
    model = model_of(run)
    image, labels = digit_scenes.compose("validation", 0)
    guessed = model.scorer.predict(model.averaged, image[np.newaxis])[0].argmax(-1)
    ious = metrics.iou_by_class(labels.ravel(), guessed.ravel(), len(NAMES), 255)
    absent = np.isnan(ious)
    assert 0 < absent.sum() < len(NAMES)
    for name, never in zip(NAMES, absent):
        assert bool(re.search(rf"\n  {name} +does not occur\n", said)) == never
    assert "of 1 images" in said and said.endswith("test: no images\n")


def test_other_data_that_are_wrong(run, capsys, monkeypatch):
    places = []
    load = digit_scenes.load

    def elsewhere(config):
        places.append(config.data_dir)
        return load(config)

    def labels(self):
        return np.full((48, 48), 77 if self.name == "test_003" else 1, np.uint8)

    monkeypatch.setattr(digit_scenes, "load", elsewhere)
    monkeypatch.setattr(digit_scenes.DigitSample, "labels", labels)
    argv = (f"--workdir={run.folder}", "--data_dir=moved")
    said = commands.refusal(capsys, evaluate.main, *argv, code=1)
    assert "1 of 200 images" in said and "test_003: label 77" in said
    assert places == ["moved"]


ALONE = """
import sys
import numpy as np, tensorflow as tf
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
answers = {}
for height, width in ((48, 48), (31, 70)):
    shape = 2, height, width, 3
    images = np.random.default_rng(height).integers(0, 256, shape, np.uint8)
    for name, values in serve(image=tf.constant(images)).items():
        answers[f"{name}_{height}"] = values.numpy()
assert not [name for name in sys.modules if name.startswith("mixdmt_tf")]
np.savez(sys.argv[2], **answers)
"""


def test_an_exported_model_needs_nothing_of_ours(run, capsys, tmp_path):
    place = tmp_path / "model"
    argv = [f"--workdir={run.folder}", f"--output={place}", "--weights=raw"]
    assert export_model.main(argv) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"step 8, raw weights: {place}"
    assert said[1].startswith("compared with the checkpoint on 8 test images: ")
    assert json.loads((place / "classes.json").read_text()) == list(NAMES)
    colours = json.loads((place / "colours.json").read_text())
    assert colours == voc_colours(len(NAMES)).tolist()
    # Isolated, so that not even an installed package of ours is looked for.
    program = [sys.executable, "-I", "-c", ALONE, str(place), str(tmp_path / "a.npz")]
    subprocess.run(program, check=True, capture_output=True, cwd=tmp_path, timeout=120)
    model = model_of(run)
    with np.load(tmp_path / "a.npz") as answers:
        for height, width in ((48, 48), (31, 70)):
            shape = 2, height, width, 3
            images = np.random.default_rng(height).integers(0, 256, shape, np.uint8)
            expected = model.scorer.predict(model.raw, images)
            found = answers[f"probabilities_{height}"]
            np.testing.assert_allclose(found, expected, atol=1e-5)
            label = answers[f"label_{height}"]
            assert label.shape == shape[:3]
            np.testing.assert_array_equal(label, found.argmax(-1))
            averaged = model.scorer.predict(model.averaged, images)
            assert np.abs(averaged - expected).max() > 1e-4


def test_eight_bits_are_calibrated_on_training_images(run, capfd, tmp_path):
    place = tmp_path / "model.tflite"
    argv = [f"--workdir={run.folder}", f"--output={place}", "--format=tflite_int8"]
    assert export_model.main(argv) == 0
    said = capfd.readouterr()  # of the converter in C++ as well
    assert said.err == "" and len(said.out.splitlines()) == 2
    model, image = model_of(run), digit_scenes.load(Data()).test[3].image()
    runner = tf.lite.Interpreter(model_path=str(place)).get_signature_runner()
    found = runner(image=image[np.newaxis])["probabilities"]
    expected = model.scorer.predict(model.averaged, image[np.newaxis])
    apart = np.abs(found - expected)
    assert 1e-6 < apart.max() and apart.sum(-1).mean() < 0.2


@pytest.mark.parametrize("dataset", ["voc", "digit_scenes"])
def test_samples_have_no_copies(dataset):
    done = commands.without_tensorflow(
        "precompute_augmentations", f"--dataset={dataset}"
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 2
    assert (
        f"--dataset={dataset}: images for segmentation are augmented whenever"
        in done.stderr
    )
    assert callable(precompute_augmentations.command)
