"""Data that are not there are noticed before seconds are spent on TensorFlow."""

from __future__ import annotations

import pytest

from tests.cli import commands

LAYOUTS = {
    "folder": "expected train/<class>/ and test/<class>/",
    "mask_folder": "expected images/ and masks/",
    "voc": "expected JPEGImages/, SegmentationClass/",
    "cityscapes": "expected leftImg8bit/{train,val}/<city>/",
}


def refused(*argv, code, monkeypatch, command="train"):
    monkeypatch.setattr(commands, "HEAVY", ("tensorflow", "keras"))  # NumPy is quick
    done = commands.without_tensorflow(command, *argv)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) <= 3
    return done.stderr


@pytest.mark.parametrize("dataset", LAYOUTS)
def test_no_folder_is_named(dataset, monkeypatch):
    said = refused(f"--dataset={dataset}", code=2, monkeypatch=monkeypatch)
    assert f"--dataset={dataset} needs --data_dir=DIR" in said


@pytest.mark.parametrize("place", ["nowhere", ""])
@pytest.mark.parametrize("dataset", LAYOUTS)
def test_the_folder_is_not_there_or_another_one(dataset, place, tmp_path, monkeypatch):
    argv = (f"--dataset={dataset}", f"--data_dir={tmp_path / place}")
    said = refused(*argv, code=1, monkeypatch=monkeypatch)
    assert LAYOUTS[dataset] in said and str(tmp_path / place) in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["train", "precompute_augmentations"])
def test_a_set_that_cannot_be_fetched(command, tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")  # where nobody listens
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9/")
    argv = ("--dataset=cifar10", f"--data_dir={tmp_path / 'nowhere'}")
    said = refused(*argv, code=1, monkeypatch=monkeypatch, command=command)
    assert f"cifar10 is not in {tmp_path / 'nowhere'} and can't be fetched" in said
    argv = ("--dataset=digits", "--unlabeled_dataset=cifar10", *argv[1:])
    said = refused(*argv, code=1, monkeypatch=monkeypatch, command=command)
    assert "cifar10 is not in" in said
    assert not list(tmp_path.iterdir())


def test_unlabelled_pictures(tmp_path, monkeypatch):
    argv = ("--dataset=digits", f"--unlabeled_dir={tmp_path}")
    said = refused(*argv, code=1, monkeypatch=monkeypatch)
    assert f"--unlabeled_dir={tmp_path}: no PNG, JPEG or BMP pictures there" in said
