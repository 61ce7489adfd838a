"""Pictures and TensorBoard's curves of runs in rounds show their numbers, once."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.plots import charts
from mixdmt_tf.tasks.classification import round_plots
from tests.rounds.made_rounds import BASE, NAMES, a_round, mutual, pngs, three, unknown
from tests.tasks.classification.test_recorder import events


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


def test_figure_1_has_a_line_for_each_round_where_the_numbers_say():
    image = round_plots.surest(three())
    # At 70 %, halfway between two marks; the x axis begins at 20 %, y ends at 40 %.
    found = [height(image, c, column(50 / 80)) for c in charts.shades(3)]
    assert found == pytest.approx([0.7, 0.35, 0.175], abs=0.01)


def test_shares_that_nobody_knows_have_no_point():
    rounds = three()
    rounds[0]["error_of_top"].update({20: None, 40: float("nan")})
    image = round_plots.surest(rounds)
    pale = charts.shades(3)[0]
    assert height(image, pale, column(10 / 80)) is None
    assert height(image, pale, column(50 / 80)) == pytest.approx(0.7, abs=0.01)


def test_two_models_have_lines_of_their_own():
    image, colours = round_plots.surest(mutual()), charts.shades(2)
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
        for image in (round_plots.surest(many), round_plots.confidence(many)):
            assert image.size == (1800, 1000)
            legend = np.asarray(image)[:, 2 * (charts.WIDTH - 190) :]
            assert (legend[-30:] == 255).all() and (legend[:100] == 255).all()
            last = np.abs(legend.astype(int) - np.array(charts.shades(40)[-1])).sum(-1)
            assert (last < 40).any()  # the last round is in it
        legends[few] = legend
    assert (legends[True] != legends[False]).any()  # the note is in it


def test_accuracies_lie_in_the_middle_of_their_confidence():
    image = round_plots.confidence([a_round(1, 20.0)])
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
    few["bins"][0]["images"] = round_plots.FEW - 1
    middle = np.asarray(round_plots.confidence([few]))[
        round(1000 - 156 - 0.2 * 688), [column(0.45)]
    ]
    assert (middle == 255).all()


def test_courses_begin_with_the_base_model():
    image = round_plots.courses_picture(three(), {"a": 30.0})
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
    assert round_plots.courses_picture(rounds, BASE).size == (1800, 2 * 620)


def test_nothing_is_drawn_of_what_nobody_knows(tmp_path):
    round_plots.write(tmp_path, [unknown()], {"a": None})
    assert pngs(tmp_path) == {}
    found = events(tmp_path)
    assert set(found.Tags()["tensors"]) == {"rounds/pseudo_labels"}
    assert round_plots.courses_picture([unknown()], {"a": 30.0}).size == (1800, 620)


def test_a_first_round_without_any_error_is_drawn(tmp_path):
    perfect = a_round(1, 0.0, test_error=0.0, pseudo_accuracy=100.0, weight_wrong=None)
    round_plots.write(tmp_path, [perfect], {"a": 0.0})
    for name in NAMES:
        with Image.open(tmp_path / name) as image:
            image.load()
            assert image.format == "PNG" and image.width == 1800
    assert not list(tmp_path.glob(".*"))
