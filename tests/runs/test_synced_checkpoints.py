"""Checkpoints after a power cut."""

import os

from mixdmt_tf.runs import checkpoints
from tests.runs.test_checkpoints import Box


def test_its_files_are_on_the_disk_before_it_is_visible(tmp_path, monkeypatch):
    events = []
    sync, rename = checkpoints.sync, os.rename
    monkeypatch.setattr(
        checkpoints, "sync", lambda path: (events.append(path.name), sync(path))
    )
    monkeypatch.setattr(
        os, "rename", lambda *places: (events.append("renamed"), rename(*places))
    )
    final = Box(tmp_path / "checkpoints").save(3)
    weights = {each.name for each in final.iterdir() if each.name[:5] == "state"}
    assert weights and weights <= set(events[: events.index("renamed")])
