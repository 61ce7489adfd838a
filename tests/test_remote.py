"""Addresses in place of paths: fetched before, sent afterwards."""

import json
import os
import pathlib

import pytest

from mixdmt_tf import files, mirrors, remote, stores
from mixdmt_tf.data.classification import tfds_source
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.errors import UserError
from tests import stored


@pytest.fixture(name="machine")
def fixture_machine(monkeypatch, tmp_path):
    return stored.Machine(monkeypatch, tmp_path)


def test_paths_are_passed_through(machine, tmp_path):
    assert remote.run_folder("~") == pathlib.Path.home()
    assert remote.written(str(tmp_path / "x")) == tmp_path / "x"
    with remote.opened(str(tmp_path)) as folder:
        assert folder == tmp_path
    remote.update(tmp_path)
    remote.bring(tmp_path)
    remote.finish()
    assert not [*tmp_path.iterdir()]


def test_a_file_and_a_folder_are_fetched_once(machine, tmp_path, monkeypatch):
    """And again where they have changed, in the next command."""
    place = f"file://{tmp_path}/store/data"
    stored.plant(place, {"a/1.png": "one", "labels.csv": "file,label"})
    for name in ("a/1.png", "labels.csv"):
        os.utime(tmp_path / "store/data" / name, (1e9, 1e9))
    got = []
    get = stores.Store.get

    def count(self, name, path):
        got.append(name)
        return get(self, name, path)

    monkeypatch.setattr(stores.Store, "get", count)
    for _ in range(2):
        folder = files.expanded(place)
        assert folder.name == "data"
        assert stored.held(folder) == {"a/1.png": "one", "labels.csv": "file,label"}
        assert files.expanded(f"{place}/labels.csv").read_text() == "file,label"
        assert files.expanded(pathlib.Path(place)) == folder  # as pathlib writes it
        remote.finish()
    assert sorted(got) == ["", "a/1.png", "labels.csv"]
    del got[:]
    os.remove(tmp_path / "store/data/a/1.png")
    stored.plant(place, {"labels.csv": "file;label", "b/2.png": "two"})
    assert stored.held(files.expanded(place)) == {
        "labels.csv": "file;label",
        "b/2.png": "two",
    }
    assert sorted(got) == ["b/2.png", "labels.csv"]
    remote.finish()
    stored.plant(place, {"labels.csv": "file labels"[:10]})  # in the same second
    assert files.expanded(place).joinpath("labels.csv").read_text() == "file label"


def test_what_is_read_is_never_sent(machine):
    place = stored.address()
    stored.plant(place, {"a": "1"})
    (files.expanded(place) / "b").write_text("2")
    remote.finish()
    assert stored.there(place) == {"a": "1"}


def test_what_is_missing_is_named(machine):
    with pytest.raises(UserError, match=r"ram://.*/none is not there"):
        files.expanded(f"{stored.address()}/none")


def test_a_working_folder_is_kept_in_step(machine):
    place = stored.address()
    with remote.opened(place) as folder:
        (folder / "base").mkdir(parents=True)
        (folder / "base/flags.txt").write_text("1")
        remote.update(folder / "base")  # of a stage in it
        assert stored.there(place)["base/flags.txt"] == "1"
        (folder / "results.json").write_text("{}")
    assert stored.there(place)["results.json"] == "{}"
    with pytest.raises(RuntimeError), remote.opened(place) as folder:
        (folder / "results.json").write_text("[]")
        raise RuntimeError
    assert stored.there(place)["results.json"] == "[]"
    with remote.opened(place):
        pass  # nobody holds it any more


def test_a_hiccup_is_said_and_passed_over(machine, monkeypatch):
    place, said = stored.address(), []
    with remote.opened(place) as folder:
        folder.mkdir()
        (folder / "a").write_text("1")
        with monkeypatch.context() as patch:
            (mirror,) = remote._open.worked_in
            patch.setattr(mirror.store, "_files", stored.Files(every=1))
            remote.update(folder, said.append)
        assert "a" not in stored.there(place)
        remote.update(folder, said.append)
        assert stored.there(place)["a"] == "1"
    (line,) = said
    assert line.startswith("warning: not sent, to be tried again later: ram://")
    assert line.endswith("UnavailableError: HTTP 503")


