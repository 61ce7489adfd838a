"""What commands write to addresses besides run folders: sent when they end."""

import os
import pathlib

import pytest

from mixdmt_tf import remote
from mixdmt_tf.errors import UsageError, UserError
from tests import stored


@pytest.fixture(name="machine")
def fixture_machine(monkeypatch, tmp_path):
    return stored.Machine(monkeypatch, tmp_path)


def test_outputs_are_sent_at_the_end(machine, tmp_path):
    place = f"file://{tmp_path}/store/labels.csv"
    path = remote.written(place)
    assert path.name == "labels.csv" and not path.exists()
    path.write_text("file,label")
    path.with_suffix(".png").write_text("picture")
    remote.finish()
    assert stored.there(f"file://{tmp_path}/store") == {
        "labels.csv": "file,label",
        "labels.png": "picture",
    }
    stored.plant(f"file://{tmp_path}/store", {"others.csv": ""})
    machine.another()
    path = remote.written(place)
    assert path.read_text() == "file,label", "what is there can be seen"
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "labels.csv",
        "labels.png",
    ]
    path.with_suffix(".png").unlink()
    remote.finish()
    assert set(stored.there(f"file://{tmp_path}/store")) == {"labels.csv", "others.csv"}
    os.remove(tmp_path / "store/labels.csv")
    path = remote.written(place)
    assert not path.exists() and path.parent.is_dir()


def test_an_output_that_cannot_be_sent(machine, capsys):
    place = stored.address("labels.csv")
    remote.written(place).write_text("a day's work")
    (output,) = remote._open.outputs.values()
    output.store._files = stored.Files(every=1)
    with pytest.raises(UserError, match="could not be brought up to date") as refused:
        remote.finish()
    folder = pathlib.Path(
        str(refused.value).split("Everything is in ")[1].split(":")[0]
    )
    assert (folder / "labels.csv").read_text() == "a day's work"
    assert not remote.written(place).exists()
    assert "written earlier and not sent" in capsys.readouterr().err
    remote.finish()


def test_an_output_needs_a_name(machine):
    with pytest.raises(UsageError, match="expected a name in it, ram://bucket/NAME"):
        remote.written("ram://bucket")


def test_of_a_cache_only_what_is_asked_for(machine, capsys):
    place = stored.address("cache")
    stored.plant(place, {"copies-1/shard-0": "0", "copies-2/shard-0": "other"})
    cache = remote.written(place, whole=False)
    remote.bring(cache / "copies-1")
    assert stored.held(cache) == {"copies-1/shard-0": "0"}
    (cache / "copies-1/shard-1").write_text("1")
    (cache / "decoded-1").mkdir()
    (cache / "decoded-1/images").write_text("of this machine")
    remote.finish()
    assert stored.there(place) == {
        "copies-1/shard-0": "0",
        "copies-1/shard-1": "1",
        "copies-2/shard-0": "other",
    }
    cache = remote.written(place, whole=False)
    assert (cache / "decoded-1/images").read_text() == "of this machine"
    assert not capsys.readouterr().err


def test_processes_of_one_machine_write_beside_each_other(machine, capsys):
    """Parts of pseudo labels, say, each made on a GPU of its own."""
    place = stored.address("labels.csv")
    first = remote._open
    one = remote.written(place)
    one.write_text("first")
    remote._open = remote._Open()  # of another process
    other = remote.written(place)
    other.with_suffix(".2.csv").write_text("second")
    remote.finish()
    remote._open = first
    remote.finish()
    assert stored.there(place.rpartition("/")[0]) == {
        "labels.csv": "first",
        "labels.2.csv": "second",
    }
    assert remote.written(place).parent == one.parent and not capsys.readouterr().err


def test_one_output_that_cannot_be_sent_keeps_no_other(machine, capsys):
    places = [stored.address(f"{name}.csv") for name in "abc"]
    for place in places:
        remote.written(place).write_text(place)
    for place in places[:2]:
        remote._open.outputs[place].store._files = stored.Files(every=1)
    with pytest.raises(UserError, match="a.csv could not be brought up to date"):
        remote.finish()
    assert "b.csv could not be brought up to date" in capsys.readouterr().err
    assert stored.exists(places[2])
