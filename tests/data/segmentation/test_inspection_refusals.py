"""Folders of masks that training would refuse."""

import numpy as np

from tests.data.segmentation import files
from tests.data.segmentation.test_inspection import inspect, put


def test_what_training_refuses_for_a_reason_of_its_own(tmp_path):
    put(tmp_path, ["a", "b"])
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    files.save(tmp_path / "images" / "a.jpg", files.photo(16, 16, 3))
    report, text = inspect(tmp_path)
    assert not report.usable
    assert "training refuses the folder" in text and "both a.jpg and a.png" in text


def test_masks_of_ignored_pixels_alone(tmp_path):
    put(tmp_path, ["a", "b"])
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    for mask in (tmp_path / "masks").iterdir():
        files.save(mask, np.full((16, 16), 255, np.uint8))
    report, text = inspect(tmp_path)
    assert not report.usable and "all pixels of the masks of train are 255" in text


def test_masks_of_one_part_that_are_ignored(tmp_path):
    put(tmp_path, ["a", "b"])
    put(tmp_path / "val", ["c"])
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    files.save(tmp_path / "val/masks/c.png", np.full((16, 16), 255, np.uint8))
    report, text = inspect(tmp_path)
    assert not report.usable and "all pixels of the masks of validation are 255" in text
    assert "masks of train" not in text
