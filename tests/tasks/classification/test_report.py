"""The sections about a classifier, from answers that are made up."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mixdmt_tf.data.classification.source import Images
from mixdmt_tf.report.page import Page, html
from mixdmt_tf.tasks.classification import findings, report
from mixdmt_tf.tasks.classification.findings import Findings, Guessed, Judged
from mixdmt_tf.tasks.classification.scores import Score
from tests.data.classification import made_up
from tests.report.reading import read

NAMES = ("<i>cat</i>", "a & b", "'\"$x$")
MASK = "Images that the out-of-distribution mask rejects"


def images(labels):
    pixels = np.arange(len(labels) * 48, dtype=np.uint8).reshape(-1, 4, 4, 3)
    return Images(pixels, np.array(labels, np.int32))


def found(truth, **more):
    """Of three test images, the last one wrong, and of unlabelled ones."""
    train = images(truth)
    source = dataclasses.replace(
        made_up.source(), class_names=NAMES, train=train, outside_names=("(other)",)
    )
    judged = Judged(
        "test", images([0, 1, 2]), np.array([0, 1, 1]), np.array([0.9, 0.8, 0.99])
    )
    n = len(truth)
    guessed = Guessed(
        np.arange(n),
        n,
        np.zeros(n, np.int32),
        np.linspace(0.4, 0.95, n).astype(np.float32),
        train.labels,
        **more,
    )
    return Findings(source, judged, guessed)


def page(answers):
    sections = report.sections(answers, "<run>")
    return {each.title: each for each in sections}, read(
        html(Page("title", "subtitle", sections))
    )


def test_the_surest_mistake_and_the_most_doubted_image():
    sections, shown = page(found([0, 1, -1]))
    (mistake,) = sections["Surest mistakes"].blocks[0].items[0].pictures
    assert list(mistake.lines) == ["says a & b", "is '\"$x$", "99.0 %"]
    doubted = sections["Most doubted unlabelled images"].blocks[0].items[0].pictures
    assert [list(each.lines) for each in doubted] == [
        ["guess <i>cat</i>", "is <i>cat</i>", "40.0 %"],
        ["guess <i>cat</i>", "is a & b", "67.5 %"],
        ["guess <i>cat</i>", "95.0 %"],  # nobody knows what it is
    ]
    assert MASK not in sections
    assert "i" not in {name for name, _ in shown.tags}
    assert shown.text.count("<run>") == len(sections)


def test_the_mask_rejects_the_lowest_scores_and_says_how_many_are_strangers():
    scores = np.array([0.9, 0.1, 0.5, 0.2, 0.8], np.float32)
    sections, _ = page(found([0, -2, 1, 2, -2], scores=scores, rejected=0.4))
    words, gallery = sections[MASK].blocks[0].items
    assert words.text == (
        "The mask rejects 40.0 % of 5 unlabelled images; 50.0 % of these belong to no "
        "class, of all images 40.0 %."
    )
    assert [each.lines[1] for each in gallery.pictures] == ["is (other)", "is '\"$x$"]
    assert "unlabelled" not in gallery.pictures[0].alt


@pytest.mark.parametrize("scores", [None, np.array([0.1, 0.2], np.float32)])
@pytest.mark.parametrize("rejected", [0.0, 0.5])
def test_the_estimated_share_of_strangers_with_its_interval(scores, rejected):
    more = {"scores": scores, "rejected": rejected}
    sections, shown = page(found([0, -2], strangers=(0.72, 0.655, 0.8), **more))
    assert "estimated as 72.0 % (65.5 % to 80.0 %: 5 and 95 % quantiles" in shown.text
    assert MASK in sections
    sections, shown = page(found([0, -2], **more))
    assert "estimated" not in shown.text


def test_a_mask_whose_scores_are_not_known():
    sections, shown = page(found([0, 1], rejected=0.25))
    assert "The mask left out 25.0 % of the unlabelled images" in shown.text
    assert MASK in sections


def test_unlabelled_images_of_unknown_class():
    sections, shown = page(found([-1, -1]))
    assert "The classes of these unlabelled images are unknown." in shown.text
    assert "(DMT figure 1)" not in shown.text


def test_a_stranger_is_a_wrong_guess_whatever_it_was_taken_for():
    sections, _ = page(found([0, -2]))
    items = sections["Guessed labels against their truth"].blocks[0].items
    assert items[0].text.endswith("100 %: 50.00 %.")
    assert "50.0 % right" in items[1].text


def test_no_mistake_at_all():
    answers = found([0])
    right = dataclasses.replace(answers.judged, predicted=np.array([0, 1, 2]))
    _, shown = page(dataclasses.replace(answers, judged=right, guessed=None))
    assert "No mistake on 3 test images." in shown.text


def test_answers_of_averaged_weights_and_fixed_scores_are_kept():
    probs = np.array([[0.2, 0.8], [0.6, 0.4]], np.float32)
    score = Score(0.0, 0.0, np.zeros(2), probs)
    scores = {"test": score, "test_raw": score}
    kept = findings.as_arrays(scores)
    assert set(kept) == {"test_predicted", "test_confidence"}
    assert kept["test_predicted"].tolist() == [1, 0]
    assert kept["test_confidence"].tolist() == pytest.approx([0.8, 0.6])

    class Fixed:
        def numpy(self):
            return np.array([3.0])

    mask = type("Mask", (), {"scores": Fixed()})
    assert findings.as_arrays(scores, mask)["ood_scores"].tolist() == [3.0]
    assert "ood_scores" not in findings.as_arrays(
        scores, type("M", (), {"scores": None})
    )
