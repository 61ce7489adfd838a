"""metrics.csv, and TensorBoard's files read back with TensorBoard."""

from __future__ import annotations

import csv
import dataclasses
import re
import types

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.plugins.hparams.api_pb2 import (
    DATA_TYPE_BOOL,
    DATA_TYPE_FLOAT64,
    DATA_TYPE_STRING,
)

from mixdmt_tf.data.classification.source import Images
from mixdmt_tf.runs import log, tags
from mixdmt_tf.tasks.classification.recorder import Recorder, read_rows
from mixdmt_tf.tasks.classification.scores import Score
from tests.data.classification import made_up
from tests.tasks.classification import tiny


def events(folder):
    """Everything TensorBoard finds in a run folder."""
    found = EventAccumulator(str(folder), {"tensors": 0})
    found.Reload()
    return found


def scalar(found, tag):
    """{step: value} of one curve."""
    return {e.step: float(tf.make_ndarray(e.tensor_proto)) for e in found.Tensors(tag)}


def picture(found, tag):
    """The last image under a tag."""
    width, height, *pngs = tf.make_ndarray(found.Tensors(tag)[-1].tensor_proto)
    image = tf.io.decode_png(pngs[0]).numpy()
    assert image.shape[:2] == (int(height), int(width))
    return image


def score(error, source, wrong=0):
    """A score of the source's test images, the first ones of them wrong."""
    classes = source.num_classes
    predicted = source.test.labels.copy()
    predicted[:wrong] = (predicted[:wrong] + 1) % classes
    by_class = np.array([100.0, np.nan, 50.0])
    probabilities = np.eye(classes, dtype=np.float32)[predicted]
    return Score(error, 100.0 - error, by_class, probabilities)


@pytest.fixture
def source():
    return dataclasses.replace(made_up.source(), test=made_up.images([0, 0, 1, 2, 2]))


@pytest.fixture
def opened(tmp_path, source):
    made = Recorder(tmp_path, source, images_per_step=24)
    yield made
    made.close()


def test_one_row_per_evaluation(opened, tmp_path, source):
    scores = {"test": score(40.0, source), "test_raw": score(30.0, source)}
    row = opened.record(4, scores, {"loss": 1.5}, 12.34)
    assert row == {
        "step": 4,
        "seconds": 12.3,
        "test_error": 40.0,
        "test_raw_error": 30.0,
        "test_fine_grained": 60.0,
        "test_raw_fine_grained": 70.0,
        "train_loss": 1.5,
    }
    opened.record(8, {"test": score(20.0, source)}, {"loss": 0.5, "loss_u": 2.0}, 20)
    assert (tmp_path / "metrics.csv").read_text().splitlines() == [
        "step,seconds,test_error,test_raw_error,test_fine_grained,"
        "test_raw_fine_grained,train_loss,train_loss_u",
        "4,12.3,40.0,30.0,60.0,70.0,1.5,",
        "8,20,20.0,,80.0,,0.5,2.0",
    ]
    assert [each["step"] for each in opened.rows] == [4, 8]
    assert read_rows(tmp_path) == opened.rows


def test_no_file_means_no_rows(tmp_path):
    assert read_rows(tmp_path) == []


def test_a_resumed_run_repeats_no_row(opened, tmp_path, source):
    for step in (4, 8, 12):
        opened.record(step, {"test": score(step, source)}, {}, step)
    again = Recorder(tmp_path, source, 24)
    again.read_rows(until=8)
    assert [each["step"] for each in again.rows] == [4, 8]
    again.record(8, {"test": score(80.0, source)}, {}, 9)
    again.record(12, {"test": score(70.0, source)}, {}, 13)
    with (tmp_path / "metrics.csv").open() as file:
        found = [(row["step"], row["test_error"]) for row in csv.DictReader(file)]
    assert found == [("4", "4.0"), ("8", "80.0"), ("12", "70.0")]


