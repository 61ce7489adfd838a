"""Whose network gives the scores that a mask rests on, and that nobody moves them."""

from __future__ import annotations

import dataclasses
import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.parts import fixed_scores as parts
from mixdmt_tf.algorithms.parts.fixed_scores import FixedScores
from mixdmt_tf.algorithms.parts.frozen_scores import frozen_scores
from mixdmt_tf.algorithms.parts.image_scores import ImageScores, stranger_share
from mixdmt_tf.data.classification import pseudo_labels
from mixdmt_tf.data.classification.pipeline import Pipeline
from mixdmt_tf.errors import UserError
from mixdmt_tf.models import features
from mixdmt_tf.runs import trained
from mixdmt_tf.runs.checkpoints import Checkpoints
from mixdmt_tf.runs.splits import choose_split
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.classification import fixed_scores, score_files
from tests.tasks.classification import tiny

AUTO = "--ood_rate=auto"
ROUNDS = ("--algorithm=mixdmt", *tiny.SHORT_ROUNDS, "--select_on=last", "--models=1")


@pytest.fixture(name="run", scope="module")
def fixture_run(tmp_path_factory):
    return tiny.finished(tmp_path_factory).folder


def evidence(number):
    """Half of the unlabelled images look like no labelled one."""
    return ImageScores(
        np.random.default_rng(0).permutation(number).astype(np.float32),
        np.linspace(0, 1, 200),
        np.r_[np.linspace(0, 1, 1000), np.full(1000, -1.0)],
    )


@pytest.fixture(name="asked")
def fixture_asked(monkeypatch):
    """Notes who is asked for scores in place of asking."""
    asked = []

    def domain(pipeline):
        asked.append("domain")
        return evidence(len(pipeline.split.unlabeled))

    def frozen(extractor, pipeline):
        asked.append(extractor)
        return evidence(len(pipeline.split.unlabeled))

    monkeypatch.setattr(parts, "domain_scores", domain)
    monkeypatch.setattr(parts, "frozen_scores", frozen)
    return asked


def opened(*more):
    """The task of a run, and its images."""
    task = open_task(tiny.experiment("runs/x", *more))
    split = choose_split(task)
    return task, Pipeline(task.source, split, None, 1, 8)


def given(*more):
    task, pipeline = opened(*more)
    return fixed_scores._given(task, pipeline)


def kept(folder, name, shape):
    """A part of the mask, as the last checkpoint of a run has it."""
    value = tf.Variable(tf.zeros(shape))
    state = tf.train.Checkpoint(own={f"ood.{name}": value})
    assert Checkpoints(folder / "checkpoints", state).restore()
    return value.numpy()


def test_all_stages_of_a_run_in_rounds_mask_by_what_was_found_once(tmp_path, asked):
    """The rounds begin with a network that knows the labels, which none is to ask."""
    run = tmp_path / "run"
    done = tiny.session(run, *ROUNDS, AUTO, "--ood_score=domain")
    assert done.code == 0, done.err
    assert asked == ["domain"]
    stages = ["base", "round_1", "round_2"]
    number = len(json.loads((run / "split.json").read_text())["unlabeled"])
    scores, share = evidence(number).scores, stranger_share(evidence(number))
    for name in stages:
        np.testing.assert_array_equal(kept(run / name, "scores", [number]), scores)
        assert kept(run / name, "rate", []) == pytest.approx(share.rate)
        results = json.loads((run / name / "results.json").read_text())
        assert results["ood_rate_estimate"] == pytest.approx(share.estimate)
        assert not (run / name / score_files.NAME).exists()
    results = json.loads((run / "results.json").read_text())
    expected = [share.low, share.high]
    assert results["ood_rate_interval"] == pytest.approx(expected)
    split = open_task(tiny.experiment(run)).read_split(run / "split.json")
    found = score_files.read(run / score_files.NAME, split)
    np.testing.assert_array_equal(found.scores, scores)
    # Who is masked is not among the surest, of whom a round learns.
    inside = kept(run / "round_2", "kept", [number]) == 1
    assert 0.3 < inside.mean() < 0.8
    labels = run / "pseudo_labels" / "round_2.npz"
    pseudo = pseudo_labels.read(labels, split, 10)
    np.testing.assert_array_equal(pseudo.kept, inside)  # of the last round all
    first = pseudo_labels.read(labels.with_name("round_1.npz"), split, 10)
    assert first.kept.sum() == round(inside.sum() * 0.5) and inside[first.kept].all()


