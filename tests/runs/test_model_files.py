"""An exported model is what was written, without TensorFlow."""

from __future__ import annotations

import json
import os

import pytest

from mixdmt_tf import digests
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import model_files

FILES = {
    "saved_model.pb": "a graph",
    "fingerprint.pb": "a number",
    "variables/variables.index": "names",
    "classes.json": '["cat", "dog"]',
    "shape.json": "[8, 8, 3]",
}


@pytest.fixture(name="place")
def fixture_place(tmp_path):
    place = tmp_path / "export"
    for name, text in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    (place / "assets").mkdir()
    model_files.note_digests(place)
    return place


def test_a_whole_one(place):
    model_files.require_model(place)
    assert set(digests.known(place)) == set(FILES)
    (place / "assets.extra").write_text("for TensorFlow Serving")
    model_files.require_model(place)
    model_files.note_digests(place)
    assert set(digests.known(place)) == {*FILES, "assets.extra"}


@pytest.mark.parametrize("name", [*FILES, "digests.json"])
def test_every_changed_byte_is_noticed(name, place):
    path = place / name
    content = path.read_bytes()
    step = 1 if name != "digests.json" else 17
    for position in range(0, len(content), step):
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        if name == "digests.json" and json.loads(content) == _json(changed):
            continue
        with pytest.raises(UserError, match=f"{name} is damaged: .*\nExport the model"):
            model_files.require_model(place)
    path.write_bytes(content)
    model_files.require_model(place)


def _json(content):
    try:
        return json.loads(content)
    except ValueError:
        return None


def test_a_cat_is_no_bat(place):
    path = place / "classes.json"
    path.write_text(path.read_text().replace("cat", "bat"))
    with pytest.raises(UserError) as refused:
        model_files.require_model(place)
    assert str(refused.value) == (
        f"{path} is damaged: it was changed since the export (if on purpose, delete "
        "digests.json).\nExport the model again: bin/export_model --workdir=RUN"
    )
    (place / "digests.json").unlink()
    model_files.require_model(place)


def test_a_file_that_is_missing(place):
    (place / "variables/variables.index").unlink()
    with pytest.raises(UserError, match="variables.index is damaged: it is missing"):
        model_files.require_model(place)


@pytest.mark.parametrize("name", ["/dev/zero", "../flags.txt"])
def test_no_other_file_is_looked_at(name, place):
    """Digests fit themselves in files of strangers too."""
    (place / "digests.json").write_text(digests.seal({name: ["0" * 64]}))
    with pytest.raises(UserError, match="digests.json is damaged"):
        model_files.require_model(place)


@pytest.mark.parametrize("accepted", [5, None, "text", [1], {"a": "b"}])
def test_digests_of_another_kind(accepted, place):
    (place / "digests.json").write_text(digests.seal({"classes.json": accepted}))
    with pytest.raises(UserError, match="digests.json is damaged"):
        model_files.require_model(place)


def test_what_may_not_be_read(place, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(digests, "changed", refuse)
    with pytest.raises(UserError, match="export can't be read: Permission"):
        model_files.require_model(place)
