"""A run on images with several labels, from the command line to the exported model."""

from __future__ import annotations

import csv
import io
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mixdmt_tf.cli import (
    evaluate,
    export_model,
    find_strangers,
    predict,
    pseudo_label,
    report,
    suggest_labels,
    train,
)
from mixdmt_tf.data.image_files import read
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.runs import tags
from mixdmt_tf.serving.served_model import ServedModel
from mixdmt_tf.tasks.classification import several_labels
from tests.cli import commands
from tests.data.classification import labeled_digits
from tests.tasks.classification import tiny

FLAGS = (
    *("--algorithm=fixmatch", "--dataset=multilabel_folder", "--image_size=8"),
    *("--labels=30", "--validation=10", "--unlabeled_ratio=2", "--steps=6"),
    *("--eval_every=3", "--compare_supervised", "--confidence_threshold=0.5"),
)


@pytest.fixture(name="data", scope="module")
def fixture_data(tmp_path_factory):
    root = tmp_path_factory.mktemp("labeled_digits")
    labeled_digits.write(root)
    return root


@pytest.fixture(name="run", scope="module")
def fixture_run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("several") / "run"
    cache = f"--cache_dir={folder.parent / 'cache'}"
    flags = (*FLAGS, f"--data_dir={data}", cache, tiny.EXPORT)
    found = tiny.session(folder, *flags)
    assert found.code == 0, found.err
    return tiny.Finished(folder, found)


@pytest.fixture(name="photos")
def fixture_photos(data, tmp_path):
    """Six of the images in a folder of their own."""
    for path in sorted(data.glob("*/*.png"))[:6]:
        shutil.copy(path, tmp_path)
    return tmp_path


def predicted(run, photos, capsys, *flags):
    arguments = [str(photos), f"--workdir={run.folder}", "--output=-", *flags]
    capsys.readouterr()
    assert predict.main(arguments) == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    return header, rows, np.array([row[2:] for row in rows], np.float32)


def test_results_have_errors_and_mean_average_precision(run):
    results = run.results
    for name in ("test_error", "validation_error", "test_map", "test_f1"):
        assert 0 <= results[name] <= 100
    assert results["labels"] == 30 and results["test_fine_grained"] is None
    assert 0 < results["supervised_error"] < 100
    rows = list(csv.DictReader((run.folder / "metrics.csv").read_text().splitlines()))
    assert float(rows[-1]["test_map"]) == results["test_map"]
    best = min(rows, key=lambda row: float(row["validation_error"]))
    assert results["test_error_best"] == float(best["test_error"])
    assert {"validation_raw_f1", "train_kept"} <= set(rows[-1])
    assert "mean average precision, test:" in run.session.out
    facts = json.loads((run.folder / "data.json").read_text())
    assert facts["several_labels"] and facts["class_names"] == [*labeled_digits.NAMES]


def test_tensorboard_has_scores_of_labels_and_no_confusion_matrix(run):
    found = EventAccumulator(str(run.folder), {"tensors": 0})
    names = found.Reload().Tags()["tensors"]
    wanted = {tags.score_tag(kind, "test") for kind in ("error", "map", "f1")}
    assert wanted <= set(names)
    assert tags.class_tag("average_precision", "test", "closed loop") in names
    assert [name for name in names if name.endswith("copies")]
    assert not [name for name in names if "confusion" in name]


def test_evaluate_prints_what_the_run_ended_with(run, capsys):
    assert evaluate.main([f"--workdir={run.folder}"]) == 0
    said = capsys.readouterr().out
    results = run.results
    assert f"test: error {results['test_error']:.2f} % of 20 images" in said
    assert f"mean average precision {results['test_map']:.2f} %, F1" in said
    for name in labeled_digits.NAMES:
        assert f"  {name:<11}  average precision " in said


def test_predict_writes_a_probability_for_each_label(run, photos, capsys):
    header, rows, probabilities = predicted(run, photos, capsys)
    assert header == ["file", "labels", *labeled_digits.NAMES]
    assert [row[0] for row in rows] == sorted(path.name for path in photos.iterdir())
    for row, p in zip(rows, probabilities):
        names = [name for name, each in zip(labeled_digits.NAMES, p) if each >= 0.5]
        assert row[1] == "; ".join(names)
    assert np.abs(probabilities.sum(1) - 1).max() > 0.1  # no distribution over labels


def test_exported_models_answer_with_probabilities_of_labels(run, photos, capsys):
    _, _, expected = predicted(run, photos, capsys)
    images = read(sorted(photos.iterdir()), 8)
    loaded = tf.saved_model.load(str(run.folder / "export"))
    answer = loaded.signatures["serving_default"](image=tf.constant(images))
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    np.testing.assert_array_equal(answer["label"], answer["probabilities"] >= 0.5)
    assert export_model.main([f"--workdir={run.folder}", "--format=keras"]) == 0
    model = keras.models.load_model(str(run.folder / "model.keras"))
    found = model(images.astype(np.float32), training=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_is_for_one_class_is_refused(run, data, tmp_path, capsys):
    said = commands.refusal(
        capsys,
        pseudo_label.main,
        f"--workdir={run.folder}",
        f"--output={tmp_path / 'p.npz'}",
    )
    assert "images of this run have several labels" in said
    given = (str(run.folder), "--projector", f"--output={tmp_path / 'page.html'}")
    said = commands.refusal(capsys, report.main, *given)
    assert "--projector: images of" in said
    for main in (suggest_labels.main, find_strangers.main):
        output = f"--output={tmp_path / 'list.csv'}"
        said = commands.refusal(capsys, main, f"--workdir={run.folder}", output)
        assert "images of this run have several labels" in said
    flags = tiny.flags(
        tmp_path / "run", "--dataset=multilabel_folder", f"--data_dir={data}"
    )
    said = commands.refusal(capsys, train.main, "--algorithm=freematch", *flags)
    assert "--algorithm=freematch learns one class an image" in said
    assert not list(tmp_path.iterdir())


def test_a_model_is_not_served_as_if_it_told_classes(run):
    with pytest.raises(UserError, match="images of this model have several labels"):
        ServedModel(run.folder / "export")


@pytest.mark.long
def test_a_dry_run(data, tmp_path, capsys):
    flags = tiny.flags(tmp_path / "run", *FLAGS, f"--data_dir={data}")
    assert train.main([*flags, f"--cache_dir={tmp_path}", "--dry_run"]) == 0
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "algorithm, settings",
    [
        ("realmix", {"ood_confidence": "guess"}),
        ("pseudo_label", {"reduction": "released"}),
    ],
)
def test_settings_that_are_defined_for_one_class(algorithm, settings):
    with pytest.raises(UsageError, match="is for images with one class each"):
        several_labels.require(algorithm, settings)
    several_labels.require(algorithm, dict.fromkeys(settings, "other"))
