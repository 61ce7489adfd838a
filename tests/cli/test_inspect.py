"""`bin/inspect`."""

from __future__ import annotations

import shutil

import pytest
from PIL import Image

from mixdmt_tf.cli.inspect import main
from tests.cli import commands


@pytest.fixture(name="root")
def fixture_root(tmp_path):
    for name in ("labeled/a/1.png", "labeled/b/2.png", "test/a/3.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True)
        Image.new("RGB", (9, 9), (50 * len(name), 0, ord(path.stem))).save(path)
    return tmp_path / "photos"


def test_help():
    text = commands.helps_at_once("inspect")
    assert "--data_dir=" in text and "contact sheet" in text


def test_it_prints_and_draws(root, tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    assert main([f"--data_dir={root}", f"--output={sheet}"]) == 0
    out = capsys.readouterr().out
    assert "exact duplicates: none" in out and f"contact sheet: {sheet}" in out
    with Image.open(sheet) as image:
        assert image.format == "PNG" and image.width > 100


def test_images_of_classes_beside_which_annotations_lie(root, capsys):
    """As programs for labelling export them too."""
    (root / "annotations").mkdir()
    (root / "annotations" / "boxes.json").write_text('{"boxes": []}')
    assert main([f"--data_dir={root}", "--output="]) == 0
    assert "labelled" in capsys.readouterr().out


def test_without_a_sheet(root, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([f"--data_dir={root}", "--output="]) == 0
    assert "contact sheet" not in capsys.readouterr().out
    assert not list(tmp_path.glob("*.png"))


def test_images_of_several_labels(tmp_path, capsys):
    Image.new("RGB", (9, 9)).save(tmp_path / "1.png")
    (tmp_path / "labels.csv").write_text("file,sea\n1.png,1\n")
    assert main([f"--data_dir={tmp_path}", "--output="]) == 0
    assert "images for --dataset=multilabel_folder" in capsys.readouterr().out


@pytest.mark.parametrize("beside", ["train/2019", "images", "json"])
def test_a_table_of_labels_counts_whatever_lies_beside_it(beside, tmp_path, capsys):
    """Such as class folders, COCO's JSON, or images and masks."""
    (tmp_path / beside).mkdir(parents=True)
    (tmp_path / "masks").mkdir()
    (tmp_path / "notes.json").write_text("{}")
    Image.new("RGB", (9, 9)).save(tmp_path / beside / "1.png")
    (tmp_path / "labels.csv").write_text(f"File,SPLIT,sea\n{beside}/1.png,train,1\n")
    assert main([f"--data_dir={tmp_path}", "--output="]) == 0
    assert "images for --dataset=multilabel_folder" in capsys.readouterr().out


@pytest.mark.parametrize(
    "table", [b"file,label\nx.png,a\n", b"id,breed\n1,a\n", b"label,r\n\xe9,1\n"]
)
def test_another_table_beside_class_folders(table, root, capsys):
    (root / "labels.csv").write_bytes(table)
    assert main([f"--data_dir={root}", "--output="]) == 0
    assert "images for --dataset=folder" in capsys.readouterr().out


def test_another_table_beside_masks(masks, capsys):
    (masks / "labels.csv").write_text("label,r,g,b\nsea,0,0,255\n")
    assert main([f"--data_dir={masks}", "--output="]) == 0
    assert "--dataset=mask_folder" in capsys.readouterr().out


def test_flags_of_the_data_are_those_of_training(root, tmp_path, capsys):
    shutil.copytree(root / "test", tmp_path / "more")
    argv = [f"--data_dir={root}", f"--unlabeled_dir={tmp_path / 'more'}", "--output="]
    assert main(argv) == 0
    assert "1 trained on and in test" in capsys.readouterr().out
    assert main([*argv, "--channels=1"]) == 0
    assert "bad files: 4" in capsys.readouterr().out


@pytest.fixture(name="masks")
def fixture_masks(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (9, 9), (200, 10, 10)).save(tmp_path / name / "1.png")
    return tmp_path


def test_proposed_colours_without_a_sheet(masks, capsys, monkeypatch):
    """Nothing is written then, and they are not lost."""
    monkeypatch.chdir(masks)
    assert main([f"--data_dir={masks}", "--output="]) == 0
    said = capsys.readouterr().out
    assert "proposed colours, to be copied to colours.txt:\n" in said
    assert "200" in said.partition("proposed colours")[2]
    assert {path.name for path in masks.iterdir()} == {"images", "masks"}


def test_flags_that_images_with_masks_do_not_have(masks, capsys):
    argv = (f"--data_dir={masks}", "--channels=3")
    assert "--channels: " in commands.refusal(capsys, main, *argv)


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        ((), 2, "--data_dir is missing"),
        (("--data_dir=nowhere",), 1, "nowhere is not a folder"),
        (("--data_dir=.",), 1, "expected train/<class>/"),
        (("--data_dir=photos", "--output=sheet.jpg"), 2, "the name of a PNG file"),
        (("--data_dir=photos", "--output=no/where.png"), 1, "cannot be written"),
    ],
)
def test_refusals(argv, code, message, root, capsys, monkeypatch):
    monkeypatch.chdir(root.parent)
    assert message in commands.refusal(capsys, main, *argv, code=code)


def test_colours_that_cannot_be_written(masks, capsys):
    argv = (f"--data_dir={masks}", f"--output={masks / 'no' / 'where.png'}")
    said = commands.refusal(capsys, main, *argv, code=1)
    assert "cannot be written: No such file or directory" in said
