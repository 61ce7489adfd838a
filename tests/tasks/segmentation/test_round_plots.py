"""What can be seen of a run in rounds on images: the same bytes, each number once."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf import plots
from mixdmt_tf.data.segmentation import splits
from mixdmt_tf.data.segmentation.source import voc_colours
from mixdmt_tf.models import small_segmenter
from mixdmt_tf.runs.trained import Trained
from mixdmt_tf.tasks.segmentation import inspection, round_plots
from mixdmt_tf.tasks.segmentation.inspection import (
    Inspection,
    beside_one_another,
    column,
    shade,
)
from mixdmt_tf.tasks.segmentation.prediction import legend
from mixdmt_tf.tasks.segmentation.scoring import Scorer
from tests.data.segmentation import files, guesses
from tests.rounds.made_rounds import pngs
from tests.tasks.classification.test_recorder import events, scalar
from tests.tasks.segmentation import short
from tests.tasks.segmentation.made_rounds import BASES, a_round, mutual

IMAGES = files.in_memory(9)
SPLIT = splits.make_split(IMAGES, "4", 0)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Charts of few pixels."""
    monkeypatch.setattr(plots, "DPI", 40)


def noise(seed, size=(5, 7)):
    return files.photo(*size, seed)


def test_greys_of_weights():
    weights = np.array([[0.0, 0.25, 1.0], [2.0, -1.0, 0.5]])
    found = shade(weights)
    assert found.dtype == np.uint8 and found.shape == (2, 3, 3)
    assert found[..., 0].tolist() == [[0, 64, 255], [255, 0, 128]]
    assert (found == found[..., :1]).all()


def test_a_picture_that_is_much_higher_than_wide():
    assert np.asarray(column("a", [np.zeros((1000, 3, 3), np.uint8)])).shape[1] == 5


def test_a_column_has_a_title_and_its_pictures_below_one_another():
    """Each 160 high in its own proportions, its pixels as they are."""
    red, green = (np.full((20, width, 3), 0, np.uint8) for width in (10, 40))
    red[..., 0], green[..., 1] = 255, 255
    found = np.asarray(column("weights", [red, green]))
    assert found.shape == (24 + 2 * 164, 320 + 4, 3)
    assert (found[:24] != 255).any()  # the title
    first, second = found[26:186], found[190:350]
    assert (first[:, 2:82] == [255, 0, 0]).all() and (first[:, 82:] == 255).all()
    assert (second[:, 2:322] == [0, 255, 0]).all()
    assert (found[:, :2] == 255).all() and (found[186:190] == 255).all()


def test_columns_beside_one_another():
    one, two = (
        Image.fromarray(noise(seed, size)) for seed, size in ((0, (5, 7)), (1, (9, 3)))
    )
    found = np.asarray(beside_one_another([one, two]))
    assert found.shape == (9, 10, 3)
    np.testing.assert_array_equal(found[:5, :7], np.asarray(one))
    np.testing.assert_array_equal(found[:, 7:], np.asarray(two))
    assert (found[5:, :7] == 255).all()


def test_samples_are_chosen_evenly_and_always_the_same():
    ids = np.arange(100, 200)
    assert inspection.chosen(ids, 4) == [100, 133, 166, 199]
    assert inspection.chosen(ids[:3], 4) == [100, 101, 102]
    assert inspection.chosen(ids, 32) == sorted(set(inspection.chosen(ids, 32)))


def test_samples_and_what_is_true_of_them():
    source = files.in_memory(9, unknown=[SPLIT.unlabeled[0]])
    images, truths = inspection.originals(source, SPLIT.unlabeled)
    assert len(images) == len(truths) == 4
    np.testing.assert_array_equal(images[0], files.photo())
    assert (truths[0] == 255).all()  # unknown
    colours = np.concatenate([voc_colours(3), np.full((253, 3), 255, np.uint8)])
    np.testing.assert_array_equal(truths[1], colours[files.numbers()])


