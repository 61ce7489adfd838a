"""Which stage's network is the result of a run in rounds."""

from __future__ import annotations

import json
import shutil
from unittest import mock

import numpy as np
import pytest

from mixdmt_tf import digests
from mixdmt_tf.rounds import loop, plan
from mixdmt_tf.runs import trained
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.classification import recorder
from tests.tasks.classification import tiny
from tests.tasks.classification.test_rounds import DMT, refusal, results, with_others


@pytest.mark.parametrize("best", ["base", "round_1"])
def test_the_smallest_validation_error_chooses(best, finished_rounds, tmp_path):
    """Made up for a finished run, so that nothing has to be trained."""
    folder = shutil.copytree(finished_rounds.folder, tmp_path / "run")
    flags = with_others(DMT, "--select_on=valtiny")
    kept = folder / "flags.txt"
    digests.write(kept, kept.read_text().replace("select_on=last", "select_on=valtiny"))
    found = results(folder / best)
    found["validation_error"] = 0.0
    digests.write(folder / best / "results.json", json.dumps(found))
    done = tiny.session(folder, *flags)
    assert (done.code, done.steps) == (0, ())
    whole = results(folder)
    assert whole["result_of"] == best and whole["test_error"] == found["test_error"]
    assert f"the result is that of {best}\n" in done.out
    for part in ("checkpoints", "data.json", "metrics.csv"):
        ours, theirs = (
            sorted((p.name, p.read_bytes()) for p in files(place / part))
            for place in (folder, folder / best)
        )
        assert ours == theirs
    rows = recorder.read_rows(folder)
    assert rows[-1]["test_error"] == whole["test_error"]


@pytest.mark.parametrize(("error", "best"), [(0.0, "round_2"), (2.0, "base")])
def test_the_best_stage_and_of_equal_ones_the_last(
    error, best, finished_rounds, tmp_path
):
    """Made-up errors; the deviation is that of the predictions for the 50 images."""
    folder = shutil.copytree(finished_rounds.folder, tmp_path / "run")
    kept = folder / "flags.txt"
    digests.write(kept, kept.read_text().replace("select_on=last", "select_on=best"))
    for stage, value in (("base", 0.0), ("round_1", 95.0), ("round_2", error)):
        found = results(folder / stage)
        found["validation_error"] = value
        digests.write(folder / stage / "results.json", json.dumps(found))
    done = tiny.session(folder, *with_others(DMT, "--select_on=best", "--noexport"))
    assert (done.code, done.steps) == (0, ()), done.err
    whole = results(folder)
    assert whole["result_of"] == best
    assert whole["test_error"] == results(folder / best)["test_error"]
    said = "round_2 is worse than base on 50 validation images, by 2.00 points (standa"
    assert any(each.startswith(said) for each in whole["warnings"]) == (best == "base")
    few = "only 50 validation images, each of which counts 2.0 points of error: "
    assert whole["warnings"][0].startswith(few)
    model = trained.load(open_task(tiny.experiment(folder, *DMT)), folder)
    other = trained.load(open_task(tiny.experiment(folder, *DMT)), folder / best)
    for one, two in zip(model.averaged, other.averaged):
        np.testing.assert_array_equal(one, two)


def test_without_validation_images_the_last_round_is_the_result(tmp_path):
    flags = with_others(tiny.ROUNDS, "--select_on=best", "--rounds=1", "--noexport")
    done = tiny.session(tmp_path, *flags, "--validation=0")
    assert done.code == 0, done.err
    found = results(tmp_path)
    assert found["result_of"] == "round_1" and len(found["warnings"]) == 1
    warning = done.out.index("warning: no validation images: the result is the last")
    assert warning < done.out.index("[1/2] base") and "--validation=N" in done.out


def files(place):
    return [p for p in place.rglob("*") if p.is_file()] if place.is_dir() else [place]


def test_choosing_without_validation_images(tmp_path):
    flags = with_others(tiny.ROUNDS, "--select_on=valtiny")
    said = refusal(tmp_path, *flags, "--validation=0")
    assert "--validation=200, or use --select_on=last" in said
    # The folder may be used with the advice followed.
    assert not (tmp_path / "split.json").exists()


def test_other_validation_images_cannot_choose(finished_rounds, tmp_path):
    base = finished_rounds.folder / "base"
    split = json.loads((base / "split.json").read_text())
    split["unlabeled"].append(split["validation"].pop())
    (tmp_path / "other.json").write_text(json.dumps(split))
    flags = [*tiny.ROUNDS, f"--init_from={base}", f"--split={tmp_path / 'other.json'}"]
    for choice in ("valtiny", "best"):
        more = with_others(flags, f"--select_on={choice}")
        said = refusal(tmp_path / "run", *more, code=1)
        assert "errors cannot be compared" in said


@pytest.mark.parametrize("select_on", ["valtiny", "best"])
def test_of_equal_stages_the_latest(select_on):
    planned = plan.stages((0.5, 1.0), 1, True)
    of = mock.Mock(all=planned, of_last_round=planned[-1:])
    chooser = mock.Mock(stages=of, hooks=of.hooks)
    chooser.experiment.method.models = 1
    chooser._rank = lambda stage: 3.0
    chooser._best = lambda: loop.Loop._best(chooser)
    assert loop.Loop._chosen(chooser, select_on).name == "round_2"
