"""Predictions without classes that an image-level classifier doesn't find."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from mixdmt_tf.cli import evaluate
from mixdmt_tf.data.bands import Bands
from mixdmt_tf.errors import UsageError
from mixdmt_tf.models.small_segmenter import SmallSegmenter
from mixdmt_tf.runs.trained import Trained
from mixdmt_tf.tasks.segmentation import class_filter, scoring
from mixdmt_tf.tasks.segmentation import commands as commands_of_task
from tests.cli import commands
from tests.data.segmentation import files
from tests.oracles.losses import softmax
from tests.tasks.segmentation import short

CLASSES = 3


def drawn(seed):
    """A scorer whose classes differ, and its weights."""
    scorer = scoring.Scorer(SmallSegmenter(3, 1), CLASSES)
    rng = np.random.default_rng(seed)
    values = [rng.normal(0, 0.45, w.shape) for w in scorer.network.get_weights()]
    weights = [np.abs(each) if each.ndim == 1 else each for each in values]
    scorer.use(weights)
    return scorer, weights


@pytest.fixture(name="judge", scope="module")
def fixture_judge():
    scorer, weights = drawn(1)
    names = ("a", "b", "c")
    return Trained(scorer, weights, weights, names, (None, None, 3), 1)


def image(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)


def logits_of(scorer, pixels):
    return scorer.logits(pixels[np.newaxis]).numpy()[0].astype(np.float64)


def threshold_between(judge, pixels, kept):
    """A threshold that so many classes of an image reach."""
    z = logits_of(judge.scorer, pixels).mean((0, 1))
    p = np.sort(1 / (1 + np.exp(-z)))[::-1]
    return (p[kept - 1] + p[kept]) / 2, 1 / (1 + np.exp(-z))


def test_classes_below_the_threshold_are_dropped(judge):
    threshold, p = threshold_between(judge, image(), 2)
    filtering = class_filter.ClassFilter(judge, threshold)
    np.testing.assert_array_equal(filtering.kept(image()), p >= threshold)
    nothing = class_filter.ClassFilter(judge, 1.0)
    assert nothing.kept(image()).all()


@pytest.mark.parametrize("released", [False, True])
def test_the_likeliest_class_among_those_that_are_left(judge, released):
    scorer, weights = drawn(2)
    threshold, p = threshold_between(judge, image(), 2)
    filtered = class_filter.FilteredScorer(
        scorer, class_filter.ClassFilter(judge, threshold, released)
    )
    filtered.use(weights)
    classes, doubt = filtered.guess(image())
    np.testing.assert_array_equal(filtered.classes(image()), classes)
    z, changed = logits_of(scorer, image()), 0
    for i in np.ndindex(*classes.shape):
        left = [
            (z[i][c] if p[c] >= threshold else 0 if released else -1e9)
            for c in range(CLASSES)
        ]
        assert classes[i] == np.argmax(left)
        assert doubt[i] == pytest.approx(1 - max(softmax(left)), abs=1e-3)
        changed += np.argmax(left) != np.argmax(z[i])
    assert changed and (classes.dtype, doubt.dtype) == ("uint8", "float16")


def test_a_filter_of_all_classes_changes_no_score(judge):
    scorer, weights = drawn(2)
    samples = files.in_memory(3).train
    everything = class_filter.ClassFilter(judge, 0.0)
    filtered = class_filter.FilteredScorer(scorer, everything)
    expected = [
        scoring.of_counts(c).counts
        for c in scoring.confusions(scorer, weights, samples)
    ]
    got = list(scoring.confusions(filtered, weights, samples))
    np.testing.assert_array_equal(got, expected)


def test_verdicts_are_counted(judge):
    samples = files.in_memory(3).train
    threshold, _ = threshold_between(judge, samples[0].image(), 1)
    filtering = class_filter.ClassFilter(judge, threshold)
    expected = np.zeros((2, 2), int)
    for sample in samples:
        shown, kept = set(sample.labels().ravel()), filtering.kept(sample.image())
        for c in range(CLASSES):
            expected[int(c in shown), int(kept[c])] += 1
    np.testing.assert_array_equal(class_filter.verdicts(filtering, samples), expected)
    said = class_filter.describe(np.array([[6, 2], [1, 3]]))
    assert said == (
        "of the classes that an image shows 75.00 % are kept, of the others 75.00 % "
        "are dropped"
    )


@pytest.mark.parametrize(
    "facts", [{"image_shape": (None, None, 1)}, {"bands": Bands(3, 0.0, 4095.0)}]
)
def test_a_filter_that_saw_images_of_another_kind_is_refused(judge, facts):
    config = evaluate.Config(class_filter="runs/mlmt")
    assert commands_of_task._filter(judge, judge, config).judge is judge
    other = dataclasses.replace(judge, **facts)
    with pytest.raises(UsageError, match="runs/mlmt was trained on images of another"):
        commands_of_task._filter(other, judge, config)


@pytest.fixture(name="runs", scope="module")
def fixture_runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name in ("supervised", "mlmt"):
        more = () if name == "supervised" else ("--unlabeled_ratio=1",)
        ended = short.session(
            folder / name, f"--algorithm={name}", *short.SINGLE, *more
        )
        assert ended.code == 0, ended.err
    return folder


def evaluated(capsys, *argv):
    with short.few_samples():
        assert evaluate.main(list(argv)) == 0
    return capsys.readouterr().out


def test_the_command(runs, capsys):
    run, judge = f"--workdir={runs / 'supervised'}", f"--class_filter={runs / 'mlmt'}"
    plain = evaluated(capsys, run)
    filtered = evaluated(capsys, run, judge)
    verdict = r"(\w+): of the classes that an image shows [\d.]+ % are kept, of .*\n"
    assert re.findall(verdict, filtered) == ["validation", "test"]
    # All is found with a threshold of 0.
    everything = evaluated(capsys, run, judge, "--class_filter_threshold=0")
    assert re.sub(verdict, "", everything) == plain
    released = evaluated(capsys, run, judge, "--class_filter_form=released")
    assert "mean IoU" in released


def test_wrong_filters(runs, capsys, tmp_path):
    run = f"--workdir={runs / 'supervised'}"
    said = commands.refusal(capsys, evaluate.main, run, f"--class_filter={tmp_path}")
    assert f"--class_filter={tmp_path} holds no run" in said
    given = f"--class_filter={runs / 'supervised'}"
    said = commands.refusal(capsys, evaluate.main, run, given)
    assert "is a run of --algorithm=supervised" in said and "mlmt" in said
