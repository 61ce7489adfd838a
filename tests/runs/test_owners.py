"""Who trains in a run folder: locks of the kernel, and leases where there are none."""

from __future__ import annotations

import errno
import fcntl
import os

import pytest

from mixdmt_tf import files, leases
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import owners
from mixdmt_tf.runs.run_folder import RunFolder
from tests.tasks.classification import tiny


def test_what_is_below_a_folder_is_its_owners(tmp_path):
    owner = owners.Owner(tmp_path)
    owner.take(alone_here=True)
    owners.require(tmp_path / "round_1")
    (tmp_path / owners.NAME).unlink()
    with pytest.raises(UserError, match="was in use by others"):
        owners.require(tmp_path / "round_1")
    owner.release()
    owners.require(tmp_path)  # of others' folders nothing is asked
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_keeps_nobody_out(code, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", fail)
    monkeypatch.setattr(owners, "TIMING", leases.Timing(0.02, 60.0))
    experiment = tiny.experiment(tmp_path)
    with RunFolder(tmp_path, experiment):
        with pytest.raises(UserError, match=f"in use by process {os.getpid()} on"):
            RunFolder(tmp_path, experiment)
    RunFolder(tmp_path, experiment).close()


def test_a_lock_is_of_one_process_and_other_errors_are_errors(tmp_path, monkeypatch):
    with (tmp_path / "a").open("a") as one, (tmp_path / "a").open("a") as other:
        assert files.lock(one) is True
        assert files.lock(other) is False
        one.close()
        assert files.lock(other, wait=True) is True

        def fail(*_):
            raise OSError(errno.EIO, "disk")

        monkeypatch.setattr(fcntl, "flock", fail)
        with pytest.raises(OSError, match="disk"):
            files.lock(other)
