"""Files that are either there whole or not there."""

import errno
import os
import pathlib
import pwd
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf import bounds, files, remote
from mixdmt_tf.data.classification import tfds_source
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import copy_atomically, write_atomically, write_png_atomically


def test_writes_and_replaces(tmp_path):
    """Nothing else is left in the folder."""
    path = tmp_path / "results.json"
    for text in ("first\n", "ä second one\n"):
        write_atomically(path, text)
        assert path.read_bytes() == text.encode("utf-8")
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_with_the_file(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, files.FULL)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=f"{files.FULL}: '.*/results.json'"):
        write_atomically(tmp_path / "results.json", "text")
    assert not [*tmp_path.iterdir()]


def test_devices_and_pipes_stay_what_they_are(tmp_path):
    """A device was replaced by a file, where the user may do that."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(pipe, "a,b\n")
    assert os.read(reader, 100) == b"a,b\n" and pipe.is_fifo()
    os.close(reader)
    assert [*tmp_path.iterdir()] == [pipe]


@pytest.mark.parametrize("name", ["a" * 255, "\u732b" * 84 + ".pn", "b" * 200])
def test_names_as_long_as_names_can_be(name, tmp_path):
    """The temporary file beside it would need a longer one."""
    for content in ("first", "second"):
        files.write_atomically(tmp_path / name, content)
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "second"


def test_an_error_names_the_file_and_not_the_one_beside(tmp_path):
    (tmp_path / "table.md").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_atomically(tmp_path / "table.md", "text")
    assert caught.value.filename == str(tmp_path / "table.md")


def test_images_are_written_whole(tmp_path):
    """Without anything of the time or the library, so they're the same each time."""
    pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    for name in ("a.png", "b.png"):
        write_png_atomically(tmp_path / name, pixels)
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "b.png"}
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG" and not image.info
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_is_complete_and_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    """Power may fail at any time: bytes first, then the name."""
    path = tmp_path / "split.json"
    path.write_text("old")
    events = []
    sync, rename = os.fsync, os.replace

    def fsync(descriptor):
        events.append(("synced", os.fstat(descriptor).st_size, path.read_text()))
        sync(descriptor)

    def replace(source, target):
        events.append(("renamed", len(source.read_text()), path.read_text()))
        assert source.parent == path.parent  # another disk could not be renamed from
        rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    write_atomically(path, "new text")

    assert events == [("synced", 8, "old"), ("renamed", 8, "old")]
    assert path.read_text() == "new text"


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("existing", [True, False])
def test_failure_leaves_what_was_there(failing, existing, tmp_path, monkeypatch):
    """The old file or none, and no half of the new one."""
    path = tmp_path / "flags.txt"
    if existing:
        path.write_text("old")

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")

    assert [each.name for each in tmp_path.iterdir()] == ["flags.txt"] * existing
    assert not existing or path.read_text() == "old"


def test_folder_that_is_not_there(tmp_path):
    """The error of the system, not one of tidying up."""
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_atomically(tmp_path / "nowhere" / "file", "text")


def test_two_processes_do_not_write_into_each_other(tmp_path, monkeypatch):
    """The file beside has the process's number in its name."""
    names = []
    monkeypatch.setattr(os, "replace", lambda source, target: names.append(source.name))
    for process in (11, 12):
        monkeypatch.setattr(os, "getpid", lambda process=process: process)
        write_atomically(tmp_path / "file", "text")

    assert len(set(names)) == 2


def tree(path, **texts):
    path.mkdir()
    for name, text in texts.items():
        (path / name).write_text(text)
    return path


def listing(path):
    return {each.name: each.read_text() for each in path.iterdir()}


def test_copies_a_file(tmp_path):
    (tmp_path / "new").write_text("new")
    (tmp_path / "old").write_text("old")
    copy_atomically(tmp_path / "new", tmp_path / "old")
    assert listing(tmp_path) == {"new": "new", "old": "new"}


def test_copies_a_folder_in_place_of_another(tmp_path):
    source = tree(tmp_path / "source", a="1", b="2")
    for place in (tmp_path / "place", tree(tmp_path / "there", b="3", c="4")):
        copy_atomically(source, place)
        assert listing(place) == {"a": "1", "b": "2"}
    assert len(list(tmp_path.iterdir())) == 3


