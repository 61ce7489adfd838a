"""Two workers on loopback: they do what one process does, through death and rounds."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from mixdmt_tf.runs import trained
from mixdmt_tf.tasks import open_task
from tests.tasks.classification import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 120  # for what takes ten
ROUNDS = (
    *("--algorithm=dmt", "--select_on=last", "--augment=none", "--steps=none"),
    *("--base_steps=3", "--base_batch=8", "--round_steps=6", "--rounds=1"),
    *("--unlabeled_ratio=2", "--eval_every=6", "--noexport"),
)


def two_workers(folder, moment, *flags):
    """Trains with two processes; a moment is as in `tests.runs.killed`."""
    training = [sys.executable, "-m", "tests.runs.killed", str(folder), moment, *flags]
    return subprocess.run(
        [sys.executable, "bin/launch", "--workers=2", "--", *training],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


@pytest.fixture(name="killed", scope="module")
def fixture_killed(tmp_path_factory):
    """A run in rounds whose second worker was killed in the round."""
    folder = tmp_path_factory.mktemp("two") / "run"
    return folder, two_workers(folder, "progress:5:KILL@1", *ROUNDS)


def test_a_dead_worker_ends_the_other_one(killed):
    _, done = killed
    assert done.returncode == 128 + 9, done.stderr
    assert "worker 1 was ended by SIGKILL; the others end" in done.stderr
    assert "[0] error: another worker has stopped or cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_chief_alone_writes(killed):
    folder, done = killed
    events = [*folder.rglob("events.out.tfevents*")]
    assert len(events) == len({each.parent for each in events})
    assert "[0] base: labels alone" in done.stdout.replace("[1/2] ", "")
    assert "[1] worker 1 of 2 follows the chief" in done.stdout
    assert "[1] total" not in done.stdout


def test_started_again_two_workers_are_where_one_process_is(killed, tmp_path):
    """The one process draws what two devices draw."""
    folder, _ = killed
    again = two_workers(folder, "never", *ROUNDS)
    assert again.returncode == 0, again.stderr
    assert "resuming at step 3" in again.stdout
    own, other = re.findall(r"^\[\d\] digest (\w+)", again.stdout, re.MULTILINE)
    assert own == other  # weights, optimizer and average of both workers

    alone = tiny.session(tmp_path / "alone", *ROUNDS, "--mixup_parts=2")
    assert alone.code == 0, alone.err
    task = open_task(tiny.experiment(folder, *ROUNDS))
    two, one = (trained.load(task, each) for each in (folder, tmp_path / "alone"))
    assert two.step == one.step == 6
    for name in ("ema", "raw"):
        for got, expected in zip(two.weights(name), one.weights(name)):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
