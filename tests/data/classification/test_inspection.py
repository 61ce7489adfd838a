"""What is said of a folder of images, against what was put there."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.data import image_files
from mixdmt_tf.data.classification import inspection
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.listing import Listed
from mixdmt_tf.errors import UserError

COLOURS = {"cat": (200, 0, 0), "dog": (0, 200, 0), "unlabelled": (0, 0, 200)}


@pytest.fixture(name="root")
def fixture_root(tmp_path):
    """Fifteen cats, three dogs, and others, each of its own width."""
    number = 20
    for folder, count, colour in (
        ("labeled/cat", 15, "cat"),
        ("labeled/dog", 3, "dog"),
        ("unlabeled/deep", 4, "unlabelled"),
        ("val/cat", 2, "cat"),
        ("test/dog", 3, "dog"),
    ):
        path = tmp_path / folder
        path.mkdir(parents=True)
        for name in range(count):
            image = Image.new("RGB", (number, 12), COLOURS[colour])
            image.save(path / f"{name:02}.png")
            number += 1
    return tmp_path


def of(root, **more):
    return Config(**{"dataset": "folder", "data_dir": str(root), **more})


def said(root, **more):
    report = inspection.inspect(of(root, **more))
    return "\n".join(report.lines), report


def section(text, start):
    """Lines that belong to the one that begins so."""
    lines = text[text.index(start) :].splitlines()
    own = [lines[0]]
    for line in lines[1:]:
        if not line.startswith("  "):
            break
        own.append(line)
    return own


def test_counts_and_sizes(root):
    (root / "labeled/notes.txt").write_text("no image")
    text, report = said(root)
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines()[1:6]}
    assert rows == {
        "class": ["labelled", "unlabelled", "validation", "test"],
        "cat": ["15", "0", "2", "0"],
        "dog": ["3", "0", "0", "3"],
        "(unknown)": ["0", "4", "0", "0"],
        "total": ["18", "4", "2", "3"],
    }
    assert re.search(r"width +20 / 33 / 46\n", text)  # 27 files
    assert re.search(r"height +12 / 12 / 12\n", text)
    assert "22 images are more than twice as wide as high" in text
    assert "left out: 1 hidden" in text
    assert "bad files: none" in text and "exact duplicates: none" in text
    assert report.usable


def test_sizes_are_those_of_the_image_the_right_side_up(root):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = root / "labeled/dog/turned.jpg"
    Image.new("RGB", (12, 300)).save(path, exif=exif)
    assert image_files.size_of(path) == (300, 12)
    assert re.search(r"width +20 / \d+ / 300\n", said(root)[0])


def test_bad_files_are_named(root):
    for number in range(12):
        (root / f"unlabeled/bad{number:02}.png").write_bytes(b"")
    text, report = said(root)
    lines = section(text, "bad files")
    assert lines[0].startswith("bad files: 12; ")
    assert lines[1].strip() == "unlabeled/bad00.png: empty"
    assert len(lines) == 12 and lines[-1] == "  and 2 more"
    assert not report.usable


@pytest.mark.parametrize(
    ("one", "other", "title"),
    [
        ("labeled/cat/00", "labeled/dog/x", "with different labels"),
        ("labeled/dog/00", "test/dog/x", "trained on and in test"),
        ("unlabeled/deep/00", "test/dog/x", "trained on and in test"),
        ("unlabeled/deep/00", "val/cat/x", "trained on and in validation"),
        ("val/cat/00", "test/cat/x", "both in test and in validation"),
        ("labeled/cat/00", "unlabeled/x", "both labelled and unlabelled"),
        ("unlabeled/deep/00", "unlabeled/x", "within one part"),
    ],
)
def test_duplicates_are_found_by_content(one, other, title, root):
    (root / f"{other}.png").parent.mkdir(exist_ok=True)
    shutil.copy(root / f"{one}.png", root / f"{other}.png")
    text, _ = said(root)
    first, kind, files = section(text, "exact duplicates")
    assert first == "exact duplicates: 1 images occur in several files"
    assert kind.startswith(f"  1 {title}") and kind.endswith(":")
    assert set(files.split()) == {f"{one}.png", "=", f"{other}.png"}


def test_the_sheet_has_a_row_for_each_class(root):
    _, report = said(root)
    sheet = np.asarray(report.sheet)
    step = inspection.SIDE + inspection._LINE + inspection._MARGIN
    for row, (name, count) in enumerate({"cat": 10, "dog": 3, "unlabelled": 4}.items()):
        middle = (
            inspection._MARGIN + row * step + inspection._LINE + inspection.SIDE // 2
        )
        shown = (sheet[middle] == COLOURS[name]).all(axis=-1)
        assert shown.sum() == count * inspection.SIDE
    assert len(sheet) == 3 * step + inspection._MARGIN


def test_images_on_the_sheet_are_spread_over_the_class(root):
    """Rather than the first ones, which are often of one series."""
    files = [(root, "labelled", (0,))] * 15 + [(root, "test", (0,))] * 5
    chosen = inspection._chosen(Listed(root, ("cat",), files, 0))
    assert len(chosen) == 10 and {0, 14} <= chosen and max(chosen) == 14


def test_images_of_another_folder_are_looked_at_too(root, tmp_path_factory):
    others = tmp_path_factory.mktemp("others")
    shutil.copy(root / "test/dog/00.png", others / "same.png")
    text, _ = said(root, unlabeled_dir=str(others))
    assert re.search(r"\(unknown\) +0 +5 +0 +0\n", text)
    _, kind, files = section(text, "exact duplicates")
    assert kind.startswith("  1 trained on and in test") and "/same.png" in files


def test_images_that_are_no_photographs(tmp_path):
    for number, name in enumerate(("a", "b")):
        path = tmp_path / "train" / name / "x.npy"
        path.parent.mkdir(parents=True)
        np.save(path, np.full((12, 20, 5), 100 * number + np.arange(5), np.uint16))
    text, report = said(tmp_path, channels=5, pixel_range="0,510")
    assert re.search(r"width +20 / 20 / 20\n  height +12 ", text)
    assert "bad files: none" in text
    # The first three channels are what people see.
    colour = np.asarray(report.sheet)[-inspection.SIDE // 2, 20]
    np.testing.assert_allclose(colour, (50, 50, 51), atol=1)
    assert "left out" not in text
    assert "x.npy: 5 channels; expected --channels=2" in said(tmp_path, channels=2)[0]


def test_images_of_several_labels(tmp_path):
    """Each is counted, and shown, with each label it has."""
    for number, name in enumerate("abcdefg"):
        image = Image.new("RGB", (20, 12), (30 * (number - (name == "g")), 0, 9))
        image.save(tmp_path / f"{name}.png")
    rows = "a,,1,1 b,,1,0 c,,0,0 d,,, e,val,0,1 f,test,1,1 g,,0,1"
    rows = "\n".join(row.replace(",", ".png,", 1) for row in rows.split())
    (tmp_path / "labels.csv").write_text(f"file,split,sea,dune\n{rows}\n")
    text, report = said(tmp_path, dataset="multilabel_folder")
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines()[2:7]}
    assert rows == {
        "sea": ["2", "0", "0", "1"],
        "dune": ["2", "0", "1", "1"],
        "(unknown)": ["0", "1", "0", "0"],
        "(none)": ["1", "0", "0", "0"],
        "total": ["4", "1", "1", "1"],
    }
    _, kind, files = section(text, "exact duplicates")
    assert kind == "  1 with different labels:"
    assert files.split() == ["f.png", "=", "g.png"] and "left out" not in text
    step = inspection.SIDE + inspection._LINE + inspection._MARGIN
    assert report.sheet.height == 4 * step + inspection._MARGIN
    (tmp_path / "b.png").unlink()
    with pytest.raises(UserError, match="there is no PNG, JPEG or BMP image b.png"):
        said(tmp_path, dataset="multilabel_folder")


def test_progress_and_nothing_written(root, monkeypatch):
    monkeypatch.setattr(inspection, "_CHUNK", 10)
    before = sorted(path.stat().st_mtime_ns for path in root.rglob("*"))
    seen = []
    inspection.inspect(of(root), lambda *numbers: seen.append(numbers))
    assert seen == [(10, 27), (20, 27), (27, 27)]
    assert sorted(path.stat().st_mtime_ns for path in root.rglob("*")) == before


def test_no_image_at_all_can_be_used(tmp_path):
    for name in ("train/a/1.png", "train/b/2.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    text, report = said(tmp_path)
    assert "no image can be used" in text and "bad files: 2" in text
    assert report.sheet is None and not report.usable


def test_another_layout_is_refused(tmp_path):
    with pytest.raises(UserError, match="expected train/<class>/"):
        inspection.inspect(of(tmp_path))
