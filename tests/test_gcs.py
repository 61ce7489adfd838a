"""gs:// as TensorFlow's own client speaks it, with a server in this process."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from tests import gcs_server

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl makes the certificate"
)
ROOT = pathlib.Path(__file__).resolve().parents[1]

STEPS = """
import pathlib, sys
import pytest
from mixdmt_tf import files, mirrors, remote, stores
from tests import stored, test_mirrors

machine = stored.Machine(pytest.MonkeyPatch(), pathlib.Path(sys.argv[1]))
place = "gs://bucket/runs/first"
for state in (test_mirrors.BEFORE, test_mirrors.AFTER):
    test_mirrors.send(place, state)
    machine.another()
    assert stored.fetched(place) == state
assert set(stores.Store(place).names()) == set(test_mirrors.AFTER)
with stored.claimed(place):
    assert stores.Store(place).exists(".mixdmt-lock.json")
remote.written("gs://bucket/labels.csv").write_text("file,label")
remote.finish()
assert files.expanded("gs://bucket/labels.csv").read_text() == "file,label"
assert stored.held(files.expanded("gs://bucket/runs")) == {
    f"first/{name}": text for name, text in test_mirrors.AFTER.items()
}
try:
    files.expanded("gs://bucket/none")
except stores.UserError as error:
    assert "gs://bucket/none is not there" in str(error)
"""


@pytest.mark.long
def test_a_run_a_table_and_what_is_missing(tmp_path):
    """Every so many requests fail, which the client and ours put up with."""
    (tmp_path / "cache").mkdir()
    with gcs_server.started(tmp_path, fail_every=29) as server:
        done = subprocess.run(
            [sys.executable, "-c", STEPS, str(tmp_path / "cache")],
            cwd=ROOT,
            env={**os.environ, **server.environment, "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
    names = {name for _, name in server.objects}
    assert {"labels.csv", "runs/first/skipped.txt"} < names
    assert not [name for name in names if "sending" in name or "lock" in name]
    assert len(server.requests) > 100
