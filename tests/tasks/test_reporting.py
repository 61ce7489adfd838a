"""Reports of real runs: at a run's end, of unfinished runs, of several runs."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import predictions, trained
from mixdmt_tf.runs.rows import read_rows
from mixdmt_tf.tasks import open_task, reporting
from mixdmt_tf.tasks.classification import findings, scoring
from tests.report.reading import read
from tests.tasks.classification import tiny

RESUMED = ("--algorithm=supervised", "--steps=4", "--noexport")


@pytest.fixture(name="described", scope="module")
def fixture_described(finished, finished_rounds):
    """What is told of a run of RealMix, and of one of DMT in rounds."""
    found = []
    for each, more in ((finished, ()), (finished_rounds, tiny.ROUNDS)):
        task = open_task(tiny.experiment(each.folder, *more))
        name = f"<b>{len(found)}</b>"
        found.append(reporting.describe(task, each.folder, name, 60, name))
    return found


def shown(reported, tmp_path):
    reporting.write(reported, tmp_path / "page.html")
    return read((tmp_path / "page.html").read_text(encoding="utf-8"))


def headings(found):
    return [each["id"] for each in found.all("section")]


def test_what_a_page_about_a_run_has(described, finished, tmp_path):
    page = shown(described[:1], tmp_path)

    assert headings(page) == [
        "what-was-run",
        "scores",
        "curves",
        "confusion-and-recall-of-each-class",
        "calibration",
        "surest-mistakes",
        "guessed-labels-against-their-truth",
        "most-doubted-unlabelled-images",
    ]
    results = finished.results
    assert f"test, EMA {results['test_error']:.2f} %" in page.text
    alone = results["supervised_error"]
    assert f"labels alone: test, EMA {alone:.2f} %" in page.text
    better = "better" if alone >= results["test_error"] else "worse"
    gain = abs(alone - results["test_error"])
    assert f"{gain:.2f} points {better} than labels alone" in page.text
    assert "bin/train --algorithm=realmix --dataset=digits" in page.text
    assert f"Confusion matrix of {results_images(finished)} test images" in page.text
    assert "60 unlabelled images (of " in page.text
    assert len(page.images) == 48 and {i.size for i in page.images} == {(8, 8)}


def test_a_run_in_a_folder_whose_name_is_no_text(finished):
    """Neither a chart nor a page can have such characters."""
    task = open_task(tiny.experiment(finished.folder))
    run, _ = reporting.describe(task, finished.folder, "r\udcf6n\x01", 0)
    assert run.name == r"'r\udcf6n\x01'"


def results_images(finished):
    task = open_task(tiny.experiment(finished.folder))
    return f"{len(task.source.test):,}"


def test_predictions_of_the_last_evaluation_are_those_of_the_network(finished):
    task = open_task(tiny.experiment(finished.folder))
    model = trained.load(task, finished.folder)
    known = predictions.read(finished.folder, model.step)
    score = scoring.score(model.scorer, model.averaged, task.source.test)

    np.testing.assert_array_equal(
        known["test_predicted"], score.probabilities.argmax(-1)
    )
    np.testing.assert_allclose(
        known["test_confidence"], score.probabilities.max(-1), rtol=1e-5
    )
    right = known["test_predicted"] == task.source.test.labels
    error = 100 - 100 * right.mean()
    assert finished.results["test_error"] == pytest.approx(error)


def test_a_page_without_the_predictions_of_a_run_is_the_same(
    described, finished, tmp_path
):
    copied = tmp_path / "run"
    shutil.copytree(finished.folder, copied)
    (copied / predictions.NAME).unlink()
    task = open_task(tiny.experiment(copied))
    _, again = reporting.describe(task, copied, "<b>0</b>", 60, "<b>0</b>")
    before = {each.title: each for each in described[0][1]}
    for each in again:
        if each.title == "Confusion and recall of each class":
            assert each == before[each.title]


def test_predictions_of_test_images_that_were_moved_are_made_again(finished):
    """As if some of their files had been renamed: as many, but in another order."""
    task = open_task(tiny.experiment(finished.folder))
    model = trained.load(task, finished.folder)
    split = task.read_split(finished.folder / "split.json")

    def judged():
        found = findings.collect(task, finished.folder, model, split, [], 4)
        return found.judged

    before, test = judged(), task.source.test
    order = np.roll(np.arange(len(test)), 1)
    moved = dataclasses.replace(task.source, test=test.take(order))
    task = type(task)(task.experiment, moved)
    after = judged()
    np.testing.assert_array_equal(after.predicted, before.predicted[order])
    np.testing.assert_allclose(after.confidence, before.confidence[order], atol=1e-5)


def test_rounds_have_a_column_each(described, finished_rounds, tmp_path):
    page = shown(described[1:], tmp_path)

    assert headings(page)[3] == "rounds"
    entries = finished_rounds.results["rounds"]
    errors = " ".join(f"{each['test_error']:.2f}" for each in entries)
    assert f"test error (%) {errors}" in page.text
    names = {each["aria-label"].split(":")[0] for each in page.all("svg")}
    assert {
        "Test error after each round",
        "Wrong labels among the most confident pseudo labels of each round",
        "Accuracy of the pseudo labels at each confidence, for each round",
    } <= names


def test_several_runs_are_side_by_side_and_their_names_are_text(described, tmp_path):
    page = shown(described, tmp_path)

    assert page.text.startswith("2 runs: <b>0</b>, <b>1</b>")
    assert "b" not in {name for name, _ in page.tags}
    assert headings(page).count("calibration") == 1
    assert page.text.count("Expected calibration error") == 4
    labels = [each["aria-label"] for each in page.all("svg")]
    (errors,) = [each for each in labels if each.startswith("test error (%), EMA")]
    assert "<b>0</b> from" in errors and "<b>1</b> from" in errors


def test_from_files_alone_neither_data_nor_network_are_needed(finished, tmp_path):
    copied = tmp_path / "run"
    shutil.copytree(finished.folder, copied)
    shutil.rmtree(copied / "checkpoints")
    task = open_task(tiny.experiment(copied))

    page = shown([reporting.describe(task, copied, "run", 0)], tmp_path)

    assert headings(page) == ["what-was-run", "scores", "curves"]
    assert "source" not in vars(task)


def test_a_run_that_is_not_finished_and_one_that_has_nothing(tmp_path):
    folder = tmp_path / "run"
    stop = {("progress", 3): tiny.TERMINATE}
    more = (*RESUMED, "--eval_every=2")
    assert tiny.session(folder, *more, moments=stop).code == 143
    rows = read_rows(folder)
    task = open_task(tiny.experiment(folder, *more))

    page = shown([reporting.describe(task, folder, "run", 20)], tmp_path)

    assert "not finished" in page.text
    assert f"test, EMA {rows[-1]['test_error']:.2f} %" in page.text
    (folder / "metrics.csv").unlink()
    (folder / "digests.json").unlink()
    with pytest.raises(UserError, match="has no evaluation yet"):
        reporting.describe(task, folder, "run", 20)


def test_a_run_ends_with_its_report_and_well_without_it(tmp_path, monkeypatch):
    with_report = (*RESUMED, "--report=true")
    done = tiny.session(tmp_path / "run", *with_report)
    assert done.code == 0, done.err
    page = read((tmp_path / "run" / reporting.NAME).read_text(encoding="utf-8"))
    assert "surest-mistakes" in headings(page)

    def fail(*_):
        raise RuntimeError("no font\nat all")

    monkeypatch.setattr(reporting.page, "html", fail)
    done = tiny.session(tmp_path / "other", *with_report)
    assert done.code == 0
    assert "report.html was not written: no font\nbin/report " in done.out
    assert not list((tmp_path / "other").glob("*.html*"))
