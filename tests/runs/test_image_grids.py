"""Grids and confusion matrices."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.runs.image_grids import confusion_matrix, grid, matrix_picture


def test_a_grid_holds_every_picture_in_reading_order():
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1).repeat(2, 1).repeat(2, 2)
    picture = grid(images, columns=3, scale_to=4)
    tile = 2 * 2 + 2  # twice as large, with a line around
    assert picture.shape == (2 * tile, 3 * tile, 3) and picture.dtype == np.uint8
    centres = picture[tile // 2 :: tile, tile // 2 :: tile, 0]
    assert centres.tolist() == [[0, 1, 2], [3, 4, 255]]
    assert (picture[::tile] == 255).all() and (picture[:, ::tile] == 255).all()


def test_large_and_coloured_pictures_stay_as_they_are():
    images = np.random.default_rng(0).integers(0, 255, (2, 70, 50, 3), np.uint8)
    picture = grid(images, columns=2)
    np.testing.assert_array_equal(picture[1:71, 1:51], images[0])
    np.testing.assert_array_equal(picture[1:71, 53:103], images[1])


def test_a_confusion_matrix_counts_true_by_predicted():
    counts = confusion_matrix(np.array([0, 0, 2], np.int32), np.array([0, 1, 0]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 0]]


def cells(picture, number, cell):
    """The part of a confusion matrix that shows the counts."""
    return picture[-number * cell :, -number * cell :]


def test_rows_of_the_picture_are_scaled_to_one():
    whole = matrix_picture(np.array([[10, 0], [1, 3]]), ["cat", "owl"], cell=20)
    picture = cells(whole, 2, 20)
    assert whole.dtype == np.uint8 and whole.shape[2] == 3
    assert picture[0, 0].tolist() == [8, 48, 107]
    assert picture[0, 20].tolist() == [255, 255, 255]
    quarter, three_quarters = picture[20, 0, 0], picture[20, 20, 0]
    assert 255 > quarter > three_quarters > 8


def test_a_class_without_images_is_white():
    picture = matrix_picture(np.zeros((2, 2), np.int64), cell=1)
    assert (picture == 255).all()


@pytest.mark.parametrize("named", [0, 2])
def test_names_are_beside_their_rows_and_above_their_columns(named):
    names = ["", "", ""]
    names[named] = "a long name"
    cells = matrix_picture(np.eye(3), cell=20)
    picture = matrix_picture(np.eye(3), names, cell=20)
    margin = picture.shape[0] - 60
    assert picture.shape == (margin + 60, margin + 60, 3)
    np.testing.assert_array_equal(picture[margin:, margin:], cells)
    rows, columns = picture[margin:, :margin], picture[:margin, margin:]
    for ink in ((rows < 128).any((1, 2)), (columns < 128).any((0, 2))):
        where = np.flatnonzero(ink)
        assert len(where) and set(where // 20) == {named}
    # A name ends beside its row, and begins above its column.
    assert (rows < 128).any((0, 2))[-12:].any()
    assert (columns < 128).any((1, 2))[-12:].any()


def test_a_hundred_classes_have_no_names():
    names = [f"class {i}" for i in range(100)]
    assert matrix_picture(np.eye(100), names, cell=2).shape == (200, 200, 3)


def test_the_picture_of_many_classes_is_no_larger_than_that_of_sixty():
    picture = matrix_picture(np.eye(80))
    assert picture.shape == (1440, 1440, 3)
    assert picture[17, 17].tolist() == [8, 48, 107] and (picture[17, 18] == 255).all()
    assert matrix_picture(np.eye(255)).shape == (1275, 1275, 3)
