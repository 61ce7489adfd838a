"""A whole run on two devices: both methods of it, stopped and gone on.

Without batch normalization, whose statistics differ between the devices until a
checkpoint averages them.
"""

from __future__ import annotations

import pytest

from tests.tasks.classification import tiny

MIRRORED = ("--strategy=mirrored", "--compare_supervised", "--steps_per_execution=2")


@pytest.mark.long
def test_stopped_and_resumed_equals_uninterrupted(tmp_path):
    straight = tiny.session(tmp_path / "straight", *MIRRORED)
    assert straight.code == 0, straight.err
    assert "2 devices" in straight.out
    stop = {("progress", 6): tiny.TERMINATE}
    stopped = tiny.session(tmp_path / "stopped", *MIRRORED, moments=stop)
    assert stopped.code == 143, stopped.err
    resumed = tiny.session(tmp_path / "stopped", *MIRRORED)
    assert resumed.code == 0, resumed.err
    assert resumed.digest == straight.digest