def test_rounds_without_such_features_are_refused_before_anything_is_made(tmp_path):
    run = tmp_path / "run"
    done = tiny.session(run, *ROUNDS, "--ood_score=frozen", "--ood_rate=0.5")
    assert (done.code, done.steps) == (2, ()) and "random weights" in done.err
    assert not (run / "split.json").exists()


def test_scores_of_a_run_in_rounds_are_found_again_only_where_they_are_damaged(
    tmp_path, asked, capsys
):
    task, pipeline = opened(*ROUNDS, AUTO)
    path = tmp_path / score_files.NAME
    for damage, times in ((False, 1), (False, 1), (True, 2)):
        if damage:
            path.write_bytes(path.read_bytes()[:-40])
        fixed_scores.of_whole_run(task, pipeline.split, tmp_path)
        assert asked == ["domain"] * times
        assert score_files.is_sound(path, pipeline.split)
    assert "its scores are found again" in capsys.readouterr().out


@pytest.mark.parametrize("score", ["softmax", "knn"])
def test_a_start_that_knows_the_labels_estimates_nothing(run, asked, score):
    """Its labelled images look more like the classes than any others do."""
    found = given(f"--init_from={run}", AUTO, f"--ood_score={score}")
    assert asked == ["domain"] and "learnt from labels of this run" in found.note
    assert found.share.estimate == pytest.approx(
        stranger_share(evidence(len(found.scores))).estimate
    )


def test_frozen_scores_of_such_a_start_are_refused(run, tmp_path):
    done = tiny.session(
        tmp_path / "run", f"--init_from={run}", "--ood_score=frozen", "--ood_rate=0.5"
    )
    assert done.code == 2 and done.steps == ()
    assert "knows the labels of this one" in done.err and "domain" in done.err


def test_a_start_that_knows_other_labels_gives_its_own_features(run):
    # Five other labelled images of the same data.
    task, _ = opened()
    theirs = task.read_split(run / "split.json")
    task, pipeline = opened(f"--init_from={run}", AUTO)
    others = np.setdiff1d(pipeline.split.unlabeled, theirs.labeled)[:5]
    split = dataclasses.replace(pipeline.split, labeled=others)
    assert fixed_scores.begins_trained(task, split)
    assert not fixed_scores.begins_trained(task, pipeline.split)


def test_what_a_start_began_with_is_looked_at_too(run, tmp_path):
    (tmp_path / "flags.txt").write_text(f"--dataset=svhn\n--init_from={run}\n")
    task, pipeline = opened()
    assert fixed_scores.knows_labels(tmp_path, task, pipeline.split)
    (tmp_path / "flags.txt").write_text(f"--dataset=svhn\n--init_from={tmp_path}\n")
    assert not fixed_scores.knows_labels(tmp_path, task, pipeline.split)
    assert not fixed_scores.knows_labels(tmp_path / "gone", task, pipeline.split)


def test_published_weights_give_the_features_where_the_start_knows_labels(
    run, asked, monkeypatch
):
    task, pipeline = opened(f"--init_from={run}", AUTO)
    made = task.network()
    monkeypatch.setattr(type(task), "network", lambda _: made)
    monkeypatch.setattr(type(task), "initialize", lambda _, network: _filled(network))
    monkeypatch.setattr(type(task.experiment.network), "pretrained", "imagenet")
    fixed_scores._given(task, pipeline)
    (extractor,) = asked
    assert isinstance(extractor, keras.Model)
    assert all((weight == 0.5).all() for weight in extractor.get_weights())


def _filled(network):
    network.set_weights([np.full_like(each, 0.5) for each in network.get_weights()])


def finished_task(run):
    task = open_task(tiny.experiment(run))
    return task, trained.load(task, run)


def test_the_network_of_another_run_gives_the_score(run):
    found = given(f"--ood_scores_from={run}", "--ood_rate=0.5")
    task, model = finished_task(run)
    split = task.read_split(run / "split.json")
    images = task.source.train.images[split.unlabeled]
    probabilities = model.scorer.predict(model.averaged, images)
    np.testing.assert_allclose(found.scores, probabilities.max(-1), rtol=1e-5)
    assert found.share is None