@pytest.fixture
def written(tmp_path):
    """A run folder after two rounds of two models."""
    for place, each in enumerate(mutual()):
        seen = Inspection(None, None, *([noise(s + place)] * 4 for s in (0, 9)))
        round_plots.of_round(tmp_path, each["stage"], seen)
    round_plots.write(tmp_path, mutual(), BASES, IMAGES, SPLIT)
    return tmp_path


NAMES = {"pseudo_labels_a.png", "pseudo_labels_b.png", "rounds.png"}


def test_the_same_numbers_give_the_same_bytes(written):
    before = {**pngs(written), **pngs(written / "pictures")}
    assert {*before} == NAMES | {f"{each['stage']}.png" for each in mutual()}
    round_plots.write(written, mutual(), BASES, IMAGES, SPLIT)
    assert {**pngs(written), **pngs(written / "pictures")} == before
    assert not list(written.rglob(".*"))


def test_figure_6_has_the_columns_of_each_round(written):
    """Image, truth, for each round pseudo labels and weights; a legend of classes."""
    sample = 4 + round(7 * 160 / 5)
    height = 24 + 4 * 164
    classes = np.asarray(legend(IMAGES.class_names, np.asarray(IMAGES.colours)))
    for model in "ab":
        with Image.open(written / f"pseudo_labels_{model}.png") as figure:
            assert figure.size == (6 * sample + classes.shape[1], height)
            whole = np.asarray(figure)
        at_the_end = whole[: len(classes), 6 * sample :]
        np.testing.assert_array_equal(at_the_end, classes)
        for number in (1, 2):
            name = f"round_{number}_{model}.png"
            with Image.open(written / "pictures" / name) as part:
                expected = np.asarray(part)
            place = slice(2 * number * sample, 2 * (number + 1) * sample)
            np.testing.assert_array_equal(whole[:, place], expected)


@pytest.mark.parametrize("damage", [pathlib.Path.unlink, lambda p: p.write_bytes(b"x")])
def test_a_picture_that_is_lost_does_not_stop_a_run(written, damage):
    damage(written / "pictures" / "round_1_a.png")
    round_plots.write(written, mutual(), BASES, IMAGES, SPLIT)
    sizes = [Image.open(written / f"pseudo_labels_{m}.png").size[0] for m in "ab"]
    assert sizes[1] - sizes[0] == 2 * (4 + round(7 * 160 / 5))


def test_there_is_no_column_of_a_truth_that_nobody_knows(tmp_path):
    seen = Inspection(None, None, [noise(1)] * 4, [noise(2)] * 4)
    (only, *_) = mutual()
    round_plots.of_round(tmp_path, only["stage"], seen)
    unknown = files.in_memory(9, unknown=list(SPLIT.unlabeled))
    assert inspection.originals(unknown, SPLIT.unlabeled)[1] == []
    round_plots.write(tmp_path, [only], BASES, unknown, SPLIT)
    sample = 4 + round(7 * 160 / 5)
    classes = legend(unknown.class_names, np.asarray(unknown.colours))
    (path,) = tmp_path.glob("pseudo_labels*.png")
    with Image.open(path) as figure:
        assert figure.size[0] == 3 * sample + classes.width


def test_tensorboard_has_each_number_once(written):
    round_plots.write(written, mutual(3)[:4], BASES, IMAGES, SPLIT)
    for model, base in BASES.items():
        found = events(written / f"model_{model}")
        assert scalar(found, "4 rounds/test_miou") == {0: base, 1: 45.0, 2: 50.0}
        assert scalar(found, "4 rounds/pseudo_accuracy") == {1: 98.0, 2: 97.0}
        assert scalar(found, "4 rounds/cases_agree") == {1: 90.0, 2: 90.0}
        assert scalar(found, "4 rounds/weight_wrong") == pytest.approx({1: 0.2, 2: 0.2})
        for tag in found.Tags()["tensors"]:
            steps = sorted(each.step for each in found.Tensors(tag))
            last = tag == "6 images/pseudo labels"
            first = [0] if tag == "4 rounds/test_miou" else []
            assert steps == ([2] if last else [*first, 1, 2]), tag


