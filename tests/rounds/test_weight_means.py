"""The mean of the weights of all rounds, as the result of a run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mixdmt_tf.rounds import weight_means
from mixdmt_tf.runs import trained
from mixdmt_tf.tasks.classification.task import Classification
from tests.tasks.classification import tiny

ANEW = (*(f for f in tiny.ROUNDS if "select_on" not in f), "--select_on=mean")
FLAGS = (*ANEW, "--norestart")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of two rounds, and what it printed."""
    folder = tmp_path_factory.mktemp("mean") / "run"
    done = tiny.session(folder, *FLAGS)
    assert done.code == 0, done.err
    return folder, done.out


def results_of(folder):
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def load(folder, workdir):
    return trained.load(Classification(tiny.experiment(workdir, *FLAGS)), folder)


def test_each_weight_is_the_mean_of_those_of_the_rounds(run):
    folder, _ = run
    mean, one, other = (
        load(each, folder) for each in (folder, folder / "round_1", folder / "round_2")
    )
    for kind in ("averaged", "raw"):
        pairs = zip(*(getattr(each, kind) for each in (mean, one, other)))
        for found, a, b in pairs:
            np.testing.assert_allclose(found, (a + b) / 2, rtol=1e-6, atol=1e-7)
    assert any((a != b).any() for a, b in zip(one.averaged, other.averaged))


def test_the_scores_are_those_of_the_mean(run):
    folder, out = run
    results = results_of(folder)
    assert results["result_of"] == "mean"
    assert results["mean_of"] == ["round_1", "round_2"]
    assert "the result is the mean of round_1, round_2" in out
    model = load(folder, folder)
    task = Classification(tiny.experiment(folder, *FLAGS))
    test = task.source.test
    for kind, name in (("averaged", "test_error"), ("raw", "test_error_raw")):
        probs = model.scorer.predict(getattr(model, kind), test.images)
        error = 100 * np.mean(probs.argmax(-1) != test.labels)
        assert results[name] == pytest.approx(error)


def test_steps_and_seconds_are_those_of_the_stages(run):
    folder, _ = run
    stages = [results_of(folder / e) for e in ("base", "round_1", "round_2")]
    found = results_of(folder)
    assert found["steps"] == sum(each["steps"] for each in stages) == 18
    assert found["seconds"] == pytest.approx(sum(e["seconds"] for e in stages), abs=0.1)


def test_the_same_command_makes_no_other_mean(run):
    folder, _ = run
    place = folder / "mean" / "results.json"
    made = place.stat().st_mtime_ns
    assert tiny.session(folder, *FLAGS).code == 0
    assert place.stat().st_mtime_ns == made


@pytest.mark.parametrize(
    "name", ["results.json", "metrics.csv", "digests.json", "checkpoints/*/state.index"]
)
def test_a_damaged_file_is_made_again(name, run):
    folder, _ = run
    expected = results_of(folder)
    (lost,) = (folder / "mean").glob(name)
    lost.write_bytes(b"{}")
    done = tiny.session(folder, *FLAGS)
    assert done.code == 0, done.err
    assert lost.read_bytes() != b"{}"
    for each in (folder, folder / "mean"):
        assert results_of(each)["test_error"] == expected["test_error"]


def test_networks_that_begin_with_random_weights_are_refused(tmp_path):
    done = tiny.session(tmp_path / "run", *ANEW)
    assert done.code == 2 and "--select_on=mean" in done.err
    assert not (tmp_path / "run" / "base").exists()


@pytest.mark.parametrize(
    "restart,models,pretrained,refused",
    [
        (True, 1, "none", True),
        (False, 2, "none", True),
        (False, 1, "none", False),
        (True, 2, "imagenet", False),
    ],
)
def test_what_begins_alike(restart, models, pretrained, refused):
    class Experiment:
        """As far as it is asked."""

        class method:
            pass

        class network:
            pass

    Experiment.method.restart, Experiment.method.models = restart, models
    Experiment.network.pretrained = pretrained
    if not refused:
        return weight_means.require_one_beginning(Experiment)
    with pytest.raises(weight_means.UsageError, match="published weights"):
        weight_means.require_one_beginning(Experiment)
