"""Whole checkpoints and others, without TensorFlow."""

from __future__ import annotations

import json
import random
import tracemalloc

import pytest

from mixdmt_tf.runs import manifests


@pytest.fixture
def place(tmp_path):
    """A checkpoint of two files."""
    made = manifests.path_of(tmp_path, 12)
    made.mkdir()
    (made / "state.index").write_bytes(b"index")
    (made / "flags.txt").write_text("--steps=12\n")
    note = {"numbers": {"loss": 0.5}, "means": {"loss": [[1.25]]}}
    manifests.write(made, 12, "a split", note, 2)
    return made


def test_a_whole_one(place):
    found = manifests.read(place)
    assert (found["step"], found["split"]) == (12, "a split")
    assert found["note"]["means"] == {"loss": [[1.25]]}
    assert manifests.newest(place.parent, "flags.txt") == place / "flags.txt"
    assert manifests.newest(place.parent, "metrics.csv") is None


def test_every_changed_byte_is_noticed_or_changes_nothing(place):
    whole = manifests.read(place)
    draw = random.Random(1)
    noticed = 0
    for path in sorted(place.iterdir()):
        held = path.read_bytes()
        for position in range(len(held)):
            changed = bytearray(held)
            changed[position] ^= 1 << draw.randrange(8)
            path.write_bytes(changed)
            found = manifests.read(place)
            noticed += found is None
            assert found in (None, whole), (path.name, position)
        path.write_bytes(held)
    assert noticed > 400 and manifests.read(place) == whole


def test_files_that_are_missing_or_more(place):
    (place / "more").write_text("")
    assert manifests.read(place) is None
    (place / "more").unlink()
    (place / "flags.txt").unlink()
    assert manifests.read(place) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"step": 12, "split": None, "sha256": {}},  # names no file
        {"step": 12, "split": None},
        {"step": "12", "split": None, "sha256": "all"},
        {"step": 13, "split": None, "sha256": "all"},  # of another step
        {"step": 12, "split": None, "sha256": "all", "note": {}, "more": 1},
        {"step": 12, "split": None, "sha256": 5},
    ],
)
def test_manifests_of_older_versions_had_no_digest(fields, place):
    all_files = manifests.read(place)["sha256"]

    def put(values):
        (place / "manifest.json").write_text(json.dumps(values))
        return manifests.read(place)

    assert put({"step": 12, "split": None, "sha256": all_files})
    if fields.get("sha256") == "all":
        fields = {**fields, "sha256": all_files}
    assert put(fields) is None


def test_other_files_beside_are_no_checkpoints(place):
    for name in ("step-abc", "step-", "step-12", "step-0000000x", ".step-00000009.tmp"):
        (place.parent / name).mkdir()
    assert manifests.steps(place.parent) == [12]
    assert manifests.steps(place / "missing") == []


def test_a_manifest_without_an_end_is_none(place):
    (place / "manifest.json").unlink()
    (place / "manifest.json").symlink_to("/dev/zero")
    assert manifests.read(place) is None


def test_no_file_of_a_checkpoint_is_in_memory_as_a_whole(place):
    (place / "manifest.json").unlink()
    (place / "state.data").write_bytes(bytes(1 << 26))
    tracemalloc.start()
    try:
        manifests.write(place, 12, None, None, 2)
        assert manifests.read(place) is not None
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()