def test_the_course_begins_with_the_base_model():
    rounds = [a_round(number, two=False) for number in (1, 2)]
    charts = round_plots.course(rounds, {"a": 40.0})
    assert len(charts) == 3
    (mious,) = charts[0].series
    assert [(point.x, point.y) for point in mious.points] == [
        *((0, 40.0), (1, 45.0), (2, 50.0))
    ]
    assert plots.draw(*charts).axes[0].get_ylim() == (40.0, 50.0)


def test_nothing_is_drawn_of_what_is_unknown(tmp_path):
    names = ("test_miou", "validation_miou", "pseudo_accuracy", "accuracy_of_all")
    names += ("mean_weight", "weight_right", "weight_wrong")
    cases = {"agree": None, "negative": None, "positive": None}
    nobody = a_round(1, two=False, cases=cases, **dict.fromkeys(names))
    (chart,) = round_plots.course([nobody], {"a": 30.0})
    assert [(point.x, point.y) for point in chart.series[0].points] == [(0, 30.0)]
    round_plots.of_round(
        tmp_path, "round_1", Inspection(None, None, [noise(0)], [noise(1)])
    )
    round_plots.write(tmp_path, [nobody], {"a": None}, IMAGES, SPLIT)
    assert set(pngs(tmp_path)) == {"pseudo_labels.png"}
    found = set(events(tmp_path).Tags()["tensors"])
    assert found == {"6 images/pseudo labels", "4 rounds/share_labeled"}


@pytest.fixture
def student():
    """A network as it begins a round; its averages are other weights."""
    scorer = Scorer(small_segmenter.SmallSegmenter(2, 1), 3)
    rng = np.random.default_rng(0)
    raw = scorer.network.get_weights()
    averaged = [np.abs(rng.normal(0, 0.5, each.shape)) for each in raw]
    return Trained(scorer, averaged, raw, tuple("abc"), (None, None, 3), 0)


@pytest.mark.parametrize("weights", ["ema", "raw"])
def test_weights_are_those_of_the_network_as_it_begins_the_round(
    student, tmp_path, weights
):
    """DMT's weights, one image after the other, by hand."""
    pseudo = guesses.written(tmp_path)
    found = short.changed(
        short.experiment("runs/x", "--algorithm=dmt"), init_weights=weights
    )
    found = dataclasses.replace(
        found, method=dataclasses.replace(found.method, gamma1=2.0, gamma2=3.0)
    )
    seen = inspection.inspect(student, found, pseudo, IMAGES)
    sums, pixels = np.zeros(2), np.zeros(2)
    truth = files.numbers()
    for place, sample_id in enumerate(sorted(SPLIT.unlabeled)):
        labels, confidence = pseudo(sample_id)
        (probs,) = student.scorer.predict(
            student.weights(weights), files.photo()[np.newaxis]
        )
        weight = np.zeros(labels.shape)
        for where in np.ndindex(labels.shape):
            p, label = probs[where], labels[where]
            if label == 255:
                continue
            if p.argmax() == label:
                weight[where] = p[label] ** 2
            elif confidence[where] >= p.max():
                weight[where] = p[label] ** 3
            if truth[where] != 255:
                wrong = int(truth[where] != label)
                sums[wrong] += weight[where]
                pixels[wrong] += 1
        if place in (0, 1, 3, 4):  # four of five are drawn
            drawn = seen.weights[(0, 1, 3, 4).index(place)][..., 0].astype(int)
            assert np.abs(drawn - 255 * weight).max() <= 1
    expected = sums / pixels
    assert [seen.weight_right, seen.weight_wrong] == pytest.approx(expected, rel=1e-4)
    assert 0 < expected.min() < 1


def test_without_a_truth_nobody_knows_what_wrong_labels_weigh(student, tmp_path):
    source = files.in_memory(9, unknown=SPLIT.unlabeled.tolist())
    found = short.experiment("runs/x", "--algorithm=cbst")
    seen = inspection.inspect(student, found, guesses.written(tmp_path), source)
    assert (seen.weight_right, seen.weight_wrong) == (None, None)
    grey = [set(np.unique(each)) for each in seen.weights]
    assert all(each <= {0, 255} for each in grey)  # all that are kept count alike
