"""Two workers on loopback: they do what one process does, through deaths and rounds."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import subprocess
import sys
import threading
import time
from typing import Optional

import numpy as np
import pytest

from mixdmt_tf.data.classification import pseudo_labels, splits
from mixdmt_tf.runs import trained
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.classification import labeling
from mixdmt_tf.tasks.segmentation import labeling as pixels
from tests.tasks.classification import tiny
from tests.tasks.segmentation import short

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 300  # for what takes ten on an idle machine
MOST = 60  # seconds until a death has ended the others
ROUNDS = (
    *("--algorithm=dmt", "--select_on=last", "--augment=none", "--steps=none"),
    *("--base_steps=3", "--base_batch=8", "--round_steps=6", "--rounds=1"),
    *("--unlabeled_ratio=2", "--eval_every=6", "--noexport"),
)
LOST = "error: another worker has stopped or cannot be reached"


@dataclasses.dataclass(frozen=True)
class Ended:
    """What came of a launch.

    Attributes:
        code: the exit code.
        out: what was printed.
        err: what was complained of.
        after: seconds from the death of a worker to the end of all, None: nobody died.
    """

    code: int
    out: str
    err: str
    after: Optional[float]

    @property
    def digests(self):
        """Of weights, optimizer and average, as each worker has printed it."""
        return re.findall(r"^\[\d\] digest (\w+)", self.out, re.MULTILINE)


def launch(folder, *training):
    """Runs a command of Python with two processes."""
    command = [sys.executable, "bin/launch", "--workers=2", "--", sys.executable]
    out, lines, died = folder.with_name(f"{folder.name}.out"), [], None
    with (
        out.open("w") as stdout,
        subprocess.Popen(
            [*command, *training],
            cwd=ROOT,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        timer = threading.Timer(SECONDS, process.terminate)
        timer.start()
        for line in process.stderr:
            lines.append(line)
            if "was ended by" in line:
                died = time.monotonic()
        code = process.wait()
        timer.cancel()
    after = None if died is None else time.monotonic() - died
    return Ended(code, out.read_text(), "".join(lines), after)


def two_workers(folder, moment):
    """Trains in rounds; a moment is as in `tests.runs.killed`."""
    cache = ("--copies_store=disk", f"--cache_dir={folder}-cache")
    script = ("-m", "tests.runs.killed", str(folder), moment)
    return launch(folder, *script, *ROUNDS, *cache)


@pytest.fixture(name="killed", scope="module")
def fixture_killed(tmp_path_factory):
    """A run whose second worker is killed while the chief evaluates the base model."""
    folder = tmp_path_factory.mktemp("two") / "run"
    return folder, two_workers(folder, "evaluated:3:KILL@1")


@pytest.fixture(name="again", scope="module")
def fixture_again(killed):
    """The same run, started again; now the chief is killed in the round."""
    return two_workers(killed[0], "progress:5:KILL@0")


@pytest.fixture(name="at_last", scope="module")
def fixture_at_last(killed, again):
    """The same run, started again, to its end."""
    del again
    return two_workers(killed[0], "never")


@pytest.fixture(name="untouched", scope="module")
def fixture_untouched(tmp_path_factory):
    """An equal run in which nobody dies."""
    folder = tmp_path_factory.mktemp("untouched") / "run"
    return folder, two_workers(folder, "never")


@pytest.mark.long
def test_a_dead_worker_ends_the_chief_which_evaluates(killed):
    _, done = killed
    assert done.code == 128 + 9, done.err
    assert "worker 1 was ended by SIGKILL; the others end" in done.err
    assert f"[0] {LOST}" in done.err and "Traceback" not in done.err
    assert "[0] step 3: error" in done.out
    assert done.after < MOST


@pytest.mark.long
def test_a_dead_chief_ends_the_other_one(again):
    assert again.code == 128 + 9, again.err
    assert "worker 0 was ended by SIGKILL; the others end" in again.err
    assert f"[1] {LOST}" in again.err and "Traceback" not in again.err
    assert again.after < MOST


def test_the_chief_alone_writes(untouched):
    folder, done = untouched
    events = [*folder.rglob("events.out.tfevents*")]
    assert len(events) == len({each.parent for each in events})
    assert "[0] base: labels alone" in done.out.replace("[1/2] ", "")
    assert "[1] worker 1 of 2 follows the chief" in done.out
    assert "[1] total" not in done.out


@pytest.mark.long
def test_after_two_deaths_weights_are_those_of_a_run_without(at_last, untouched):
    assert at_last.code == 0, at_last.err
    assert "resuming at step 3" in at_last.out
    _, other = untouched
    assert other.code == 0, other.err
    assert len({*at_last.digests, *other.digests}) == 1  # of all four processes
    assert len(at_last.digests) == len(other.digests) == 2


def test_two_workers_are_where_one_process_is(untouched, tmp_path):
    """The one process draws what two devices draw."""
    folder, _ = untouched
    alone = tmp_path / "alone"
    cache = ("--copies_store=disk", f"--cache_dir={tmp_path / 'cache'}")
    done = tiny.session(alone, *ROUNDS, "--mixup_parts=2", *cache)
    assert done.code == 0, done.err
    task = open_task(tiny.experiment(folder, *ROUNDS))
    two, one = (trained.load(task, each) for each in (folder, alone))
    assert two.step == one.step == 6
    for name in ("ema", "raw"):
        for got, expected in zip(two.weights(name), one.weights(name)):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    own, theirs = (
        {each.name: each.read_bytes() for each in place.rglob("*.u8")}
        for place in (tmp_path / "cache", folder.with_name("run-cache"))
    )
    assert own and own == theirs


def test_they_share_copies_and_labels(untouched, tmp_path):
    folder, done = untouched
    assert "[1] copies: part 2/2 of" in done.out
    assert "[1] worker 1 labels part 2/2 for round_1" in done.out
    task = open_task(tiny.experiment(folder, *ROUNDS))
    split = splits.read_split(folder / "split.json", task.source)
    teacher = trained.load(task, folder / "base")
    expected = labeling.label(teacher, task.source, split, 1.0)
    pseudo_labels.write(tmp_path / "labels.npz", expected, split)
    found = folder / "pseudo_labels" / "round_1.npz"
    assert found.read_bytes() == (tmp_path / "labels.npz").read_bytes()
    assert [each.name for each in found.parent.glob("*.parts")] == []


@pytest.mark.long
def test_and_labels_of_pixels(tmp_path):
    """Of a network with batch normalization, whose statistics all workers share."""
    folder = tmp_path / "run"
    flags = ("--algorithm=dmt", "--models=1", "--rounds=1", "--select_on=last")
    flags += (*short.ROUNDS, "--keep_pseudo_labels", "--snapshot=last")
    script = ("-m", "tests.tasks.segmentation.short", str(folder), "0")
    done = launch(folder, *script, *flags)
    assert done.code == 0, done.err
    assert "[1] worker 1 labels part 2/2 for round_1" in done.out
    task = open_task(short.experiment(folder, *flags), short.load())
    split = task.read_split(folder / "split.json")
    teacher = trained.load(task, folder / "base")
    pixels.label(teacher, task.source, split, tmp_path / "labels", 1.0)
    (labels,) = (folder / "pseudo_labels").iterdir()
    found = {each.name: each.read_bytes() for each in (tmp_path / "labels").iterdir()}
    del found["digests.json"]  # in the run also of what they are worth
    assert len(found) == len(split.unlabeled) + 2  # teacher and index
    for name, expected in found.items():
        assert (labels / name).read_bytes() == expected, name
