"""Folders of TensorBoard: what matters first, each class last."""

from __future__ import annotations

import pytest

from mixdmt_tf.runs import tags


@pytest.mark.parametrize(
    "name, folder",
    [
        ("loss", "2 loss"),
        ("loss_xu", "2 loss"),
        ("guess_accuracy", "3 pseudo labels"),
        ("ood_kept", "3 pseudo labels"),
        ("weight_wrong", "3 pseudo labels"),
        ("agree", "3 pseudo labels"),
        ("lambda_u", "5 schedule and speed"),
        ("learning_rate", "5 schedule and speed"),
        ("ood_rate_estimate", "5 schedule and speed"),
        ("ood_rate_low", "5 schedule and speed"),
    ],
)
def test_where_a_number_of_a_step_is_shown(name, folder):
    assert tags.step_tag(name) == f"{folder}/{name}"


def test_scores_are_before_everything_and_classes_after():
    found = [
        tags.class_tag("recall", "test", "dog"),
        tags.fine_grained_tag("test_raw"),
        tags.step_tag("loss"),
        tags.score_tag("error", "validation"),
        tags.score_tag("error", "test_raw"),
        tags.score_tag("error", "test"),
    ]
    assert sorted(found) == [
        "1 score/error, test",
        "1 score/error, test, raw weights",
        "1 score/error, validation",
        "2 loss/loss",
        "7 fine-grained accuracy/test, raw weights",
        "9 each class, recall on test/dog",
    ]


def test_a_class_whose_name_is_a_number_says_what_it_is():
    assert tags.class_tag("IoU", "test", "7") == "9 each class, IoU on test/class 7"