def test_messages_speak_of_addresses(machine, tmp_path):
    with remote.opened("ram://bucket/shown") as folder:
        assert remote.shown(folder / "base") == "ram://bucket/shown/base"
        assert remote.shown(folder) == "ram://bucket/shown"
        assert remote.shown(folder.with_name("shown.before")).startswith(str(tmp_path))
    assert remote.shown(folder) == str(folder)
    output = remote.written("ram://bucket/labels.csv")
    assert remote.shown(output.with_suffix(".png")) == "ram://bucket/labels.png"


def test_who_was_taken_over_ends(machine):
    """And changes nothing that the new owner has there."""
    place = stored.address()
    with pytest.raises(UserError, match="in use by process 7 on elsewhere"):
        with remote.opened(place) as folder:
            folder.mkdir()
            (folder / "a").write_text("1")
            lock = {"owner": "process 7 on elsewhere", "token": "1", "machine": ""}
            lock.update(process=7, beat=1)
            stored.plant(place, {mirrors.LOCK: json.dumps(lock)})
            remote.update(folder)
    assert set(stored.there(place)) == {mirrors.LOCK}


def test_at_the_end_it_has_to_be_sent(machine):
    place = stored.address()
    with pytest.raises(UserError) as refused:
        with remote.opened(place) as folder:
            folder.mkdir()
            (folder / "a").write_text("1")
            (mirror,) = remote._open.worked_in
            mirror.store._files = stored.Files(every=1)
    lines = str(refused.value).splitlines()
    assert lines[0].startswith(f"{place} could not be brought up to date: ram://")
    assert lines[1].startswith(f"Everything is in {folder}: ")
    assert len(lines) == 2 and (folder / "a").read_text() == "1"
    mirror.store._files = stores.gfile()
    mirror._lock.release()
    with remote.opened(place):
        pass
    assert stored.there(place)["a"] == "1", "the same command sends it"


def test_a_run_that_was_read_gets_what_is_written_into_it(machine):
    place = stored.address()
    stored.plant(place, {"flags.txt": "--steps=1"})
    folder = remote.run_folder(place)
    (folder / "predictions.csv").write_text("file,label")
    remote.finish()
    assert stored.there(place)["predictions.csv"] == "file,label"
    assert stored.fetched(place) == {
        "flags.txt": "--steps=1",
        "predictions.csv": "file,label",
    }
    remote.run_folder(place)
    remote.finish()  # nothing: it must not take the lock
    with stored.claimed(place):
        remote.run_folder(place)
        remote.finish()


def test_two_machines_add_to_one_run(machine, monkeypatch):
    place = stored.address()
    stored.plant(place, {"flags.txt": "--steps=1"})
    first = mirrors.Mirror(place)
    first.fetch()
    with monkeypatch.context() as patch:
        stored.Machine(patch, first.copy.place)
        (remote.run_folder(place) / "a.csv").write_text("a")
        remote.finish()
    (first.copy.folder / "b.csv").write_text("b")
    remote._add(first)
    machine.another()
    assert stored.fetched(place) == {
        "flags.txt": "--steps=1",
        "a.csv": "a",
        "b.csv": "b",
    }


def test_names_that_no_folder_could_have(machine, tmp_path, monkeypatch):
    place = f"file://{tmp_path}/store/data"
    stored.plant(place, {"a": "1"})
    for names, words in (
        (["../a"], "is no name of a file"),
        (["a", "a/b"], "inside a"),
    ):
        monkeypatch.setattr(stores.Store, "names", lambda self, n=names: n)
        monkeypatch.setattr(stores.Store, "stat", lambda self, name: stores.Stat(1, 1))
        with pytest.raises(UserError, match=words):
            files.expanded(place)


def test_of_prepared_data_sets_the_one_that_is_asked_for(machine, tmp_path):
    place = f"file://{tmp_path}/store"
    stored.plant(place, {"cifar10/3.0.2/features.json": "{}", "svhn/1.txt": "large"})
    folder = tfds_source._data_dir(Config(data_dir=place), "cifar10")
    assert stored.held(folder / "cifar10") == {"3.0.2/features.json": "{}"}
    assert not (folder / "svhn").exists()


@pytest.mark.parametrize("name", [".", ".."])
def test_an_address_needs_a_name(name, machine):
    with pytest.raises(UserError, match="expected a name at its end"):
        files.expanded(f"ram://bucket/run/{name}")


def test_without_a_cache_folder(machine, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="Not a directory.\nSet XDG_CACHE_HOME"):
        remote.run_folder(stored.address())
