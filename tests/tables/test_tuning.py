"""What is searched, and what comes of trials."""

from __future__ import annotations

import csv
import json

import pytest

from mixdmt_tf import digests
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.settings import Setting
from mixdmt_tf.tables import tuning, tuning_report
from mixdmt_tf.tables.tuning import Range, Trial, read_range

SETTINGS = {
    name: Setting(name, kind)
    for name, kind in (("rate", "float"), ("depth", "int"), ("tsa", "str"))
}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("rate:1e-4:0.1", Range("rate", "float", 1e-4, 0.1)),
        (" rate:1e-4:0.1:log ", Range("rate", "float", 1e-4, 0.1, log=True)),
        ("depth:2:8", Range("depth", "int", 2, 8)),
        ("depth:1, 10,75", Range("depth", "int", choices=("1", "10", "75"))),
        ("tsa:log,exp", Range("tsa", "str", choices=("log", "exp"))),
    ],
)
def test_what_is_searched(text, expected):
    assert read_range(text, SETTINGS) == expected


@pytest.mark.parametrize(
    "text, said",
    [
        ("depht:1:2", "there is no flag --depht; expected NAME:LOW:HIGH"),
        ("rate", "expected two or more different values"),
        ("rate:1", "expected two or more different values"),
        ("rate:1,1", "expected two or more different values"),
        ("rate:a:b", "expected numbers"),
        ("rate:2:1", "the smaller one first"),
        ("rate:0:1:log", "a logarithm needs numbers above 0"),
        ("rate:1:2:3", "expected NAME:LOW:HIGH"),
        ("rate:0:inf", "the smaller one first"),
        ("rate:nan:1", "the smaller one first"),
        ("depth:1.5:2", "expected integers"),
        ("tsa:1:2", "ranges are of numbers"),
    ],
)
def test_what_cannot_be_searched(text, said):
    with pytest.raises(UsageError, match=said):
        read_range(text, SETTINGS)


def test_values_are_flags_of_few_digits_within_the_range():
    rate = Range("rate", "float", 0.00011111, 0.99999)
    assert rate.text(0.0123456) == "0.01235"
    assert rate.text(0.99998) == "0.99999" and rate.text(0.000111111) == "0.00011111"
    assert rate.ends == ("0.00011111", "0.99999")
    assert Range("depth", "int", 1, 9).text(3.0) == "3"


def test_without_optuna(monkeypatch, tmp_path):
    monkeypatch.setitem(tuning.__dict__["__builtins__"], "__import__", _no_optuna)
    with pytest.raises(UserError, match=r'pip install "mixdmt_tf\[tune\]"'):
        tuning.Search(tmp_path / "new", [], [], False, True)
    assert not (tmp_path / "new").exists()


_import = __import__


def _no_optuna(name, *more):
    if name == "optuna":
        raise ImportError(name)
    return _import(name, *more)


def test_a_table_and_a_flagfile(tmp_path):
    trials = [
        Trial(0, {"rate": "0.1"}, 12.5, False),
        Trial(1, {"rate": "0.2"}, 30.0, True),
        Trial(2, {"rate": "0.3"}, None, False),
    ]
    tuning_report.write_table(tmp_path, trials, "validation_error")
    with (tmp_path / "trials.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["trial", "state", "validation_error", "rate"],
        ["0", "finished", "12.5000", "0.1"],
        ["1", "stopped early", "30.0000", "0.2"],
        ["2", "failed", "", "0.3"],
    ]
    given = {"steps": 60, "ema_warmup": True}
    assert tuning_report.flagfile(trials[0], "validation_error", 3, given) == (
        "# Best of 3 trials: validation error 12.50 %.\n"
        "--steps=60\n--ema_warmup=true\n--rate=0.1\n"
    )


RATE = Range("rate", "float", 0.0, 1.0)


@pytest.fixture(name="search")
def fixture_search(tmp_path):
    """Opens a search in the same folder again and again."""

    def open_search(*flags, prune=True, segmentation=False):
        return tuning.Search(tmp_path, [RATE], flags, segmentation, prune)

    return open_search


