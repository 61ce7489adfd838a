"""What TensorBoard's embedding projector is given."""

from __future__ import annotations

import csv
import dataclasses
import shutil

import numpy as np
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from mixdmt_tf.runs import trained
from mixdmt_tf.tasks import open_task, reporting
from mixdmt_tf.tasks.classification import findings, projector
from tests.tasks.classification import tiny


def test_features_and_words_of_each_image_in_one_order(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished.folder, folder)
    task = open_task(tiny.experiment(folder))

    place = reporting.project(task, folder)

    (shown,) = text_format.Parse(place.read_text(), ProjectorConfig()).embeddings
    features = np.loadtxt(folder / shown.tensor_path, delimiter="\t")
    with (folder / shown.metadata_path).open(newline="") as file:
        words = list(csv.DictReader(file, delimiter="\t"))
    assert len(features) == len(words)
    split = task.read_split(folder / "split.json")
    labelled = [each for each in words if each["image"] == "labelled"]
    truth = task.source.train.labels[split.labeled]
    assert [int(each["shows"]) for each in labelled] == truth.tolist()
    model = trained.load(task, folder)
    images = task.source.train.images[split.labeled]
    wanted = model.scorer.features(model.averaged, images)
    np.testing.assert_allclose(features[: len(labelled)], wanted, rtol=1e-3, atol=1e-4)
    mistakes = [each for each in words if each["image"].startswith("mistake")]
    wrong = round(len(task.source.test) * finished.results["test_error"] / 100)
    assert len(mistakes) == min(wrong, projector.MISTAKEN)
    assert {each["right"] for each in mistakes} == {"false"}
    for each in words:
        assert each["right"] == str(each["guess"] == each["shows"]).lower()

    side = shown.sprite.single_image_dim[0]
    with Image.open(folder / shown.sprite.image_path) as sprite:
        first = np.asarray(sprite)[:side, :side, 0]
    np.testing.assert_array_equal(first, images[0, ..., 0])


def test_names_with_tabs_do_not_move_columns(finished, tmp_path):
    task = open_task(tiny.experiment(finished.folder))
    model = trained.load(task, finished.folder)
    names = tuple(f"a\tb\n{i}" for i in range(10))
    source = dataclasses.replace(task.source, class_names=names)
    split = task.read_split(finished.folder / "split.json")
    found = findings.Findings(source, None, None)
    projector.write(tmp_path, model, split, found)
    lines = (tmp_path / "projector" / "metadata.tsv").read_text().splitlines()
    assert {line.count("\t") for line in lines} == {4}


def test_a_sprite_of_many_images_is_no_larger_than_tensorboard_shows():
    pixels, side = projector.sprite(np.zeros((5, 2, 3, 3), np.uint8))
    assert pixels.shape == (9, 9, 3) and side == 3
    assert (pixels[:3] == 0).all() and (pixels[6:] == 255).all()
    large = np.zeros((200, 90, 80, 3), np.uint8)
    pixels, side = projector.sprite(large)
    assert side == 64 and pixels.shape == (15 * 64, 15 * 64, 3)


def test_a_sprite_of_images_of_five_channels():
    pixels, _ = projector.sprite(np.full((4, 3, 3, 5), [9, 8, 7, 6, 5], np.uint8))
    assert (pixels == [9, 8, 7]).all()
