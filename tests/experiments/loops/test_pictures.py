"""Pictures and TensorBoard's curves of runs in rounds show their numbers, once."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.experiments import canvas, charts
from mixdmt_tf.experiments.loops import curves, pictures
from tests.experiments.test_recorder import events, picture, scalar

NAMES = ("confidence.png", "pseudo_labels.png", "rounds.png")
BASE = {"a": 30.0, "b": 35.0}


@pytest.fixture
def small(monkeypatch):
    """Pictures of a sixteenth of the pixels, where many are drawn."""
    monkeypatch.setattr(canvas, "_DRAWN", 1)
    monkeypatch.setattr(canvas, "_KEPT", 1)


def a_round(number, error_of_all, model="a", two=False, **more):
    """An entry of `rounds` whose errors grow evenly with the share."""
    found = {
        "stage": f"round_{number}_{model}" if two else f"round_{number}",
        "round": number,
        "model": model,
        "pseudo_labels": 100 * number,
        "pseudo_accuracy": 99.0 - number,
        "accuracy_of_all": 100.0 - error_of_all,
        "cases": {"agree": 90.0, "negative": 8.0, "positive": 2.0},
        "mean_weight": 0.5,
        "weight_right": 0.6,
        "weight_wrong": 0.2,
        "test_error": 25.0 - 5 * number,
        "bins": [
            {"low": 0.4, "high": 0.5, "images": 50, "accuracy": 20.0},
            {"low": 0.8, "high": 0.9, "images": 70, "accuracy": 60.0},
        ],
        "error_of_top": {
            share: error_of_all * share / 100 for share in (20, 40, 60, 80, 100)
        },
    }
    return {**found, **more}


def three():
    return [a_round(1, 40.0), a_round(2, 20.0), a_round(3, 10.0)]


def mutual():
    errors = {"a": (40.0, 30.0), "b": (20.0, 10.0)}
    return [
        a_round(number, errors[model][number - 1], model, two=True)
        for number in (1, 2)
        for model in ("b", "a")
    ]


def unknown(number=1):
    nobody = {"agree": None, "negative": None, "positive": None}
    return a_round(
        number,
        0.0,
        **dict.fromkeys(("pseudo_accuracy", "accuracy_of_all", "test_error")),
        **dict.fromkeys(("mean_weight", "weight_right", "weight_wrong")),
        cases=nobody,
        bins=[],
        error_of_top=dict.fromkeys((20, 40, 60, 80, 100)),
    )


def height(image, colour, column):
    """Where a line crosses a column, as a share of the plot's height; None: nowhere."""
    pixels = np.asarray(image).astype(int)
    rows = np.flatnonzero(np.abs(pixels[:, column] - np.array(colour)).sum(-1) < 40)
    top, low = 2 * 78, image.height - 2 * 78
    return (low - rows.mean()) / (low - top) if len(rows) else None


def column(share):
    """Of a number on the x axis, given as a share of its length."""
    left, right = 60 + 24, charts.WIDTH - 190 - 24 - 24
    return round(2 * (left + share * (right - left)))


