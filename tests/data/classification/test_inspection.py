"""What is said of a folder of images, against what was put there."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.data import image_files
from mixdmt_tf.data.classification import inspection
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


def said(root):
    report = inspection.inspect(root)
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
        ("labeled/cat/00", "labeled/dog/x", "with labels of several classes"),
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
    listed = [(root, "labelled", 0)] * 15 + [(root, "test", 0)] * 5
    chosen = inspection._chosen(listed)
    assert len(chosen) == 10 and {0, 14} <= chosen and max(chosen) == 14


def test_progress_and_nothing_written(root, monkeypatch):
    monkeypatch.setattr(inspection, "_CHUNK", 10)
    before = sorted(path.stat().st_mtime_ns for path in root.rglob("*"))
    seen = []
    inspection.inspect(root, lambda *numbers: seen.append(numbers))
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
        inspection.inspect(tmp_path)
