"""Folders of images whose parts are called otherwise."""

import unicodedata

import pytest

from mixdmt_tf.data.classification import datasets
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.errors import UsageError, UserError
from tests.data.classification.datasets.test_folder import _load, _paint


@pytest.mark.parametrize(
    "found, expected",
    [
        ("unlabelled", "unlabeled"),
        ("validation", "val"),
        ("valid", "val"),
        ("Test", "test"),
    ],
)
def test_other_names_of_parts_are_not_passed_over(found, expected, tmp_path):
    _paint(tmp_path, "train/a/1.png", "train/b/1.png", f"{found}/a/1.png")
    said = f"{found}/ would not be used; expected {expected}/"
    with pytest.raises(UserError, match=said):
        _load(tmp_path)
    (tmp_path / found).rename(tmp_path / expected)
    assert len(_load(tmp_path).notes) == 0


def test_other_names_beside_the_parts_themselves_are_left_alone(tmp_path):
    names = ("train/a/1.png", "train/b/1.png", "test/a/1.png", "tests/1.png")
    _paint(tmp_path, *names)
    assert len(_load(tmp_path).test) == 1


def test_a_data_set_by_name_does_not_take_folders_of_images_for_its_own(tmp_path):
    _paint(tmp_path, "train/a/1.png", "train/b/1.png")
    config = Config(dataset="cifar10", data_dir=str(tmp_path))
    with pytest.raises(UsageError, match="Add --dataset=folder to train on these"):
        datasets.find(config)


def test_classes_that_differ_in_how_accents_are_encoded_stay_apart(tmp_path):
    names = [unicodedata.normalize(form, "é") for form in ("NFC", "NFD")]
    _paint(tmp_path, *(f"train/{name}/1.png" for name in names), "train/a/1.png")
    source = _load(tmp_path)
    assert sorted(source.train.labels.tolist()) == [0, 1, 2]
    _paint(tmp_path, f"test/{names[0]}/2.png", f"test/{names[1]}/3.png")
    source = _load(tmp_path)
    assert [source.class_names[n] for n in source.test.labels] == sorted(names)