def pngs(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def test_figure_1_has_a_line_for_each_round_where_the_numbers_say():
    image = pictures.surest(three())
    # At 70 %, halfway between two marks; the x axis begins at 20 %, y ends at 40 %.
    found = [height(image, c, column(50 / 80)) for c in charts.shades(3)]
    assert found == pytest.approx([0.7, 0.35, 0.175], abs=0.01)


def test_shares_that_nobody_knows_have_no_point():
    rounds = three()
    rounds[0]["error_of_top"].update({20: None, 40: float("nan")})
    image = pictures.surest(rounds)
    pale = charts.shades(3)[0]
    assert height(image, pale, column(10 / 80)) is None
    assert height(image, pale, column(50 / 80)) == pytest.approx(0.7, abs=0.01)


def test_two_models_have_lines_of_their_own():
    image, colours = pictures.surest(mutual()), charts.shades(2)
    pixels = np.asarray(image).astype(int)
    left, right = column(0.78), column(0.97)  # between the marks of 80 and 100 %
    for colour, whole, dashed in zip(colours, (40, 30), (20, 10)):
        close = np.abs(pixels[:, left:right] - np.array(colour)).sum(-1) < 40
        rows = np.arange(image.height)[:, None]
        shares = np.linspace(20 + 80 * 0.78, 20 + 80 * 0.97, right - left) / 100

        def inked(error, close=close, rows=rows, shares=shares):
            y = image.height - 156 - error * shares / 40 * (image.height - 312)
            return (close & (np.abs(rows - y) < 4)).any(0).mean()

        assert inked(whole) > 0.97  # model A
        assert 0.4 < inked(dashed) < 0.9  # model B
        assert inked(37) < 0.1


def test_a_legend_never_leaves_its_picture():
    many = [a_round(i, 40.0 - i / 2) for i in range(1, 41)]
    legends = {}
    for few in (False, True):
        many[0]["bins"][0]["images"] = 1 if few else 100
        for image in (pictures.surest(many), pictures.confidence(many)):
            assert image.size == (1800, 1000)
            legend = np.asarray(image)[:, 2 * (charts.WIDTH - 190) :]
            assert (legend[-30:] == 255).all() and (legend[:100] == 255).all()
            last = np.abs(legend.astype(int) - np.array(charts.shades(40)[-1])).sum(-1)
            assert (last < 40).any()  # the last round is in it
        legends[few] = legend
    assert (legends[True] != legends[False]).any()  # the note is in it


def test_accuracies_lie_in_the_middle_of_their_confidence():
    image = pictures.confidence([a_round(1, 20.0)])
    colour = charts.shades(1)[0]
    assert height(image, colour, column(0.45)) == pytest.approx(0.2, abs=0.01)
    assert height(image, colour, column(0.85)) == pytest.approx(0.6, abs=0.01)
    assert height(image, colour, column(0.65)) == pytest.approx(0.4, abs=0.01)
    assert height(image, colour, column(0.3)) is None
    grey = [height(image, charts.COLOURS[6], column(s)) for s in (0.111, 0.123, 0.131)]
    known = [found for found in grey if found is not None]  # the line is dashed
    assert known and np.allclose(known, 0.12, atol=0.02)


def test_accuracies_of_few_images_are_rings():
    few = a_round(1, 20.0)
    few["bins"][0]["images"] = pictures.FEW - 1
    middle = np.asarray(pictures.confidence([few]))[
        round(1000 - 156 - 0.2 * 688), [column(0.45)]
    ]
    assert (middle == 255).all()


def test_courses_begin_with_the_base_model():
    image = pictures.courses(three(), {"a": 30.0})
    assert image.size == (1800, 3 * 620)
    errors, accuracies, weights = (
        image.crop((0, top, 1800, top + 620)) for top in (0, 620, 1240)
    )
    blue, red, green = charts.COLOURS[:3]
    # Errors 30, 20, 15, 10 from 0 to 30 %, looked at halfway between the rounds.
    found = [height(errors, blue, column(share)) for share in (1 / 6, 1 / 2, 5 / 6)]
    assert found == pytest.approx([25 / 30, 17.5 / 30, 12.5 / 30], abs=0.02)
    # 98, 97, 96 of those learnt from; 60, 80, 90 of all.
    assert height(accuracies, blue, column(1 / 6)) is None
    assert height(accuracies, blue, column(1 / 2)) == pytest.approx(0.9375, abs=0.02)
    assert height(accuracies, red, column(1 / 2)) == pytest.approx(0.25, abs=0.02)
    for colour, weight in ((blue, 0.5), (red, 0.2), (green, 0.6)):
        found = height(weights, colour, column(5 / 6))
        assert found == pytest.approx(weight, abs=0.02)


def test_methods_without_weights_have_no_panel_of_them():
    nothing = dict.fromkeys(("mean_weight", "weight_right", "weight_wrong"))
    rounds = [{**each, **nothing} for each in three()]
    assert pictures.courses(rounds, BASE).size == (1800, 2 * 620)


def test_nothing_is_drawn_of_what_nobody_knows(tmp_path):
    pictures.write(tmp_path, [unknown()], {"a": None})
    assert pngs(tmp_path) == {}
    found = events(tmp_path)
    assert set(found.Tags()["tensors"]) == {"rounds/pseudo_labels"}
    assert pictures.courses([unknown()], {"a": 30.0}).size == (1800, 620)


def test_a_first_round_without_any_error_is_drawn(tmp_path):
    perfect = a_round(1, 0.0, test_error=0.0, pseudo_accuracy=100.0, weight_wrong=None)
    pictures.write(tmp_path, [perfect], {"a": 0.0})
    for name in NAMES:
        with Image.open(tmp_path / name) as image:
            image.load()
            assert image.format == "PNG" and image.width == 1800
    assert not list(tmp_path.glob(".*"))


def test_rounds_from_json_give_the_same_bytes(tmp_path, small):
    rounds = three()
    first, second = tmp_path / "memory", tmp_path / "json"
    for folder, given in ((first, rounds), (second, json.loads(json.dumps(rounds)))):
        folder.mkdir()
        before = copy.deepcopy(given)
        pictures.write(folder, given, BASE)
        assert given == before
    assert pngs(first) == pngs(second) and tuple(pngs(first)) == NAMES


def test_a_resumed_run_leaves_the_same_pictures_and_each_number_once(tmp_path, small):
    rounds = three()
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    for folder, lengths in ((straight, (1, 2, 3)), (stopped, (1, 2, 1, 2, 3))):
        folder.mkdir()
        for length in lengths:
            pictures.write(folder, rounds[:length], BASE)
    assert pngs(straight) == pngs(stopped)
    for folder in (straight, stopped):
        found = events(folder)
        for tag in found.Tags()["tensors"]:
            steps = [each.step for each in found.Tensors(tag)]
            first = [0] if tag == "rounds/test_error" else []
            assert steps == [*first, 1, 2, 3], tag


def test_a_finished_run_is_not_drawn_again_but_what_was_lost_is(
    tmp_path, monkeypatch, small
):
    pictures.write(tmp_path, three(), BASE)
    before = pngs(tmp_path)
    (tmp_path / "rounds.png").unlink()
    drawn = []
    save = charts.save

    def saved(image, path):
        drawn.append(path.name)
        save(image, path)

    monkeypatch.setattr(pictures.charts, "save", saved)
    for length in (1, 2, 3):
        pictures.write(tmp_path, three()[:length], BASE)
    assert drawn == ["rounds.png"]
    pictures.write(tmp_path, three(), BASE)
    assert set(pngs(tmp_path)) == set(before)


@pytest.mark.parametrize("name", NAMES)
def test_killed_while_it_draws(name, tmp_path, monkeypatch, small):
    killed, straight = tmp_path / "killed", tmp_path / "straight"
    for folder in (killed, straight):
        folder.mkdir()
        pictures.write(folder, three()[:2], BASE)
    save = charts.save

    def saved(image, path):
        if path.name == name:
            raise KeyboardInterrupt
        save(image, path)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(pictures.charts, "save", saved)
        pictures.write(killed, three(), BASE)
    for folder in (killed, straight):
        pictures.write(folder, three(), BASE)
    assert pngs(killed) == pngs(straight)


def test_what_tensorboard_shows(tmp_path, small):
    for length in (1, 2):
        rounds = three()[:length]
        rounds[0]["weight_wrong"] = None
        pictures.write(tmp_path, rounds, {"a": 30.0})
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
    scalars = {f"rounds/{name}" for name in expected}
    assert set(found.PluginTagToContent("scalars")) == scalars
    for name, values in expected.items():
        assert scalar(found, f"rounds/{name}") == values
    assert set(found.PluginTagToContent("images")) == {"rounds/wrong_pseudo_labels"}
    shown = picture(found, "rounds/wrong_pseudo_labels")
    with Image.open(tmp_path / "pseudo_labels.png") as image:
        np.testing.assert_array_equal(shown, np.asarray(image))


def test_each_of_two_models_is_a_run_in_tensorboard(tmp_path, small):
    rounds = mutual()
    for length in (1, 2, 3, 4):
        pictures.write(tmp_path, rounds[:length], BASE)
    assert not list((tmp_path / "tensorboard").glob("events*"))
    for model, base in BASE.items():
        folder = tmp_path / "tensorboard" / model
        (folder / "tensorboard").symlink_to(folder)
        found = scalar(events(folder), "rounds/test_error")
        assert found == {0: base, 1: 20.0, 2: 15.0}


def changed(folder):
    """A round was trained again."""


def torn(folder):
    """A process was killed while it wrote."""
    (file,) = (folder / "tensorboard").glob("events*")
    file.write_bytes(file.read_bytes()[:-7])


@pytest.mark.parametrize("happened", [changed, torn])
def test_files_that_are_not_what_they_should_be_are_replaced(tmp_path, happened, small):
    pictures.write(tmp_path, three()[:2], BASE)
    happened(tmp_path)
    rounds = three()
    if happened is changed:
        rounds[1]["test_error"] = 3.0
    for length in (1, 2, 3):
        pictures.write(tmp_path, rounds[:length], BASE)
    found = events(tmp_path)
    errors = [each["test_error"] for each in rounds]
    wanted = [(0, 30.0), *enumerate(errors, start=1)]
    shown = found.Tensors("rounds/test_error")
    assert [each.step for each in shown] == [0, 1, 2, 3]
    assert sorted(scalar(found, "rounds/test_error").items()) == wanted
    assert len(found.Tensors("rounds/wrong_pseudo_labels")) == 3
    straight = tmp_path / "straight"
    straight.mkdir()
    pictures.write(straight, rounds, BASE)
    assert pngs(straight) == pngs(tmp_path)


def test_nothing_to_say_makes_no_file(tmp_path):
    curves.write(tmp_path / "tensorboard", {}, {})
    assert not (tmp_path / "tensorboard").exists()


def test_a_real_run_leaves_its_pictures(finished_rounds, tmp_path):
    folder = finished_rounds.folder
    assert tuple(pngs(folder)) == NAMES
    results = finished_rounds.results
    pictures.write(tmp_path, results["rounds"], {"a": results["base_error"]})
    assert pngs(tmp_path) == pngs(folder)
    found = scalar(events(folder), "rounds/test_error")
    errors = [each["test_error"] for each in results["rounds"]]
    assert list(found) == [0, 1, 2]
    assert list(found.values()) == pytest.approx([results["base_error"], *errors])
