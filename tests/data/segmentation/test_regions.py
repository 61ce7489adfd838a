"""Outlines and run lengths, against COCO's rules written out pixel by pixel."""

import numpy as np
import pytest

from mixdmt_tf.data.segmentation.regions import Region, fill, label_map, read_runs
from tests.oracles import coco as oracle


def polygon(*corners):
    return np.array(corners, np.float32)


def filled(corners, height=9, width=13):
    mask = np.zeros((height, width), bool)
    fill(np.array(corners, np.float64), mask)
    return mask


def box(x, y, width, height):
    return polygon((x, y), (x + width, y), (x + width, y + height), (x, y + height))


@pytest.mark.parametrize("seed", range(20))
def test_pixels_of_polygons(seed):
    """Convex, concave, crossing themselves, partly outside of the image."""
    state = np.random.RandomState(seed)
    corners = state.uniform(-4, 16, (state.randint(3, 12), 2))
    if seed % 3 == 0:  # with edges that go through the centres of pixels
        corners = np.round(corners * 2) / 2
    expected = oracle.polygon([tuple(each) for each in corners], 9, 13)
    np.testing.assert_array_equal(filled(corners), expected)


def test_a_box_has_its_pixels_and_neighbours_share_none():
    left, right = filled(box(2, 1, 3, 4)), filled(box(5, 1, 2, 4))
    assert np.argwhere(left).min(0).tolist() == [1, 2]
    assert (left.sum(), right.sum()) == (12, 8)
    halves = filled(box(0.5, 0.5, 2, 2)), filled(box(2.5, 0.5, 2, 2))
    assert (halves[0] & halves[1]).sum() == 0
    assert (halves[0] | halves[1]).sum() == 8


@pytest.mark.parametrize(
    "corners",
    [
        [(3, 3)],
        [(3, 3), (6, 6)],
        [(1, 3), (5, 3), (9, 3)],
        [(20, 20), (30, 20), (30, 30)],
        [(-9, -9), (-3, -9), (-3, -3)],
        [(2.6, 2.6), (2.9, 2.6), (2.9, 2.9)],
    ],
)
def test_nothing_to_fill(corners):
    assert not filled(corners).any()


def test_many_edges_and_far_corners():
    """More edges than are taken at a time; a triangle that covers the image."""
    angles = np.linspace(0, 2 * np.pi, 5000, endpoint=False)
    corners = np.stack([20 + 15 * np.cos(angles), 20 + 15 * np.sin(angles)], 1)
    rows, columns = np.mgrid[:40, :40] + 0.5
    circle = np.hypot(rows - 20, columns - 20) < 15
    assert (filled(corners, 40, 40) != circle).sum() <= 4
    assert filled([(-1e6, -1e6), (1e6, -1e6), (0, 1e6)]).all()


@pytest.mark.parametrize("seed", range(8))
def test_run_lengths_as_numbers_and_as_text(seed):
    """Column by column; also of an image that is all inside or all outside."""
    state = np.random.RandomState(seed)
    mask = (
        state.uniform(size=(7, 40)) < [0.0, 1.0, 0.5, 0.02, 0.9, 0.1, 0.3, 0.97][seed]
    )
    lengths = oracle.runs(mask.tolist())
    runs = read_runs(oracle.packed(lengths))
    assert runs.tolist() == lengths
    np.testing.assert_array_equal(Region(1, runs=runs).mask(7, 40), mask)


def test_text_that_somebody_else_packed():
    """By pycocotools 2.0: a box of 10x5 pixels at (4, 3) in an image of 30x20."""
    runs = read_runs("c25?00000000000000000m9")
    expected = filled(box(4, 3, 10, 5), 20, 30)
    np.testing.assert_array_equal(Region(1, runs=runs).mask(20, 30), expected)


@pytest.mark.parametrize("text", ["/", "p", "é", "P", "PPPPPPPPPP0", "0 0"])
def test_text_that_is_none(text):
    with pytest.raises(ValueError, match="run lengths"):
        read_runs(text)


def test_the_smaller_lies_on_top_and_of_equal_ones_the_later():
    small, large = Region(1, (box(2, 2, 2, 2),)), Region(2, (box(1, 1, 5, 5),))
    for order in ([small, large], [large, small]):
        labels = label_map(order, 8, 8, 0)
        assert (labels == 1).sum() == 4 and (labels == 2).sum() == 21
    equal = [Region(1, (box(2, 2, 2, 2),)), Region(2, (box(3, 2, 2, 2),))]
    assert label_map(equal, 8, 8, 0)[2, 2:5].tolist() == [1, 2, 2]
    assert label_map(equal[::-1], 8, 8, 0)[2, 2:5].tolist() == [1, 1, 2]


def test_ignored_regions_lie_below_all_others():
    """Even the smallest, though it comes last."""
    crowd, thing = Region(255, (box(3, 3, 1, 1),)), Region(1, (box(2, 2, 3, 3),))
    assert (label_map([thing, crowd], 8, 8, 0) == 255).sum() == 0
    wide = Region(255, (box(0, 0, 8, 4),))
    labels = label_map([thing, wide], 8, 8, 7)
    assert [(labels == each).sum() for each in (1, 255, 7)] == [9, 32 - 6, 32 - 3]
    assert labels.dtype == np.uint8


def test_parts_of_a_region_are_one():
    """They don't cancel out where they overlap."""
    region = Region(1, (box(0, 0, 4, 4), box(2, 2, 4, 4)))
    assert region.mask(8, 8).sum() == 16 + 16 - 4
