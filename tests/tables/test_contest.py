"""Rankings of methods under the same clock."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from mixdmt_tf import digests, plots
from mixdmt_tf.errors import UserError
from mixdmt_tf.tables import contest, contest_report


def runs(*scores, measure="test_error"):
    """Results by seed."""
    return {
        seed: {measure: score, "steps": 100 * seed, "seconds": 60, "machine": "m"}
        for seed, score in enumerate(scores, start=1)
    }


def test_an_interval_is_that_of_scipy():
    values = [3.0, 4.5, 4.0]
    found = contest.interval(values)
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert found.mean - found.half == pytest.approx(low)
    assert found.mean + found.half == pytest.approx(high)
    assert str(contest.interval([2.0])) == "2.00"
    assert not contest.interval([2.0]).excludes_zero


def test_the_smallest_error_and_the_largest_iou_come_first():
    found = contest.ranking({"a": runs(5, 6), "b": runs(3, 5), "c": {}}, "test_error")
    assert [each.name for each in found] == ["b", "a"]
    assert found[0].behind is None and found[1].behind.mean == pytest.approx(1.5)
    assert (found[1].steps, found[1].minutes) == (150, 1)
    iou = {
        "a": runs(50, 60, measure="test_miou"),
        "b": runs(30, 50, measure="test_miou"),
    }
    found = contest.ranking(iou, "test_miou")
    assert [each.name for each in found] == ["a", "b"]
    assert found[1].behind.mean == pytest.approx(15)


def test_differences_are_of_runs_with_the_same_seed():
    few = {2: runs(0, 9)[2]}
    found = contest.ranking({"a": runs(5, 6), "b": few}, "test_error")
    assert found[1].behind.mean == pytest.approx(3) and found[1].behind.n == 1
    other = {3: runs(0, 0, 9)[3]}
    assert contest.ranking({"a": runs(5), "b": other}, "test_error")[1].behind is None


def test_only_seeds_that_all_have_make_the_order():
    """Other seeds draw other labels, which may be easier ones."""
    errors = {"a": {1: 10.0, 2: 20.0, 3: 30.0}, "b": {1: 11.0}, "c": {1: 12.0, 2: 5.0}}
    results = {
        name: {
            seed: {"test_error": error, "steps": 1, "seconds": 1.0}
            for seed, error in runs.items()
        }
        for name, runs in errors.items()
    }
    found = contest.ranking(results, "test_error")
    assert [each.name for each in found] == ["a", "b", "c"]
    assert [each.score.mean for each in found] == [20.0, 11.0, 8.5]
    assert found[1].behind.mean == pytest.approx(1.0)


def test_equal_differences_are_no_evidence():
    assert not contest.interval([2.0, 2.0]).excludes_zero
    assert contest.interval([2.0, 2.1, 1.9]).excludes_zero


def test_a_difference_within_its_interval_may_be_chance():
    found = contest.ranking({"a": runs(5, 6, 7), "b": runs(6, 5, 9)}, "test_error")
    text = contest_report.markdown(found, "test_error", "t", "n", [])
    assert "(may be chance)" in text
    found = contest.ranking({"a": runs(5, 6, 7), "b": runs(7, 8, 9.1)}, "test_error")
    text = contest_report.markdown(found, "test_error", "t", "n", [])
    assert "(may be chance)" not in text


def contestant(folder, name="a"):
    return contest.Contestant(name, ("--x=1",), folder, 2.0)


def test_curves_of_single_runs_and_of_rounds(tmp_path):
    one = contestant(tmp_path)
    for seed, (first, last) in {1: (9, 5), 2: (7, 3)}.items():
        folder = one.run_folder(seed)
        folder.mkdir()
        (folder / "metrics.csv").write_text(
            f"step,seconds,test_error\n1,{10 * seed},{first}\n2,100,{last}\n"
        )
        (folder / "results.json").write_text('{"seconds": 100}')
    assert one.curve(1, "test_error") == [(10, 9), (100, 5)]
    points = contest_report._mean_curve(one, "test_error")
    assert [(p.x * 60, p.y) for p in points] == [(20, 8), (100, 4)]
    rounds = contestant(tmp_path, "rounds")
    folder = rounds.run_folder(1)
    folder.mkdir()
    (folder / "rounds.csv").write_text(
        "stage,seconds,test_error\nround_1,20,8\nround_2,30,7\n"
    )
    (folder / "results.json").write_text('{"seconds": 90}')
    # The base model took 40 of the 90 seconds.
    assert rounds.curve(1, "test_error") == [(60, 8), (90, 7)]


TABLES = {
    "metrics.csv": "step,seconds,test_error\n1,10,{}\n2,100,5\n",
    "rounds.csv": "stage,seconds,test_error\nround_1,10,{}\nround_2,90,5\n",
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("wrong", ["9.6", "8x.6", "\x00\udcff", None])
def test_damage_is_named_and_other_runs_have_curves(name, wrong, tmp_path):
    one = contestant(tmp_path)
    for seed, results in runs(8, 6).items():
        folder = one.run_folder(seed)
        folder.mkdir()
        digests.write(folder / name, TABLES[name].format("8.6"))
        digests.write(folder / "results.json", json.dumps(results))
    assert len(contest_report._mean_curve(one, "test_error")) == 2
    path = one.run_folder(2) / name
    if wrong is None:
        path.unlink()
    else:
        path.write_text(TABLES[name].format(wrong), "utf-8", "surrogateescape")
    text = contest_report.write([one], tmp_path, "t", "n")
    said = f"The curves are without a run: {path} is damaged: "
    assert text.count(said) == 1 and "**7.00 ± " in text
    assert one.curves("test_error")[0] == [one.curve(1, "test_error")]
    assert (tmp_path / "comparison.png").is_file()
    # What an older version wrote is taken as it is, unless it is no table.
    (path.parent / digests.NAME).unlink()
    damaged = one.curves("test_error")[1]
    assert len(damaged) == (wrong not in ("9.6", None))


def test_rounds_without_their_duration(tmp_path):
    one = contestant(tmp_path)
    one.run_folder(1).mkdir()
    (one.run_folder(1) / "rounds.csv").write_text("stage,test_error\nround_1,8\n")
    with pytest.raises(digests.Damaged, match="rows without seconds"):
        one.curve(1, "test_error")


def test_a_chart_of_nothing_and_of_something(tmp_path):
    one = contestant(tmp_path)
    assert plots.image(*contest_report.charts([one], [], "test_error", "t")).size
    found = contest.ranking({"a": runs(5, 6)}, "test_error")
    assert plots.image(*contest_report.charts([one], found, "test_error", "t")).size


def test_without_test_images_validation_counts():
    some = [{"test_error": None, "validation_error": 3.0}, {"validation_error": 4.0}]
    assert contest_report.measured(some) == "validation_error"
    assert contest_report.measured([{"test_miou": 3.0}]) == "test_miou"
    # Sets for segmentation without test images are tested on those for validation.
    same = {"test_miou": 3.0, "validation_miou": 3.0}
    assert contest_report.measured([same]) == "test_miou"
    same["test_set"] = "validation"
    assert contest_report.measured([same]) == "validation_miou"
    with pytest.raises(UserError, match="--validation=100"):
        contest_report.measured([{"test_error": None}])
