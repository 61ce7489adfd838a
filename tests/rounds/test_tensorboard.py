"""Written after each round: the same files however often, each number once."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf import plots
from mixdmt_tf.rounds import curves, tensorboard
from mixdmt_tf.tasks.classification import round_plots
from tests.rounds.made_rounds import BASE, NAMES, mutual, pngs, three
from tests.tasks.classification.test_recorder import events, picture, scalar


@pytest.fixture
def small(monkeypatch):
    """Charts of few pixels, where many are drawn."""
    monkeypatch.setattr(plots, "DPI", 40)


def test_rounds_from_json_give_the_same_bytes(tmp_path, small):
    rounds = three()
    first, second = tmp_path / "memory", tmp_path / "json"
    for folder, given in ((first, rounds), (second, json.loads(json.dumps(rounds)))):
        folder.mkdir()
        before = copy.deepcopy(given)
        round_plots.write(folder, given, BASE)
        assert given == before
    assert pngs(first) == pngs(second) and tuple(pngs(first)) == NAMES


def test_a_resumed_run_leaves_the_same_pictures_and_each_number_once(tmp_path, small):
    rounds = three()
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    for folder, lengths in ((straight, (1, 2, 3)), (stopped, (1, 2, 1, 2, 3))):
        folder.mkdir()
        for length in lengths:
            round_plots.write(folder, rounds[:length], BASE)
    assert pngs(straight) == pngs(stopped)
    for folder in (straight, stopped):
        found = events(folder)
        for tag in found.Tags()["tensors"]:
            steps = [each.step for each in found.Tensors(tag)]
            first = [0] if tag == "4 rounds/test_error" else []
            newest = tag == "6 images/wrong pseudo labels"
            assert steps == ([3] if newest else [*first, 1, 2, 3]), tag
        assert len(list(folder.glob("events*"))) == 1


@pytest.mark.parametrize("name", NAMES)
def test_killed_while_it_draws(name, tmp_path, monkeypatch, small):
    killed, straight = tmp_path / "killed", tmp_path / "straight"
    for folder in (killed, straight):
        folder.mkdir()
        round_plots.write(folder, three()[:2], BASE)
    write = curves.write_png_atomically

    def written(path, pixels):
        if path.name == name:
            raise KeyboardInterrupt
        write(path, pixels)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(curves, "write_png_atomically", written)
        round_plots.write(killed, three(), BASE)
    for folder in (killed, straight):
        round_plots.write(folder, three(), BASE)
    assert pngs(killed) == pngs(straight)


def test_what_tensorboard_shows(tmp_path, small):
    for length in (1, 2):
        rounds = three()[:length]
        rounds[0]["weight_wrong"] = None
        round_plots.write(tmp_path, rounds, {"a": 30.0})
    found = events(tmp_path)
    expected = {
        "test_error": {0: 30.0, 1: 20.0, 2: 15.0},
        "pseudo_accuracy": {1: 98.0, 2: 97.0},
        "accuracy_of_all": {1: 60.0, 2: 80.0},
        "pseudo_labels": {1: 100.0, 2: 200.0},
        "mean_weight": {1: 0.5, 2: 0.5},
        "weight_right": {1: float(np.float32(0.6)), 2: float(np.float32(0.6))},
        "weight_wrong": {2: float(np.float32(0.2))},
        "cases_agree": {1: 90.0, 2: 90.0},
        "cases_negative": {1: 8.0, 2: 8.0},
        "cases_positive": {1: 2.0, 2: 2.0},
    }
    scalars = {f"4 rounds/{name}" for name in expected}
    assert set(found.PluginTagToContent("scalars")) == scalars
    for name, values in expected.items():
        assert scalar(found, f"4 rounds/{name}") == values
    assert set(found.PluginTagToContent("images")) == {"6 images/wrong pseudo labels"}
    shown = picture(found, "6 images/wrong pseudo labels")
    with Image.open(tmp_path / "pseudo_labels.png") as image:
        np.testing.assert_array_equal(shown, np.asarray(image))


def test_each_of_two_models_is_a_run_in_tensorboard(tmp_path, small):
    rounds = mutual()
    for length in (1, 2, 3, 4):
        round_plots.write(tmp_path, rounds[:length], BASE)
    assert not list(tmp_path.glob("events*"))
    for model, base in BASE.items():
        found = scalar(events(tmp_path / f"model_{model}"), "4 rounds/test_error")
        assert found == {0: base, 1: 20.0, 2: 15.0}


def changed(folder):
    """A round was trained again."""


def torn(folder):
    """A process was killed while it wrote."""
    (file,) = folder.glob("events*")
    file.write_bytes(file.read_bytes()[:-7])


@pytest.mark.parametrize("happened", [changed, torn])
def test_files_that_are_not_what_they_should_be_are_replaced(tmp_path, happened, small):
    round_plots.write(tmp_path, three()[:2], BASE)
    happened(tmp_path)
    rounds = three()
    if happened is changed:
        rounds[1]["test_error"] = 3.0
    for length in (1, 2, 3):
        round_plots.write(tmp_path, rounds[:length], BASE)
    found = events(tmp_path)
    errors = [each["test_error"] for each in rounds]
    wanted = [(0, 30.0), *enumerate(errors, start=1)]
    shown = found.Tensors("4 rounds/test_error")
    assert sorted(each.step for each in shown) == [0, 1, 2, 3]
    assert sorted(scalar(found, "4 rounds/test_error").items()) == wanted
    assert [each.step for each in found.Tensors("6 images/wrong pseudo labels")] == [3]
    straight = tmp_path / "straight"
    straight.mkdir()
    round_plots.write(straight, rounds, BASE)
    assert pngs(straight) == pngs(tmp_path)


@pytest.mark.parametrize("function", ["scalar", "image"])
def test_killed_while_it_writes_events(function, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    black = np.zeros((2, 3, 3), np.uint8)
    tensorboard.write(folder, {("a", 1): 1.0}, {("b", 1): black})
    (folder / "other").touch()
    before = {path.name: path.read_bytes() for path in folder.glob("[!.]*")}

    def kill(*args):
        raise KeyboardInterrupt

    new = {("a", 1): 1.0, ("a", 2): 2.0}, {("b", 2): black}
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(tensorboard.tf.summary, function, kill)
        tensorboard.write(folder, *new)
    assert {path.name: path.read_bytes() for path in folder.glob("[!.]*")} == before
    tensorboard.write(folder, *new)
    assert scalar(events(folder), "a") == {1: 1.0, 2: 2.0}
    assert picture(events(folder), "b").tolist() == black.tolist()
    assert len(list(folder.iterdir())) == 2 and (folder / "other").exists()


def test_nothing_to_say_makes_no_file(tmp_path):
    tensorboard.write(tmp_path / "run", {}, {})
    assert not (tmp_path / "run").exists()


def test_a_real_run_leaves_its_pictures(finished_rounds, tmp_path):
    folder = finished_rounds.folder
    assert tuple(pngs(folder)) == NAMES
    results = finished_rounds.results
    round_plots.write(tmp_path, results["rounds"], {"a": results["base_error"]})
    assert pngs(tmp_path) == pngs(folder)
    found = scalar(events(folder), "4 rounds/test_error")
    errors = [each["test_error"] for each in results["rounds"]]
    assert list(found) == [0, 1, 2]
    assert list(found.values()) == pytest.approx([results["base_error"], *errors])
