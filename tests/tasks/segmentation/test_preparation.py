"""What a segmentation run needs before its first step."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from mixdmt_tf.data.segmentation import checking, splits
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UserError
from mixdmt_tf.models import deeplab_v2
from mixdmt_tf.runs.splits import open_split
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.segmentation import preparation
from tests.data.segmentation import files
from tests.data.segmentation.published import VOC_106
from tests.tasks.segmentation import short

VOC, CITY = 10_582, 2_975


def of_sizes(labels, images):
    """A split of so many, whichever they are."""
    ids = np.arange(images)
    nothing = np.array([], np.int64)
    return Split("made_up", 0, "", ids[:labels], ids[labels:], nothing, True)


@pytest.mark.parametrize(
    ("images", "labels", "epochs", "passes"),
    [
        (VOC, 1322, 30, 85),  # 1/8
        (VOC, 530, 30, 134),  # 1/20
        (VOC, 211, 30, 212),  # 1/50
        (VOC, 100, 30, 309),  # 1/106; the script has 300, the formula 308.6
        (VOC, 1464, 30, 81),  # table 5; the script has 85, the formula 80.7
        (VOC, VOC, 30, 30),
        (CITY, 371, 60, 170),  # 1/8
        (CITY, 100, 60, 327),  # 1/30
        (CITY, CITY, 60, 60),
    ],
)
def test_base_models_take_the_published_passes(images, labels, epochs, passes):
    steps = preparation.base_steps(epochs, of_sizes(labels, images), 8)
    assert steps == passes * math.ceil(labels / 8)


def test_base_models_that_learn_from_a_part_of_the_labels():
    """1/50 and 1/106 with difference maximised sampling: the passes of all labels."""
    assert preparation.base_steps(30, of_sizes(211, VOC), 8, 168) == 212 * 21
    assert preparation.base_steps(30, of_sizes(100, VOC), 8, 80) == 309 * 10


def test_parts_of_a_pass_and_runs_of_one_step():
    split = of_sizes(80, 80)
    assert preparation.base_steps(0.5, split, 8) == 5
    assert preparation.base_steps(0.0, split, 8) == 1
    assert preparation.base_steps(1.4, split, 8) == 10


@pytest.mark.parametrize(
    ("labels", "images", "epochs", "batch", "steps"),
    [
        (1322, VOC, 5, 7, 6615),
        (530, VOC, 4, 7, 5744),
        (211, VOC, 4, 7, 5928),
        (100, VOC, 4, 7, 5992),
        (371, CITY, 10, 6, 4340),
        (100, CITY, 8, 7, 3288),
    ],
)
def test_rounds_take_the_published_steps(labels, images, epochs, batch, steps):
    assert preparation.round_steps(epochs, images - labels, batch) == steps


def test_a_round_has_a_step():
    assert preparation.round_steps(0.01, 10, 7) == 1
    assert preparation.round_steps(1.5, 10, 7) == 3


def steps(found, **values):
    resolved = open_task(short.changed(found, **values), short.load()).resolve()
    return resolved.run.steps


def test_lengths_that_the_settings_leave_open():
    """8 of 20 are labelled, 2 in a step."""
    found = short.experiment("runs/x", "--algorithm=supervised", "--epochs=3")
    # sqrt(20 / 8) * 3 = 4.7 passes of four steps.
    assert steps(found) == 5 * 4
    assert steps(found, steps=7) == 7
    assert steps(found, labels="20") == 3 * 10


@pytest.mark.parametrize("name", ["mean_teacher", "online_st", "cutmix"])
def test_lengths_of_methods_that_use_unlabelled_samples(name):
    found = short.experiment("runs/x", f"--algorithm={name}")
    # Passes over 12 unlabelled images, eight in a step.
    assert steps(found, epochs=3.0, unlabeled_ratio=4) == 3 * 2
    assert steps(found, epochs=3.0, unlabeled_ratio=4, steps=7) == 7


def test_lengths_of_rounds():
    found = short.experiment("runs/x", "--algorithm=dst")
    found = short.changed(found, unlabeled_ratio=4, round_epochs=3.0)
    assert steps(found) is None  # a loop of several runs
    assert steps(found, round_steps=7) is None
    # One round of it alone, on pseudo labels that are there.
    assert steps(found, pseudo_labels="labels") == 3 * 2
    assert steps(found, pseudo_labels="labels", round_steps=7) == 7


def test_a_head_of_another_learning_rate_goes_with_every_optimizer():
    network = deeplab_v2.DeepLabV2(14, 1, head_learning_rate_multiplier=10.0)
    found = short.experiment("runs/x", "--algorithm=cutmix", "--steps=4")
    found = dataclasses.replace(found, network=network)
    assert steps(found) == 4
    adam = {"optimizer": "adam", "weight_decay_form": "multiply"}
    assert steps(found, **adam) == 4


@pytest.fixture
def looked_at(monkeypatch):
    """What was asked of the reading of all files."""
    calls = []
    check = checking.check

    def called(source, split, progress):
        calls.append(split.digest())
        check(source, split, progress)

    monkeypatch.setattr(checking, "check", called)
    return calls


IMAGES = files.in_memory(8)
SPLIT = splits.make_split(IMAGES, "3", 0)
OTHER = splits.make_split(IMAGES, "4", 0)


def test_files_are_read_once(tmp_path, looked_at, capsys):
    for _ in range(2):
        preparation.check(tmp_path, IMAGES, SPLIT)
    assert looked_at == [SPLIT.digest()]
    assert "reading all images once 9/9" in capsys.readouterr().out
    note = json.loads((tmp_path / "checked.json").read_text())
    assert note == {"data": IMAGES.fingerprint(), "split": SPLIT.digest()}
    preparation.check(tmp_path, IMAGES, OTHER)  # other labels are read now
    assert looked_at == [SPLIT.digest(), OTHER.digest()]
    more = files.in_memory(9)
    preparation.check(tmp_path, more, splits.make_split(more, "3", 0))
    assert len(looked_at) == 3


def test_not_again_for_the_stages_of_a_run_in_rounds(tmp_path, looked_at):
    stage = tmp_path / "base_a"
    stage.mkdir()
    preparation.check(tmp_path, IMAGES, SPLIT)
    preparation.check(stage, IMAGES, OTHER)
    assert looked_at == [SPLIT.digest()]
    more = files.in_memory(9)  # of other data nothing is known
    preparation.check(stage, more, splits.make_split(more, "3", 0))
    assert len(looked_at) == 2


def test_what_is_wrong_is_said_each_time(tmp_path, looked_at):
    class Wrong(files.MemorySample):
        def labels(self):
            return np.full((5, 7), 9, np.uint8)

    source = files.in_memory(8, validation=[Wrong("v")])
    for _ in range(2):
        with pytest.raises(UserError, match="v: label 9 "):
            preparation.check(tmp_path, source, SPLIT)
    assert len(looked_at) == 2 and not list(tmp_path.iterdir())


def test_what_a_data_set_is_tested_on():
    assert preparation.test_set(IMAGES) == "validation"
    assert preparation.test_set(files.in_memory(8, test=[])) == "validation"
    tested = files.in_memory(8, test=[files.MemorySample("t")])
    assert preparation.test_set(tested) == "test"


def test_the_data_in_words():
    said = preparation.describe(SPLIT, IMAGES).splitlines()
    assert said[0] == "made_up: 3 labelled, 5 unlabelled, 1 validation; 3 classes"
    assert said[1:] == [
        "no labelled test images: the validation images are scored as such"
    ]
    tested = files.in_memory(8, test=[files.MemorySample("t")], notes=("left out: x",))
    said = preparation.describe(SPLIT, tested).splitlines()
    assert "1 validation, 1 test; 3 classes" in said[0] and said[1:] == ["left out: x"]


def test_published_labels_are_called_by_name():
    source = files.in_memory(0, names=[*VOC_106, "one", "two"])
    split = dataclasses.replace(of_sizes(100, 102), labeled=np.arange(100))
    said = preparation.describe(split, source)
    assert said.splitlines()[0].endswith("; split 0 of PASCAL VOC 1/106")


def test_a_folder_that_was_checked_keeps_its_split(tmp_path):
    """A run draws its labels once, whatever is drawn later."""
    found = short.experiment("runs/x")
    first = open_split(open_task(found, short.load()), tmp_path)
    assert (len(first.labeled), len(first.unlabeled)) == (8, 12)
    again = open_split(open_task(short.changed(found, seed=2), short.load()), tmp_path)
    assert again.digest() == first.digest()