def finish(search, score, measure="validation_error"):
    """A trial that ends with a score."""
    attempt = search.begin()
    folder = attempt.run.run_folder(tuning.SEED)
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps({measure: score, "test_error": 1}))
    search.end(attempt, pruned=False)
    return attempt


def test_a_search_goes_on_where_it_was(search):
    first = search("--steps=3")
    done = [finish(first, score) for score in (30.0, 20.0)]
    again = search("--steps=3")
    assert [t.values for t in again.done()] == [each.values for each in done]
    assert again.best().score == 20.0 and again.best().number == 1
    third = again.begin()
    assert third.number == 2
    assert third.values not in [each.values for each in done]  # no draw is repeated
    assert third.run.flags == ("--steps=3", f"--rate={third.values['rate']}")


def test_a_trial_that_was_interrupted_keeps_settings_and_folder(search):
    begun = search().begin()
    again = search().begin()
    assert (again.number, again.values) == (begun.number, begun.values)
    once_more = search().begin()
    assert (once_more.number, once_more.values) == (begun.number, begun.values)
    last = search()
    assert last.done() == []
    assert finish(last, 30.0).number == 0 and finish(last, 20.0).number == 1


def test_a_kill_while_it_is_queued_again_loses_no_trial(search, monkeypatch):
    opened = search()
    begun = opened.begin()
    study = type(opened._study)
    with monkeypatch.context() as patched:

        def killed(*_, **__):
            raise KeyboardInterrupt

        patched.setattr(study, "tell", killed)
        with pytest.raises(KeyboardInterrupt):
            search()
    last = search()
    again = last.begin()
    assert (again.number, again.values) == (begun.number, begun.values)
    assert last.begin().number == 1  # and it is queued once


def test_a_trial_that_had_failed_before_a_kill_is_not_trained_again(search):
    """Its failure is written in two steps, and the process may end in between."""
    begun = search().begin()
    begun.trial.set_user_attr("failed", True)
    again = search()
    assert [each.number for each in again.done()] == [0]
    assert again.begin().number == 1


def test_another_search_needs_another_folder(search):
    search("--steps=3")
    with pytest.raises(UsageError, match="holds a search with other settings"):
        search("--steps=4")


def test_of_mean_iou_more_is_better(search):
    opened = search(segmentation=True)
    for score in (30.0, 50.0, 20.0):
        finish(opened, score, "validation_miou")
    assert opened.measure == "validation_miou" and opened.best().score == 50.0


def test_failures_count_but_are_never_the_best(search):
    opened = search()
    opened.end(opened.begin(), pruned=False)  # without results.json
    assert [each.score for each in opened.done()] == [None] and opened.best() is None


def test_scores_of_test_images_do_not_count(search):
    opened = search()
    with pytest.raises(UserError, match="no validation images"):
        finish(opened, None)


def test_a_trial_behind_the_others_is_stopped(search):
    opened = search()

    def curve(attempt, *errors):
        folder = attempt.run.run_folder(tuning.SEED)
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{n},{n},{error}" for n, error in enumerate(errors, start=1)]
        text = "\n".join(["step,seconds,validation_error", *lines])
        (folder / "metrics.csv").write_text(text)

    for error in range(5):  # until there are enough, nobody is stopped
        attempt = opened.begin()
        curve(attempt, 50, 40, 30 + error, 20 + error)
        assert not attempt.behind()
        results = attempt.run.run_folder(tuning.SEED) / "results.json"
        results.write_text('{"validation_error": 20}')
        opened.end(attempt, pruned=False)
    bad, good = opened.begin(), opened.begin()
    curve(bad, 90, 90)
    assert not bad.behind()  # too early to tell
    table = bad.run.run_folder(tuning.SEED) / "metrics.csv"
    table.write_text("step,seconds,validation_error\n1,1,9")
    digests.write(table.with_name("rounds.csv"), "seconds\n1\n")
    (table.with_name("rounds.csv")).write_text("seconds\n2\n")
    assert not bad.behind()  # as it looks while it is written
    digests.forget(table.with_name("rounds.csv"))
    curve(bad, 90, 90, 90)
    assert bad.behind()
    curve(good, 50, 40, 20)
    assert not good.behind()
    opened.end(bad, pruned=True)
    assert opened.done()[-1].pruned and opened.best().number != bad.number
