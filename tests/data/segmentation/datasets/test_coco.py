"""Folders with COCO's JSON in the layouts of several programs."""

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.data.segmentation import datasets, inspection
from mixdmt_tf.data.segmentation.checking import check
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.errors import UsageError, UserError
from tests.data.segmentation import coco, files

NAMES = ["a.png", "b.png", "c.png"]


def _load(root, **settings):
    return datasets.load(Config(dataset="coco", data_dir=str(root), **settings))


def _names(samples):
    return [sample.name for sample in samples]


def _put(json_path, image_folder, names, annotations=None):
    annotations = coco.everything(names) if annotations is None else annotations
    coco.write(json_path, coco.document(names, annotations))
    coco.images(image_folder, names)


def test_as_coco_itself(tmp_path):
    """Captions and key points are for others; what has no annotation is unlabelled."""
    folder = tmp_path / "annotations"
    things = [
        coco.thing(1, 7, coco.box(1, 1, 4, 3)),
        coco.thing(3, 3, [0, 0, 9, 0, 0, 9]),
    ]
    _put(folder / "instances_train2017.json", tmp_path / "train2017", NAMES, things)
    _put(folder / "instances_val2017.json", tmp_path / "val2017", ["v.png", "w.png"])
    for name in ("captions_train2017", "person_keypoints_train2017"):
        coco.write(folder / f"{name}.json", "{}")
    coco.write(folder / "image_info_test2017.json", "{}")
    coco.images(tmp_path / "unlabeled2017", ["u.png"])
    coco.images(tmp_path / "train2017", ["extra.png"])
    found = _load(tmp_path)
    assert found.class_names == ("background", "cat", "dog")
    expected = [*NAMES, "extra.png", "unlabeled2017/u.png"]
    assert _names(found.train) == expected
    assert [s.known for s in found.train] == [True, False, True, False, False]
    assert (_names(found.validation), found.test) == (["v.png", "w.png"], None)
    labels = found.train[0].labels()
    assert labels.dtype == np.uint8 and labels.shape == (8, 12)
    assert (labels == 2).sum() == 12 and (labels == 0).sum() == 96 - 12
    assert found.train[1].labels() is None
    np.testing.assert_array_equal(found.train[1].image(), files.photo(8, 12, 1))
    check(found)
    with pytest.raises(UsageError, match="val2017.json has the validation images"):
        _load(tmp_path, validation=1)


def test_json_beside_the_images_of_each_part(tmp_path):
    for part, names in (("train", NAMES), ("valid", ["v.png"]), ("test", ["t.png"])):
        _put(tmp_path / part / "_annotations.coco.json", tmp_path / part, names)
    found = _load(tmp_path)
    parts = {name: _names(samples) for name, samples in found.parts()}
    assert parts == {"train": NAMES, "validation": ["v.png"], "test": ["t.png"]}
    check(found)


@pytest.mark.parametrize(
    ("json", "folder"),
    [
        ("annotations/instances_default.json", "images"),
        ("annotations/instances_default.json", "images/default"),
        ("result.json", "images"),
        ("result.json", "."),
    ],
)
def test_one_json_alone(tmp_path, json, folder):
    """Some of its images are held out, always the same."""
    names = [f"{number:02}.png" for number in range(20)]
    _put(tmp_path / json, tmp_path / folder, names)
    found = _load(tmp_path)
    assert (len(found.train), len(found.validation)) == (18, 2)
    assert _names(_load(tmp_path).validation) == _names(found.validation)
    assert len(_load(tmp_path, validation=5).validation) == 5
    check(found)


def test_unlabelled_images_beside_those_whose_names_have_folders(tmp_path):
    (tmp_path / "images" / "deep").mkdir(parents=True)
    names = [f"images/{number:02}.png" for number in range(10)]
    _put(tmp_path / "result.json", tmp_path, [*names, "images/deep/10.png"])
    coco.images(tmp_path / "images", ["a.png"])
    coco.images(tmp_path / "images" / "deep", ["b.png"])
    found = _load(tmp_path)
    unknown = [sample.name for sample in found.train if not sample.known]
    assert unknown == ["images/a.png", "images/deep/b.png"]
    assert all(sample.image_path.is_file() for sample in found.train)


