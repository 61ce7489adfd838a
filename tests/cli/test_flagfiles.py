"""The flagfiles that come with the package are found by name, from anywhere."""

from __future__ import annotations

import os

import pytest

import mixdmt_tf
from mixdmt_tf.cli import flagfiles
from tests.cli import commands

FLAGS = commands.ROOT / "flags"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_in_a_checkout_they_are_in_flags():
    assert flagfiles.folder() == FLAGS
    names = flagfiles.names()
    assert names == sorted(names) and len(names) == len(list(FLAGS.rglob("*.flags")))
    assert {"quickstart", "base/cpu", "dmt/table_7/cpu/dmt"} < set(names)


def test_installed_they_are_in_the_package(tmp_path, monkeypatch):
    (tmp_path / "site" / "mixdmt_tf" / "flags").mkdir(parents=True)
    (tmp_path / "site" / "flags").mkdir()  # of some other package
    (tmp_path / "site" / "mixdmt_tf" / "flags" / "own.flags").touch()
    place = tmp_path / "site" / "mixdmt_tf" / "__init__.py"
    monkeypatch.setattr(mixdmt_tf, "__file__", str(place))
    assert flagfiles.folder() == place.parent / "flags"
    assert flagfiles.names() == ["own"]


@pytest.mark.parametrize(
    "name",
    ["quickstart", "quickstart.flags", "flags/quickstart", "flags/quickstart.flags"],
)
def test_by_name_with_or_without_folder_and_ending(name):
    assert flagfiles.find(name) == FLAGS / "quickstart.flags"


def test_files_of_the_user_come_first(elsewhere):
    (elsewhere / "quickstart").mkdir()  # a folder is no flagfile
    assert flagfiles.find("quickstart") == FLAGS / "quickstart.flags"
    (elsewhere / "quickstart.flags").touch()
    assert str(flagfiles.find("quickstart")) == "quickstart.flags"
    (elsewhere / "more").mkdir()
    (elsewhere / "more" / "quickstart.flags").touch()
    beside = elsewhere / "more"
    assert flagfiles.find("quickstart", beside) == beside / "quickstart.flags"
    assert flagfiles.find("base/cpu", beside) == FLAGS / "base" / "cpu.flags"


@pytest.mark.parametrize("name", ["flags", "base", ".", "..", "a\0b", "x" * 300])
def test_what_is_not_there_stays_what_was_given(name):
    assert str(flagfiles.find(name)) == name


def test_a_pipe_is_a_flagfile():
    reading, writing = os.pipe()
    assert str(flagfiles.find(f"/dev/fd/{reading}")) == f"/dev/fd/{reading}"
    os.close(reading), os.close(writing)
