"""Files at addresses: what is there, and what a store that fails is said to have."""

import hashlib
import os
import shutil

import pytest
import tensorflow as tf

from mixdmt_tf import addresses, stores
from mixdmt_tf.errors import UsageError
from tests import stored


@pytest.fixture(name="place", params=["ram", "file"])
def fixture_place(request, tmp_path):
    return stored.address() if request.param == "ram" else f"file://{tmp_path}/run"


def test_files_come_back_as_they_were_sent(place, tmp_path):
    content = bytes(range(256)) * 100
    digest = hashlib.sha256(content).hexdigest()
    source = tmp_path / "image"
    source.write_bytes(content)
    store = stores.Store(place)

    assert store.put(source, "a/b/image") == (len(content), digest)
    assert store.get("a/b/image", tmp_path / "c/d") == (len(content), digest)
    assert (tmp_path / "c/d").read_bytes() == content
    assert [each.name for each in (tmp_path / "c").iterdir()] == ["d"]
    assert store.stat("a/b/image").size == len(content)
    assert store.is_folder("a") and not store.is_folder("a/b/image")


def test_a_fetched_file_is_on_the_disk_before_it_has_its_name(
    place, tmp_path, monkeypatch
):
    store = stores.Store(place)
    store.write("a", b"content")
    synced = []
    monkeypatch.setattr(
        stores, "sync", lambda path: synced.append((path, path.read_bytes()))
    )
    replace = os.replace

    def renamed(source, target):
        assert synced == [(source, b"content")]
        replace(source, target)

    monkeypatch.setattr(os, "replace", renamed)
    store.get("a", tmp_path / "b")
    assert synced and (tmp_path / "b").read_bytes() == b"content"


def test_names_of_files_without_hidden_ones(place):
    files = {"flags.txt": "", "a/b/c": "x", "a/.tmp": "", ".lock": "", ".new/x": ""}
    stored.plant(place, files)
    store = stores.Store(place)
    assert sorted(store.names()) == ["a/b/c", "flags.txt"]
    assert not [*stores.Store(f"{place}/missing").names()]


def test_small_files_are_replaced_moved_and_removed(place):
    store = stores.Store(place)
    for text in (b"first", b"a second one", b"3"):
        store.write("x/state", text)
        assert store.read("x/state") == text
    store.write("y", b"to be moved")
    store.move("y", "x/state")
    assert store.read("x/state") == b"to be moved" and not store.exists("y")
    store.remove("x/state")
    store.remove("x/state")
    assert not store.exists("x"), "nor an empty folder"
    store.remove_folder("x")
    for missing in (store.read, store.stat):
        with pytest.raises(FileNotFoundError):
            missing("x/state")


def error(kind, text="HTTP 403\nat length"):
    return kind(None, None, text)


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        (tf.errors.UnavailableError, 5),
        (tf.errors.FailedPreconditionError, 5),  # a host without address, at gs://
        (tf.errors.DeadlineExceededError, 5),
        (tf.errors.PermissionDeniedError, 1),
        (tf.errors.UnauthenticatedError, 1),
    ],
)
def test_what_may_pass_is_tried_again(kind, calls, monkeypatch):
    """With pauses that grow; what will not pass is said at once."""
    asked, slept = [], []
    monkeypatch.setattr(stores.time, "sleep", slept.append)
    store = stores.Store(stored.address())

    def fail(place):
        asked.append(place)
        raise error(kind)

    monkeypatch.setattr(store._files, "exists", fail)
    with pytest.raises(stores.Failure) as said:
        store.exists("x")
    lines = str(said.value).splitlines()
    assert lines[0] == f"{store.address}/x: {kind.__name__}: HTTP 403"
    assert len(lines) == 2 and "GOOGLE_APPLICATION_CREDENTIALS" in lines[1]
    assert said.value.exit_code == 1
    assert len(asked) == calls and slept == [1.0, 2.0, 4.0, 8.0][: calls - 1]


def test_a_scheme_that_is_not_registered(monkeypatch):
    """Though tensorflow-io is installed, it may not fit."""
    monkeypatch.setattr(addresses.importlib.util, "find_spec", lambda name: name)
    with pytest.raises(UsageError, match=r"opens s3:// only with .* tensorflow-io"):
        stores.Store("s3://bucket/run")


def test_a_folder_that_is_gone_is_made_again(tmp_path):
    store = stores.Store(f"file://{tmp_path}/store/run")
    store.pauses = [0.0]
    for call in (store.write, lambda name, _: store.put(tmp_path / "b", name)):
        (tmp_path / "b").write_bytes(b"2")
        store.write("a", b"1")
        shutil.rmtree(tmp_path / "store")
        call("b", b"2")
        assert store.read("b") == b"2"


def test_a_bucket_that_is_missing_is_named(tmp_path, monkeypatch):
    """A file that is to be written need not be there before."""
    store = stores.Store(stored.address())
    store.pauses = []

    def fail(*_):
        raise error(tf.errors.NotFoundError, "The specified bucket does not exist.")

    monkeypatch.setattr(store._files, "GFile", fail)
    (tmp_path / "a").write_bytes(b"1")
    for call in (store.write, lambda name, _: store.put(tmp_path / "a", name)):
        with pytest.raises(stores.Failure, match="bucket does not exist"):
            call("a", b"1")
