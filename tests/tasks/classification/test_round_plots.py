"""Charts and TensorBoard's curves of runs in rounds show their values."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf import plots
from mixdmt_tf.tasks.classification import round_plots
from tests.rounds.made_rounds import BASE, NAMES, a_round, mutual, pngs, three, unknown
from tests.tasks.classification.test_recorder import events


def values(series):
    return {point.x: point.y for point in series.points}


def test_figure_1_has_a_line_for_each_round_where_the_numbers_say():
    (chart,) = round_plots.error_of_most_confident(three())
    assert [values(each) for each in chart.series] == [
        {share: error * share / 100 for share in (20, 40, 60, 80, 100)}
        for error in (40.0, 20.0, 10.0)
    ]
    assert [each.color for each in chart.series] == plots.shades(3)
    assert [each.label for each in chart.series] == ["round 1", "round 2", "round 3"]
    (axes,) = plots.draw(chart).axes
    assert list(axes.get_xticks()) == [20, 40, 60, 80, 100]
    assert axes.get_ylim() == (0.0, 40.0)


def test_shares_are_in_order_although_json_makes_text_of_them():
    entry = a_round(1, 40.0)
    shares = entry["error_of_top"]
    entry["error_of_top"] = {str(k): shares[k] for k in (100, 20, 80, 40, 60)}
    (chart,) = round_plots.error_of_most_confident([entry])
    assert [point.x for point in chart.series[0].points] == [20, 40, 60, 80, 100]


def test_unknown_shares_have_no_point():
    rounds = three()
    rounds[0]["error_of_top"].update({20: None, 40: float("nan")})
    (chart,) = round_plots.error_of_most_confident(rounds)
    assert values(chart.series[0]) == {60: 24.0, 80: 32.0, 100: 40.0}
    assert chart.series[0].color == plots.shades(3)[0]


def test_two_models_have_lines_of_their_own():
    (chart,) = round_plots.error_of_most_confident(mutual())
    light, dark = plots.shades(2)
    assert [
        (each.label, each.color, each.dashed, each.marker, each.points[-1].y)
        for each in chart.series
    ] == [
        ("round 1, model A", light, False, "o", 40.0),
        ("round 1, model B", light, True, "s", 20.0),
        ("round 2, model A", dark, False, "o", 30.0),
        ("round 2, model B", dark, True, "s", 10.0),
    ]


@pytest.mark.parametrize("few", [False, True])
def test_a_legend_never_leaves_its_image(few):
    many = [a_round(i, 40.0 - i / 2) for i in range(1, 41)]
    many[0]["bins"][0]["images"] = 1 if few else 100
    for draw in (round_plots.error_of_most_confident, round_plots.calibration):
        (chart,) = draw(many)
        figure = plots.draw(chart)
        (axes,) = figure.axes
        box = axes.get_legend().get_window_extent()
        assert box.y0 > 0 and box.x1 < figure.bbox.x1 and box.y1 < figure.bbox.y1
        labels = [each.get_text() for each in axes.get_legend().get_texts()]
        assert len(chart.series) >= 40 and len(labels) <= 15
        assert {"round 1", "round 40"} < set(labels)
    assert ("fewer than 20 images" in axes.get_xlabel()) == few


def test_accuracies_lie_in_the_middle_of_their_confidence():
    (chart,) = round_plots.calibration([a_round(1, 20.0)])
    ideal, line = chart.series
    assert line.color == plots.shades(1)[0]
    places = [(point.x, point.y) for point in line.points]
    np.testing.assert_allclose(places, [(45.0, 20.0), (85.0, 60.0)])
    assert values(ideal) == {0: 0, 100: 100} and ideal.dashed and not ideal.marker
    (axes,) = plots.draw(chart).axes
    assert axes.get_ylim() == (0.0, 100.0)


def test_accuracies_of_few_images_are_hollow():
    few = a_round(1, 20.0)
    few["bins"][0]["images"] = round_plots.FEW - 1
    (chart,) = round_plots.calibration([few])
    assert [point.hollow for point in chart.series[1].points] == [True, False]


def test_courses_begin_with_the_base_model():
    errors, accuracies, weights = round_plots.course(three(), {"a": 30.0})
    assert [values(each) for each in errors.series] == [
        {0: 30.0, 1: 20.0, 2: 15.0, 3: 10.0}
    ]
    assert {each.label: values(each) for each in accuracies.series} == {
        "trained on": {1: 98.0, 2: 97.0, 3: 96.0},
        "all": {1: 60.0, 2: 80.0, 3: 90.0},
    }
    assert {each.label: each.points[-1].y for each in weights.series} == {
        "all labels": 0.5,
        "wrong labels": 0.2,
        "right labels": 0.6,
    }
    figure = plots.draw(errors, accuracies, weights)
    limits = [axes.get_ylim() for axes in figure.axes]
    assert limits == [(0.0, 30.0), (60.0, 100.0), (0.0, 1.0)]
    assert all(list(axes.get_xticks()) == [0, 1, 2, 3] for axes in figure.axes)


def test_courses_of_two_models():
    errors, accuracies, _ = round_plots.course(mutual(), BASE)
    assert [(each.label, each.dashed, values(each)) for each in errors.series] == [
        ("model A", False, {0: 30.0, 1: 20.0, 2: 15.0}),
        ("model B", True, {0: 35.0, 1: 20.0, 2: 15.0}),
    ]
    assert [each.label for each in accuracies.series] == [
        f"{which}, model {model}" for which in ("trained on", "all") for model in "AB"
    ]


def test_methods_without_weights_have_no_chart_of_them():
    nothing = dict.fromkeys(("mean_weight", "weight_right", "weight_wrong"))
    rounds = [{**each, **nothing} for each in three()]
    titles = [each.title for each in round_plots.course(rounds, BASE)]
    assert len(titles) == 2 and not any("eight" in title for title in titles)


def test_nothing_is_drawn_of_what_is_unknown(tmp_path):
    round_plots.write(tmp_path, [unknown()], {"a": None})
    assert pngs(tmp_path) == {}
    found = events(tmp_path)
    assert set(found.Tags()["tensors"]) == {"4 rounds/pseudo_labels"}
    (chart,) = round_plots.course([unknown()], {"a": 30.0})
    assert [values(each) for each in chart.series] == [{0: 30.0}]


def test_a_first_round_without_any_error_is_drawn(tmp_path):
    perfect = a_round(1, 0.0, test_error=0.0, pseudo_accuracy=100.0, weight_wrong=None)
    round_plots.write(tmp_path, [perfect], {"a": 0.0})
    for name in NAMES:
        with Image.open(tmp_path / name) as image:
            pixels = np.asarray(image)
            assert image.format == "PNG" and pixels.shape[1:] == (9 * plots.DPI, 3)
    assert not list(tmp_path.glob(".*"))
