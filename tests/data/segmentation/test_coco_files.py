"""COCO's JSON: what is read of it, and everything that may be wrong with it."""

import copy

import numpy as np
import pytest

from mixdmt_tf.data.segmentation import coco_files, json_files
from mixdmt_tf.data.segmentation.regions import label_map
from mixdmt_tf.errors import UserError
from tests.data.segmentation import coco
from tests.oracles import coco as oracle

BOX = coco.box(1, 1, 4, 3)


def read(tmp_path, content):
    return coco_files.read(coco.write(tmp_path / "a.json", content))


def labels(found, place=0):
    entry = found.entries[place]
    return label_map(entry.regions, *entry.size, found.background)


def test_categories_become_classes_in_the_order_of_their_ids(tmp_path):
    things = [coco.thing(2, 7, BOX), coco.thing(2, 3, coco.box(6, 5, 2, 2))]
    found = read(tmp_path, coco.document(["a.jpg", "b.jpg"], things))
    assert (found.class_names, found.background) == (("background", "cat", "dog"), 0)
    assert [entry.file_name for entry in found.entries] == ["a.jpg", "b.jpg"]
    assert not found.entries[0].regions
    expected = np.zeros((8, 12), int)
    expected[1:4, 1:5], expected[5:7, 6:8] = 2, 1
    np.testing.assert_array_equal(labels(found, 1), expected)


def test_a_category_called_background_is_what_no_outline_has(tmp_path):
    categories = [*coco.CATEGORIES, {"id": 5, "name": "Background"}]
    things = [coco.thing(1, 7, BOX)]
    found = read(tmp_path, coco.document(["a.jpg"], things, categories))
    assert found.class_names == ("cat", "Background", "dog")
    assert [(labels(found) == each).sum() for each in (0, 1, 2)] == [0, 96 - 12, 12]


def test_categories_of_one_name_are_one_class(tmp_path):
    """Roboflow's own category may have the name of the only class."""
    categories = [{"id": 0, "name": "dog"}, *coco.CATEGORIES]
    things = [coco.thing(1, 7, BOX), coco.thing(1, 0, coco.box(6, 5, 2, 2))]
    found = read(tmp_path, coco.document(["a.jpg"], things, categories))
    assert found.class_names == ("background", "dog", "cat")
    expected = np.zeros((8, 12), int)
    expected[1:4, 1:5], expected[5:7, 6:8] = 1, 1
    np.testing.assert_array_equal(labels(found), expected)


def test_crowds_and_boxes_are_ignored(tmp_path):
    mask = np.zeros((8, 12), bool)
    mask[2:6, 3:9] = True
    lengths = oracle.runs(mask.tolist())
    crowd = coco.thing(1, 3, iscrowd=1)
    crowd["segmentation"] = {"size": [8, 12], "counts": lengths}
    packed = copy.deepcopy(crowd)
    packed.update(image_id=2, iscrowd=0)
    packed["segmentation"]["counts"] = oracle.packed(lengths)
    alone = coco.thing(3, 7, bbox=[2, 1, 3, 5])
    names = ["a.jpg", "b.jpg", "c.jpg"]
    found = read(tmp_path, coco.document(names, [crowd, packed, alone]))
    np.testing.assert_array_equal(labels(found, 0), np.where(mask, 255, 0))
    np.testing.assert_array_equal(labels(found, 1), mask.astype(int))
    assert (labels(found, 2) == 255).sum() == 15
    assert found.boxes == 1


def test_segments_of_panoptic_annotations(tmp_path):
    segments = [
        {"id": 70000, "category_id": 3},
        {"id": 2, "category_id": 7, "iscrowd": 1},
    ]
    one = {"image_id": 1, "file_name": "a.png", "segments_info": segments}
    found = read(tmp_path, coco.document(["a.jpg"], [one]))
    assert (found.class_names, found.background) == (("cat", "dog"), 255)
    entry = found.entries[0]
    assert (entry.segments, entry.segments_file) == ({70000: 0, 2: 255}, "a.png")


def changed(path, value):
    """A document that is right but for one value; DELETE: without it."""
    things = [coco.thing(1, 7, BOX), coco.thing(1, 3)]
    things[1]["segmentation"] = {"size": [8, 12], "counts": [90, 6]}
    result = coco.document(["a.jpg", "b.jpg"], things)
    *parents, last = path
    inner = result
    for key in parents:
        inner = inner[key]
    if value is DELETE:
        del inner[last]
    else:
        inner[last] = value
    return result