def test_a_copy_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    source, place = tree(tmp_path / "source", a="1"), tree(tmp_path / "place", b="2")

    def fail(*_):
        raise OSError("no space")

    monkeypatch.setattr(files.shutil, "copytree", fail)
    with pytest.raises(OSError, match="no space"):
        copy_atomically(source, place)
    assert listing(place) == {"b": "2"} and len(list(tmp_path.iterdir())) == 2


def test_what_a_killed_copy_left_is_removed(tmp_path, monkeypatch):
    source, place = tree(tmp_path / "source", a="1"), tmp_path / "place"
    with monkeypatch.context() as killed:
        # As if the process ended between the copy and its place.
        killed.setattr(files.shutil, "rmtree", lambda *_, **__: None)
        killed.setattr(files.os, "replace", lambda *_: None)
        copy_atomically(source, place)
    assert not place.exists() and len(list(tmp_path.iterdir())) == 2
    (source / "a").rename(source / "b")
    copy_atomically(source, place)
    assert listing(place) == {"b": "1"} and len(list(tmp_path.iterdir())) == 2


def no_home(monkeypatch):
    """As in a container whose user has no entry in /etc/passwd."""

    def unknown(number):
        raise KeyError(number)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_a_home_folder_that_is_unknown(monkeypatch):
    with monkeypatch.context() as patch:
        no_home(patch)
        assert files.expanded("runs/a") == pathlib.Path("runs/a")
        with pytest.raises(UserError, match="~/a: the home folder is unknown"):
            files.expanded("~/a")
        assert files.in_home(".cache") == pathlib.Path(".cache")
        patch.delenv("XDG_CACHE_HOME", raising=False)
        patch.delenv("TFDS_DATA_DIR", raising=False)
        assert Config().cache_folder() == pathlib.Path(".cache/mixdmt_tf")
        assert tfds_source._data_dir(Config()).name == "tensorflow_datasets"
    monkeypatch.setenv("HOME", "/here")
    assert files.expanded("~/a") == pathlib.Path("/here/a")
    assert files.in_home(".cache") == pathlib.Path("/here/.cache")


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [(800, "800 bytes"), (15_000, "15.0 kB"), (7.68e9, "7.7 GB"), (4e8, "400 MB")],
)
def test_sizes_for_people(nbytes, text):
    assert files.size_text(int(nbytes)) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("=cmd|' C'!A0.png", "'=cmd|' C'!A0.png"),
        ("@SUM(1).png", "'@SUM(1).png"),
        ("-1", "'-1"),
        ("+1", "'+1"),
        ("\t=1", "\\t=1"),
        ("a\x1b[31m\n", "a\\x1b[31m\\n"),
        ("Straße 1 = 2.png", "Straße 1 = 2.png"),
        ("Screenshot 9.41.00\u202fAM\xa01.png", "Screenshot 9.41.00\u202fAM\xa01.png"),
        ("\U0001f469\u200d\U0001f52c.png", "\U0001f469\u200d\U0001f52c.png"),
        ("a\u202egnp.exe", "a\\u202egnp.exe"),
        ("", ""),
    ],
)
def test_cells_are_text_to_spreadsheets_and_terminals(name, text):
    assert files.cell(name) == text


def test_addresses_are_fetched(monkeypatch):
    """Rather than become a folder `gs:` on this machine."""
    monkeypatch.setattr(remote, "fetched", lambda given: ("copy of", given))
    for given in ("gs://bucket/run", pathlib.Path("gs://bucket/run")):
        assert files.expanded(given) == ("copy of", given)


@pytest.mark.parametrize("path", ["gs/bucket", "a:b/c", "./s3:x", "s3:"])
def test_paths_that_only_look_like_it(path):
    assert files.expanded(path) == pathlib.Path(path)


def test_little_memory_is_taken_to_read_a_little(tmp_path):
    """However much might be allowed; machines refuse to give a gigabyte for nothing."""
    path = tmp_path / "small"
    path.write_bytes(b"x" * 3000)
    tracemalloc.start()
    try:
        assert bounds.read_bytes(path, bounds.JSON_BYTES) == b"x" * 3000
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()
    assert bounds.read_bytes(path, 3000) == b"x" * 3000
    with pytest.raises(bounds.TooLarge, match="larger than 2,999 bytes"):
        bounds.read_bytes(path, 2999)
