"""Files of problems hold what was written, or nothing."""

import pytest

from mixdmt_tf import bounds
from mixdmt_tf.data import problem_files

IMAGES = range(10, 20)
FOUND = {12: "not a file", 19: "damaged"}


@pytest.fixture(name="path")
def fixture_path(tmp_path):
    problem_files.write(tmp_path / "problems.json", FOUND)
    return tmp_path / "problems.json"


def test_what_was_written_is_read(path):
    assert problem_files.read(path, IMAGES) == FOUND
    problem_files.write(path, {})
    assert problem_files.read(path, IMAGES) == {}


def test_no_changed_bit_goes_unnoticed(path):
    content = path.read_bytes()
    for place in range(0, len(content), 2):
        for bit in (1, 32):
            changed = bytearray(content)
            changed[place] ^= bit
            path.write_bytes(changed)
            assert problem_files.read(path, IMAGES) in (None, FOUND)
    assert problem_files.read(path.with_name("none"), IMAGES) is None


@pytest.mark.parametrize(
    "text,expected",
    [
        ('{"12": "not a file", "19": "damaged"}', FOUND),
        ("{}", {}),
        ('{"2": "not a file"}', None),  # no image of the shard
        ('{"x": "not a file"}', None),
        ("[]", None),
        ("12", None),
        ('["problems"]', None),
        ("[" * 100_000, None),
    ],
)
def test_those_of_older_versions_have_no_digest(text, expected, path):
    path.write_text(text)
    assert problem_files.read(path, IMAGES) == expected


def test_a_file_without_an_end_is_none(path, monkeypatch):
    monkeypatch.setattr(bounds, "SPLIT_BYTES", 1000)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert problem_files.read(path, IMAGES) is None