def test_curves_of_the_training_steps(opened, tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(log.time, "monotonic", lambda: now[0])
    opened.start_clock(10)
    now[0] += 2
    opened.log(20, {"loss": 3.0, "loss_u": 0.25})
    now[0] += 1
    opened.log(22, {"loss": 2.0})
    opened.close()
    found = events(tmp_path)
    assert scalar(found, "2 loss/loss") == {20: 3.0, 22: 2.0}
    assert scalar(found, "2 loss/loss_u") == {20: 0.25}
    # 24 images per step; ten steps in two seconds, two steps in one.
    assert scalar(found, "5 schedule and speed/images_per_second") == {
        20: 120.0,
        22: 48.0,
    }


def test_curves_and_confusion_of_an_evaluation(opened, tmp_path, source):
    scores = {"test": score(20.0, source, wrong=1), "test_raw": score(30.0, source)}
    opened.record(5, {**scores, "validation": score(10.0, source)}, {}, 1)
    found = events(tmp_path)  # without closing: an evaluation is there at once
    assert scalar(found, "1 score/error, test") == {5: 20.0}
    assert scalar(found, "1 score/error, test, raw weights") == {5: 30.0}
    assert scalar(found, "1 score/error, validation") == {5: 10.0}
    assert scalar(found, tags.class_tag("recall", "test", "class 0")) == {5: 100.0}
    assert scalar(found, tags.class_tag("recall", "validation", "class 2")) == {5: 50.0}
    missing = tags.class_tag("recall", "test", "class 1")
    assert missing not in found.Tags()["tensors"]  # no such image
    image = picture(found, "6 images/confusion, test")
    cells = image[-3 * 24 :: 24, -3 * 24 :: 24, 0]  # darker is more
    assert cells.shape == (3, 3)
    assert cells[0, 0] == cells[0, 1] < 255  # one of the two zeros went wrong
    assert cells[1, 1] == cells[2, 2] == 8
    assert cells[1, 0] == cells[2, 0] == cells[0, 2] == 255


def test_a_source_without_test_images(tmp_path):
    alone = Recorder(tmp_path, made_up.source(), 1)
    row = alone.record(1, {}, {}, 0.0)
    assert row == {"step": 1, "seconds": 0.0}
    alone.close()


def test_the_picture_of_copies_shows_originals_first(opened, tmp_path):
    originals = np.full((2, 4, 4, 1), 10, np.uint8)
    copies = np.full((2, 3, 4, 4, 1), 200, np.uint8)
    opened.show_copies(copies, originals)
    opened.close()
    image = picture(events(tmp_path), "6 images/augmented copies")
    tile = 4 * 16 + 2
    assert image.shape == (2 * tile, 4 * tile, 3)
    centres = image[tile // 2 :: tile, tile // 2 :: tile, 0]
    assert centres.tolist() == [[10, 200, 200, 200]] * 2


def test_hyper_parameters(opened, tmp_path):
    experiment = tiny.experiment("runs/x", "--validation=none")
    configs = [config for _, config in experiment.groups]
    opened.show_settings(configs)
    opened.close()
    contents = events(tmp_path).PluginTagToContent("hparams")
    read = plugin_data_pb2.HParamsPluginData.FromString
    start = read(contents["_hparams_/session_start_info"]).session_start_info
    assert start.group_name == tmp_path.name
    values = {
        name: getattr(value, value.WhichOneof("kind"))
        for name, value in start.hparams.items()
    }
    assert values["algorithm"] == "realmix" and values["dataset"] == "digits"
    assert values["method: lambda_u"] == 75.0 and values["filters"] == 4.0
    assert values["validation"] == "none" and values["method: ema_warmup"] == "false"
    assert not {"workdir", "cache_dir", "data_dir", "split"}.intersection(values)
    table = read(contents["_hparams_/experiment"]).experiment
    columns = {each.name: each.type for each in table.hparam_infos}
    assert {"algorithm", "labels", "seed", "method: lambda_u"} <= set(columns)
    assert "filters" not in columns and set(columns) <= set(values)
    kinds = {str: DATA_TYPE_STRING, bool: DATA_TYPE_BOOL, float: DATA_TYPE_FLOAT64}
    assert all(columns[each] == kinds[type(values[each])] for each in columns)
    metrics = {each.name.tag for each in table.metric_infos}
    assert {"1 score/error, test", "1 score/error, validation"} <= metrics


def test_what_a_whole_run_leaves_for_tensorboard(finished):
    found = events(finished.folder)
    curves = set(found.PluginTagToContent("scalars"))
    losses = {"loss", "loss_x", "loss_u"}
    rates = {"lambda_u", "tsa_threshold", "tsa_kept", "ood_kept", "learning_rate"}
    guesses = {"guess_confidence", "guess_accuracy"}
    for name in losses | rates | guesses | {"images_per_second"}:
        assert list(scalar(found, tags.step_tag(name))) == [2, 4, 6, 8, 10, 12], name
    for name in ("validation", "validation_raw", "test", "test_raw"):
        assert list(scalar(found, tags.score_tag("error", name))) == [4, 8, 12]
    for part in ("test", "validation"):
        names = {tags.class_tag("recall", part, str(digit)) for digit in range(10)}
        assert names <= curves
    copies, confusion = "6 images/augmented copies", "6 images/confusion, test"
    assert set(found.PluginTagToContent("images")) == {copies, confusion}
    assert picture(found, copies).shape[1] == 3 * 66  # an original and two copies
    assert len(found.PluginTagToContent("hparams")) == 3  # table, start, end
    (layout,) = found.Tensors("custom_scalars__config__")
    shown = Layout.FromString(layout.tensor_proto.string_val[0])
    patterns = [
        tag
        for each in shown.category
        for chart in each.chart
        for tag in chart.multiline.tag
    ]
    matched = [p for p in patterns if any(re.match(p, curve) for curve in curves)]
    assert len(matched) == 5  # all but those of rounds
    assert set(scalar(found, "5 schedule and speed/learning_rate").values()) == {
        float(np.float32(0.01))
    }


def test_a_second_evaluation_of_a_step_replaces_the_first(opened, tmp_path):
    opened.record(4, {}, {}, 1.0)
    opened.record(4, {}, {}, 2.0)
    assert [row["seconds"] for row in read_rows(tmp_path)] == [2.0]


def test_classes_without_test_images_have_empty_rows_in_the_confusion_matrix(tmp_path):
    images = Images(np.zeros((2, 4, 4, 3), np.uint8), np.array([2, 2], np.int32))
    source = dataclasses.replace(made_up.source(), test=images)
    made = Recorder(tmp_path, source, 1)
    made.record(1, {"test": score(0.0, source)}, {}, 0)
    made.close()
    image = picture(events(tmp_path), "6 images/confusion, test")
    cells = image[-3 * 24 :: 24, -3 * 24 :: 24, 0]
    assert cells[2, 2] == 8 and (cells[:2] == 255).all()


def test_evaluations_do_not_count_in_the_speed(tmp_path, monkeypatch):
    now = [0.0]
    clock = types.SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr(log, "time", clock)

    def after(seconds):
        def wait():
            now[0] += seconds

        return wait

    moments = {("log", step): after(1) for step in (2, 4, 6)}
    moments.update({("evaluate", 4): after(100), ("save", 6): tiny.TERMINATE})
    tiny.session(tmp_path, tiny.SUPERVISED, moments=moments)
    speed = scalar(events(tmp_path), "5 schedule and speed/images_per_second")
    # Eight images a step; after the checkpoint of step 3 there is one until the log.
    assert speed == {2: 16.0, 4: 8.0, 6: 16.0}