DELETE = object()
FIRST, SECOND = ("annotations", 0), ("annotations", 1)
POLYGON, COUNTS = (*FIRST, "segmentation"), (*SECOND, "segmentation", "counts")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("images",), DELETE, "images: expected a list of objects"),
        (("images",), {}, "images: expected a list of objects"),
        (("images",), [], "images: there is none"),
        (("images", 1), 3, r"images\[1\]: expected an object"),
        (("images", 1, "id"), 1.0, r"images\[1\]: id: expected a whole number or a te"),
        (("images", 1, "id"), 1, r"images\[1\]: the id 1 or 'b.jpg' twice"),
        (("images", 1, "file_name"), "a.jpg", "twice"),
        (("images", 1, "file_name"), "../b.jpg", "leads out of the folder"),
        (("images", 1, "file_name"), "x/..\\..\\b.jpg", "leads out of the folder"),
        (("images", 1, "file_name"), "/etc/passwd", "leads out of the folder"),
        (("images", 1, "file_name"), "", "leads out of the folder"),
        (("images", 1, "file_name"), "a\0b", "leads out of the folder"),
        (("images", 1, "height"), 0, r"images\[1\]: 12 x 0 pixels"),
        (("images", 1, "height"), True, "height: expected a whole number"),
        (("images", 1, "width"), 10**30, "pixels"),
        (("categories",), [], "1 classes; expected 2 to 255"),
        (("categories", 1, "id"), 7, r"categories\[1\]: the id 7 twice"),
        (("categories", 1, "name"), " ", "the id 3 has no name"),
        (("categories", 1, "name"), None, "name: expected a text"),
        ((*FIRST, "image_id"), 9, r"annotations\[0\]: no image has the id 9"),
        ((*FIRST, "image_id"), [1], "image_id: expected"),
        ((*FIRST, "category_id"), 9, "no category has the id 9"),
        ((*FIRST, "category_id"), "7", "category_id: expected a whole number"),
        (POLYGON, DELETE, r"annotations\[0\]: has neither segmentation nor bbox"),
        (POLYGON, "text", r"annotations\[0\]\.segmentation: expected a list of poly"),
        (POLYGON, [BOX[:-1]], r"segmentation\[0\]: expected x, y, x, y"),
        (POLYGON, [[]], r"segmentation\[0\]: expected x, y, x, y"),
        (POLYGON, [BOX, 5], r"segmentation\[1\]: expected a list of numbers"),
        (FIRST, dict(coco.thing(1, 7), bbox=[1, 2, 3]), "a list of 4 numbers"),
        (POLYGON, [[*BOX[:-1], "4"]], "'4': expected a number of pixels"),
        (POLYGON, [[*BOX[:-1], True]], "True: expected a number of pixels"),
        (POLYGON, [[*BOX[:-1], 1e300]], "expected a number of pixels"),
        (POLYGON, [[1, 2] * 100_001], "more than 100,000 corners"),
        ((*SECOND, "segmentation", "size"), [12, 8], r"size: expected \[8, 12\]"),
        (COUNTS, [90, 5], "expected numbers of 96 pixels in all"),
        (COUNTS, [100, -4], "expected numbers of 96 pixels in all"),
        (COUNTS, [2**63, 1], "segmentation.counts: "),
        (COUNTS, [2**62, 2**62, 2**62, 2**62, 96], "96 pixels in all"),
        (COUNTS, [90.0, 6.0], "expected a text or a list of integers"),
        (COUNTS, None, "expected a text or a list of integers"),
        (COUNTS, "\x01", "no compressed run lengths"),
        (COUNTS, "PPP", "cut off"),
        (COUNTS, "ooooooooo0", "no compressed run lengths"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, path, value, message):
    assert read(tmp_path, changed(("info",), {})).entries  # right without the change
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, changed(path, value))
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'a.json'}: ") and said.isprintable()
    assert len(said) < 300 + len(str(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "3",
        "[" * 100_000,
        '{"images": NaN}',
        '{"images": -Infinity}',
        '{"a": ' * 50_000,
        '{"a": ' + "9" * 5000 + "}",
    ],
)
def test_no_json_or_none_of_ours(tmp_path, content):
    with pytest.raises(UserError, match="a.json: "):
        read(tmp_path, content)


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="none.json: missing"):
        coco_files.read(tmp_path / "none.json")
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="a.json: is no JSON"):
        coco_files.read(tmp_path / "a.json")
    monkeypatch.setattr(json_files, "MAX_BYTES", 10)
    with pytest.raises(UserError, match="larger than 10 bytes"):
        read(tmp_path, coco.document(["a.jpg"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda each: each.update(segments_info=3), "segments_info: expected a list"),
        (lambda each: each["segments_info"][0].update(id=0), "the id 0 twice, or out"),
        (lambda each: each["segments_info"][0].update(id=2**24), "out of range"),
        (lambda each: each["segments_info"].append({"id": 1, "category_id": 3}), "twi"),
        (lambda each: each["segments_info"][0].update(category_id=1), "no category"),
        (lambda each: each.update(file_name="../a.png"), "leads out"),
        (lambda each: each.pop("file_name"), "file_name: expected a text"),
    ],
)
def test_wrong_segments(tmp_path, change, message):
    one = {"image_id": 1, "file_name": "a.png"}
    one["segments_info"] = [{"id": 1, "category_id": 3}]
    change(one)
    with pytest.raises(UserError, match=message):
        read(tmp_path, coco.document(["a.jpg"], [one]))
    two = [dict(one, file_name="a.png", segments_info=[]) for _ in range(2)]
    with pytest.raises(UserError, match="a second one for 'a.jpg'"):
        read(tmp_path, coco.document(["a.jpg"], two))
