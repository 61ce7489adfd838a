"""Names of images and masks whose accents are encoded in two ways."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from mixdmt_tf.data.csv_rows import FORMS
from mixdmt_tf.data.segmentation import datasets, inspection
from mixdmt_tf.data.segmentation.config import Config
from tests.data.segmentation import files


@pytest.mark.parametrize("masked", FORMS)
@pytest.mark.parametrize("shown", FORMS)
@pytest.mark.parametrize("dataset", ["mask_folder", "voc"])
def test_masks_belong_to_their_images(dataset, shown, masked, tmp_path):
    photos, maps = "images", "masks"
    if dataset == "voc":
        photos, maps = "JPEGImages", "SegmentationClass"
    names = [unicodedata.normalize(shown, each) for each in ("é", "ü", "a")]
    for seed, name in enumerate(names):
        other = unicodedata.normalize(masked, name)
        files.save(tmp_path / photos / f"{name}.png", files.photo(8, 8, seed))
        numbers = np.full((8, 8), seed % 2, np.uint8)
        files.save(tmp_path / maps / f"{other}.png", numbers)
    lists = tmp_path / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    for part, some in (("train", names[:2]), ("val", names[2:])):
        (lists / f"{part}.txt").write_text("\n".join(some) + "\n", "utf-8")
    (tmp_path / "classes.txt").write_text("sky\nroad\n")
    found = datasets.load(Config(dataset=dataset, data_dir=str(tmp_path)))
    samples = [*found.train, *found.validation]
    assert {each.name for each in samples} == set(names)
    for each in samples:
        assert each.known and (each.labels() == names.index(each.name) % 2).all()
    assert inspection.inspect(tmp_path, dataset).usable