@pytest.mark.parametrize("name", ["cells", "my_test_project", "valid"])
def test_the_name_of_the_whole_folder_names_no_part(name, tmp_path):
    names = [f"{number:02}.png" for number in range(10)]
    _put(tmp_path / name / "_annotations.coco.json", tmp_path / name, names)
    found = _load(tmp_path / name)
    assert len(found.train) + len(found.validation) == 10


def test_images_to_be_judged_need_annotations(tmp_path):
    folder = tmp_path / "annotations"
    _put(folder / "train.json", tmp_path / "train", NAMES)
    one = [coco.thing(2, 3, coco.box(0, 0, 2, 2)), coco.thing(2, 3, bbox=[1, 1, 2, 2])]
    _put(folder / "val.json", tmp_path / "val", ["v.png", "w.png"], one)
    found = _load(tmp_path)
    assert _names(found.validation) == ["w.png"]
    assert found.notes == (
        "1 objects have a box and no outline: it is ignored",
        "1 validation images have no annotation: left out",
    )


def test_panoptic_segments(tmp_path):
    """Their numbers are colours: red is the lowest byte."""
    numbers = np.array([[0, 1, 256, 65536 * 5 + 256 * 7 + 9]] * 8).repeat(3, 1)
    colours = np.stack([numbers & 255, numbers >> 8 & 255, numbers >> 16], -1)
    segments = [
        {"id": 1, "category_id": 7},
        {"id": 256, "category_id": 3},
        {"id": 65536 * 5 + 256 * 7 + 9, "category_id": 7, "iscrowd": 1},
    ]
    things = [
        {"image_id": i, "file_name": f"{name}", "segments_info": segments}
        for i, name in enumerate(NAMES, start=1)
    ]
    folder = tmp_path / "annotations"
    _put(folder / "panoptic_train.json", tmp_path / "train", NAMES, things)
    for name in NAMES:
        files.save(folder / "panoptic_train" / name, colours)
    found = _load(tmp_path)
    assert found.class_names == ("cat", "dog")
    expected = np.array([[255, 1, 0, 255]] * 8).repeat(3, 1)
    np.testing.assert_array_equal(found.train[0].labels(), expected)
    check(found)
    report = inspection.inspect(tmp_path)
    assert report.usable and not report.colours and report.sheet
    assert "1 dog      25.00 %, in 3 images" in "\n".join(report.lines)
    colours[0, 0] = 1, 2, 3
    files.save(folder / "panoptic_train" / "a.png", colours)
    with pytest.raises(
        UserError, match="1 pixels of 1 colours that panoptic_train.json"
    ):
        check(_load(tmp_path))
    assert not inspection.inspect(tmp_path).usable
    check(_load(tmp_path, unknown_colour="ignore"))
    _put(folder / "instances_train.json", tmp_path / "train", NAMES)
    assert _load(tmp_path).class_names == ("background", "cat", "dog")


def test_images_of_another_size_than_they_were_annotated_at(tmp_path):
    _put(tmp_path / "train.json", tmp_path / "images", NAMES)
    files.save(tmp_path / "images" / "b.png", files.photo(9, 12))
    with pytest.raises(UserError, match=r"b.png in .*train.json: 12 x 8; its image is"):
        check(_load(tmp_path))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "images" / "b.png"
    Image.fromarray(files.photo(8, 12)).save(path, exif=exif)
    with pytest.raises(UserError, match="after it was turned as its EXIF"):
        check(_load(tmp_path))


def test_what_a_folder_lacks(tmp_path):
    with pytest.raises(UsageError, match="needs --data_dir"):
        _load("")
    with pytest.raises(UserError, match="expected COCO's JSON"):
        _load(tmp_path)
    _put(tmp_path / "val.json", tmp_path / "images", ["v.png"])
    with pytest.raises(UserError, match="none for training"):
        _load(tmp_path)
    coco.write(tmp_path / "train.json", coco.document(["nowhere.png"]))
    with pytest.raises(UserError, match="such as 'nowhere.png', are in none of"):
        _load(tmp_path)
    _put(tmp_path / "train.json", tmp_path / "images", NAMES)
    coco.write(tmp_path / "train_2.json", "{}")
    with pytest.raises(UserError, match="train.json, .*train_2.json are for the same"):
        _load(tmp_path)
    (tmp_path / "train_2.json").unlink()
    other = coco.document(["v.png"], categories=[{"id": 1, "name": "cow"}])
    coco.write(tmp_path / "val.json", other)
    with pytest.raises(UserError, match="val.json has other categories than .*cow"):
        _load(tmp_path)