def test_its_features_do_too_of_a_named_layer(run, asked):
    more = (f"--ood_scores_from={run}", AUTO, "--ood_score=frozen")
    found = given(*more, "--ood_layer=conv2d", "--filters=8")  # of its own network
    _, model = finished_task(run)
    model.scorer.network.set_weights(model.averaged)
    _, pipeline = opened()
    extractor = features.extractor(model.scorer.network, "conv2d")
    expected = frozen_scores(extractor, pipeline).scores
    np.testing.assert_allclose(found.scores, expected, rtol=1e-4, atol=1e-5)
    # It knows the labels: the share of strangers is found by others.
    assert asked == ["domain"] and "gives the score, not the rate" in found.note
    task, _ = opened(*more, "--ood_layer=conv2d")
    assert task.scorer().layer == ""  # it is a layer of the other network
    unnamed = given(*more).scores
    assert np.abs(unnamed - expected).max() > 1e-3


def test_a_run_masks_by_the_network_of_another_and_resumes(run, tmp_path):
    more = (f"--ood_scores_from={run}", "--ood_rate=0.3", "--ood_score=margin")
    stop = {("progress", 5): tiny.TERMINATE}
    begun = tiny.session(tmp_path, *more, moments=stop)
    assert f"by the network of {run}" in begun.out and begun.code != 0
    again = tiny.session(tmp_path, *more)
    assert again.code == 0 and "by the network" not in again.out
    split = finished_task(run)[0].read_split(run / "split.json")
    path = tmp_path / score_files.NAME
    found = score_files.read(path, split)
    mask = kept(tmp_path, "kept", [len(split.unlabeled)])
    assert mask.mean() == pytest.approx(0.7, abs=0.01)
    assert found.scores[mask == 1].min() > found.scores[mask == 0].max()
    # The same from the file alone, as stages of rounds have it.
    np.testing.assert_array_equal(
        given(f"--ood_scores={path}", "--ood_rate=0.3").scores, found.scores
    )


def test_a_dry_run_takes_no_scores_of_all_images(tmp_path):
    more = ("--ood_scores=FILE", "--ood_score=frozen", AUTO)
    method = opened(*more)[0].small(tmp_path).experiment.method
    assert (method.ood_scores, method.ood_score, method.ood_rate) == (
        "",
        "softmax",
        0.5,
    )


def test_with_the_hidden_truth_as_the_mask_rounds_learn_from_no_stranger(tmp_path):
    shift = ("--labeled_classes=0,1,2", "--unlabeled_classes=2,3")
    task, pipeline = opened(*ROUNDS, *shift, "--ood_score=oracle")
    inside = fixed_scores.inside(task, pipeline.split, tmp_path)
    names = task.source.train.labels[pipeline.split.unlabeled]
    assert 0 < inside.sum() < len(inside)
    np.testing.assert_array_equal(inside, names >= -1)


def test_a_run_that_cannot_give_scores_is_refused(run, tmp_path):
    with pytest.raises(UserError, match="holds no finished run"):
        given(f"--ood_scores_from={tmp_path}", "--ood_rate=0.3")
    task, pipeline = opened(f"--ood_scores_from={run}", "--ood_rate=0.3")
    task.source.__dict__["image_shape"] = (16, 16, 3)
    made_up = types.SimpleNamespace(image_shape=(16, 16, 3))
    task.__dict__["source"] = made_up
    with pytest.raises(UserError, match="images of 8x8x1; these are 16x16x3"):
        fixed_scores._model(task, run)


def test_a_file_of_scores_is_read_as_it_was_written_or_not_at_all(run, tmp_path):
    _, pipeline = opened()
    split, path = pipeline.split, tmp_path / score_files.NAME
    scores = np.arange(len(split.unlabeled), dtype=np.float32)
    share = stranger_share(evidence(10))
    score_files.write(path, FixedScores(scores, share, "a note"), split)
    found = score_files.read(path, split)
    assert (found.share, found.note) == (share, "a note")
    np.testing.assert_array_equal(found.scores, scores)
    other = types.SimpleNamespace(unlabeled=split.unlabeled[::-1])
    with pytest.raises(UserError, match="of other unlabelled images"):
        score_files.read(path, other)
    with np.load(path) as file:
        np.savez(tmp_path / "other.npz", note=file["note"], scores=scores + 1)
    with pytest.raises(UserError, match="does not fit its own digest"):
        score_files.read(tmp_path / "other.npz", split)
    with pytest.raises(UserError, match="no such file"):
        score_files.read(tmp_path / "none.npz", split)
    score_files.write(path, FixedScores(scores), split)
    with pytest.raises(UserError, match="has no rate"):
        given(f"--ood_scores={path}", AUTO)
