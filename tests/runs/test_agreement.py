"""Exported models beside the network."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import agreement

IMAGES = [np.zeros((3, 2, 2, 1), np.uint8), np.zeros((1, 2, 2, 1), np.uint8)]
SAMPLES = agreement.Samples(IMAGES, "test")


def constant(*rows):
    """A model that gives the first n rows for n images."""
    return lambda images: np.array(rows[: len(images)], np.float32)


def test_by_hand():
    wanted = constant([0.8, 0.2], [0.4, 0.6], [0.5, 0.5])
    got = constant([0.8, 0.2], [0.6, 0.4], [0.45, 0.55])
    found = agreement.compare(SAMPLES, wanted, got)
    assert (found.images, found.kind) == (4, "test")
    assert found.largest == pytest.approx(0.2)
    assert found.moved == pytest.approx((0.2 + 0.05) / 4)
    assert found.same == pytest.approx(2 / 4)
    assert found.describe() == (
        "compared with the checkpoint on 4 test images: probabilities differ by at "
        "most 0.2, the likeliest class is the same in 50.00 %"
    )


def test_a_pixel_counts_as_an_image_does():
    maps = np.full((1, 2, 2, 2), 0.5, np.float32)
    other = maps + np.float32([0.25, -0.25])
    samples = agreement.Samples([IMAGES[1]])
    found = agreement.compare(samples, lambda _: other, lambda _: maps)
    assert (found.largest, found.moved, found.same) == (0.25, 0.25, 1.0)


def test_a_label_of_several_counts_as_an_image_of_two_classes_does():
    """However many labels there are, little differences of each stay little."""
    wanted = np.tile(np.float32([[0.2, 0.501, 0.9, 0.9]]), 10)
    got = np.tile(np.float32([[0.206, 0.499, 0.9, 0.9]]), 10)
    samples = agreement.Samples([IMAGES[1]], "test")
    found = agreement.compare(samples, lambda _: wanted, lambda _: got, True)
    assert found.largest == pytest.approx(0.006, rel=1e-3)
    assert found.moved == pytest.approx((0.006 + 0.002) / 4, rel=1e-3)
    assert found.same == 0.75
    agreement.require(found, "model", eight_bits=True)


def test_what_is_no_number_is_found():
    wanted = constant(*[[0.5, 0.5]] * 3)
    got = constant([0.5, 0.5], [np.nan, 0.5], [0.5, 0.5])
    found = agreement.compare(SAMPLES, wanted, got)
    for eight_bits in (False, True):
        with pytest.raises(UserError, match="answers differently"):
            agreement.require(found, "model", eight_bits)


def test_what_eight_bits_may_change():
    near = agreement.Agreement(10, "test", 0.3, 0.09, 0.9)
    far = agreement.Agreement(10, "test", 0.3, 0.11, 0.9)
    agreement.require(near, "model", eight_bits=True)
    with pytest.raises(UserError, match="0.11 of the probability moved"):
        agreement.require(far, "model", eight_bits=True)
    with pytest.raises(UserError, match="by up to 0.3, on 10 test images"):
        agreement.require(near, "model", eight_bits=False)
