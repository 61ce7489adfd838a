"""Digests of files that are read again."""

from __future__ import annotations

import json
from unittest import mock

import pytest

from mixdmt_tf import digests


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.json"


def test_what_was_written_is_read(path):
    digests.write(path, '{"a": "é"}')
    assert digests.read(path) == '{"a": "é"}'
    assert digests.read_json(path) == {"a": "é"}
    digests.write(path, "[1]")
    assert digests.read(path) == "[1]"
    with pytest.raises(digests.Damaged, match="does not hold an object"):
        digests.read_json(path)


def test_every_single_changed_bit_is_noticed(path):
    text = "step,test_error\n4,85.6338\n"
    digests.write(path, text)
    content = path.read_bytes()
    for place in range(8 * len(content)):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        with pytest.raises(digests.Damaged, match="changed since it was written"):
            digests.read(path)
        assert digests.accepts(path, text)
    for changed in (b"", content[:-1], content + b"\n"):
        path.write_bytes(changed)
        assert digests.is_damaged(path)
    path.unlink()
    with pytest.raises(digests.Damaged, match="it is missing"):
        digests.read(path)
    digests.write(path, text)
    assert digests.read(path) == text


def test_every_change_of_the_digests_themselves_is_noticed_or_harmless(path):
    digests.write(path, "4.5")
    place = path.parent / digests.NAME
    held = place.read_bytes()
    known = digests.known(path.parent)
    noticed = 0
    for bit in range(8 * len(held)):
        changed = bytearray(held)
        changed[bit // 8] ^= 1 << bit % 8
        place.write_bytes(changed)
        try:
            assert digests.known(path.parent) == known
        except digests.Damaged:
            noticed += 1
    assert noticed > 8 * 128  # all bits of two digests of 64 characters


def test_files_without_a_digest_are_taken_as_they_are(path):
    path.write_text('{"old": 1}')
    assert digests.read_json(path) == {"old": 1}
    assert not digests.is_damaged(path)
    with pytest.raises(FileNotFoundError):
        digests.read(path.with_name("other.json"))
    digests.adopt(path.parent, [path.name, "other.json"])
    path.write_text('{"old": 2}')
    assert digests.is_damaged(path)
    assert not digests.is_damaged(path.with_name("other.json"))


@pytest.mark.parametrize("calls", [1, 2])
def test_a_process_killed_while_writing_leaves_a_file_that_is_accepted(path, calls):
    """After the digests were written, or after the file too."""
    digests.write(path, "old")
    written = digests.write_atomically
    left = [calls]

    def killed(place, text):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        written(place, text)

    with mock.patch.object(digests, "write_atomically", killed):
        try:
            digests.write(path, "new")
        except KeyboardInterrupt:
            pass
    there = "old" if calls == 1 else "new"
    assert digests.read(path) == there
    digests.write(path, "newer")
    accepted = {each for each in ("old", "new", "newer") if digests.accepts(path, each)}
    assert accepted == {there, "newer"}


def test_a_damaged_file_is_not_made_good_by_a_write_that_is_killed(path):
    digests.write(path, "old")
    path.write_text("damaged")
    with mock.patch.object(digests, "write_atomically", side_effect=[None, OSError]):
        with pytest.raises(OSError):
            digests.write(path, "new")
    assert digests.is_damaged(path)


def test_the_same_text_is_not_written_again(path):
    digests.write(path, "same")
    with mock.patch.object(digests, "write_atomically", side_effect=AssertionError):
        digests.write(path, "same")


def test_damaged_digests_make_nothing_sound(path):
    assert not digests.is_sound(path)
    digests.write(path, "a")
    assert digests.is_sound(path)
    (path.parent / digests.NAME).write_text("{")
    assert not digests.is_sound(path)
    digests.write(path, "b")
    assert digests.read(path) == "b"


def test_forgetting(path):
    digests.write(path, "a")
    digests.forget(path)
    digests.forget(path)
    assert not path.exists() and not digests.is_damaged(path)


def test_copies_are_of_what_was_written(path, tmp_path):
    digests.write(path, "a")
    (tmp_path / "there").mkdir()
    place = tmp_path / "there" / "results.json"
    digests.copy(path, place)
    path.write_text("b")
    with pytest.raises(digests.Damaged):
        digests.copy(path, place)
    assert digests.read(place) == "a"


def test_seals():
    text = digests.seal({"x": 1, "mean": 0.1 + 0.2, "nan": float("nan")})
    assert digests.unseal(text)["mean"] == 0.1 + 0.2
    for wrong in ('{"x": 1}', "[]", "1", text.replace('"x": 1', '"x": 2')):
        with pytest.raises(ValueError):
            digests.unseal(wrong)
    assert json.loads(text)["digest"]


def test_digests_without_an_end_are_damaged(path):
    digests.write(path, "{}")
    place = path.with_name(digests.NAME)
    place.unlink()
    place.symlink_to("/dev/zero")
    with pytest.raises(digests.Damaged, match="does not fit its own digest"):
        digests.read(path)


def test_what_changed_of_a_folder(tmp_path):
    (tmp_path / "inner").mkdir()
    names = ["a", "b", "inner/c"]
    for name in names:
        (tmp_path / name).write_text(name)
    digests.adopt(tmp_path, names)
    assert digests.changed(tmp_path) == []
    (tmp_path / "inner/c").write_text("d")
    (tmp_path / "a").unlink()
    (tmp_path / "new").write_text("")
    assert digests.changed(tmp_path) == ["a", "inner/c"]


def test_a_file_that_is_written_meanwhile_is_not_damaged(path, monkeypatch):
    """As `metrics.csv` of a run in training, which a report reads."""
    digests.write(path, "before")
    digest_of = digests._digest_of

    def late(place):
        monkeypatch.setattr(digests, "_digest_of", digest_of)
        digests.write(path, "after")
        return digest_of(place)

    monkeypatch.setattr(digests, "_digest_of", late)
    assert digests.read(path) == "after"
