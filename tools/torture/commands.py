"""Commands of the package in children of one process, and the runs that are tried.

TensorFlow takes seconds to be imported. It is imported once, and every command runs in
a fork of this process, which nothing has been computed in; so a trial takes as long as
its command.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import time
import traceback
from typing import Any, Callable, Dict, List, NamedTuple, Optional

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

COMMON = ("--precision=float32", "--log_every=2", "--ema_decay=0.8", "--noema_warmup")
DIGITS = (
    *("--dataset=digits", "--network=small_cnn", "--filters=4", "--labels=20"),
    *("--validation=50", "--learning_rate=0.01", "--batch=8", *COMMON),
)
SCENES = (
    *("--dataset=digit_scenes", "--network=small_segmenter", "--width=4", "--depth=1"),
    *("--crop=17", "--labels=8", "--batch=2", "--keep_checkpoints=4", *COMMON),
)
ROUNDS = ("--base_steps=6", "--round_steps=6", "--unlabeled_ratio=2")
RUNS: Dict[str, List[str]] = {
    "realmix on digits": [
        *(*DIGITS, "--algorithm=realmix", "--steps=12", "--eval_every=4"),
        *("--checkpoint_every=3", "--copies=2", "--copies_store=disk"),
    ],
    "dmt on digits": [
        *(*DIGITS, *ROUNDS, "--algorithm=dmt", "--base_batch=8", "--rounds=2"),
        *("--eval_every=6", "--checkpoint_every=3", "--augment=none"),
    ],
    "dmt on scenes": [
        *(*SCENES, *ROUNDS, "--algorithm=dmt", "--base_batch=2", "--rounds=1"),
        *("--eval_every=3", "--checkpoint_every=2"),
    ],
}
FEW = {"train": 20, "validation": 4, "test": 4}  # scenes, of which there are hundreds
# What clocks, machines and places say.
PASSING = {"seconds", "machine", "flags", "versions"}


def training(name: str, folder: pathlib.Path) -> List[str]:
    """The arguments of `bin/train` for one of `RUNS`, in folder/run."""
    argv = [*RUNS[name], f"--workdir={folder / 'run'}"]
    return argv if "scenes" in name else [*argv, f"--cache_dir={folder / 'cache'}"]


class Outcome(NamedTuple):
    """How a command ended; what it printed and complained of; how long it took."""

    code: int
    text: str
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether it ended as a command may: with success, or an error in words."""
        return "Traceback" not in self.text and self.code in (0, 1, 2, 130, 143)


def prepare() -> None:
    """Imports what takes long, and computes nothing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("MPLBACKEND", "agg")
    for name in ("tasks.fit", "tasks.dry_run", "runs.trained", "plots"):
        importlib.import_module(f"mixdmt_tf.{name}")
    for task in ("classification", "segmentation"):
        for name in ("task", "commands", "rounds"):
            importlib.import_module(f"mixdmt_tf.tasks.{task}.{name}")
    importlib.import_module("sklearn.datasets")
    from mixdmt_tf.data.segmentation.datasets import digit_scenes

    digit_scenes.COUNTS.update(FEW)


class Child:
    """A command that is running."""

    def __init__(self, command: str, *argv: str, before: Callable[[], Any] = bool):
        """Starts `bin/<command>` with these arguments.

        Args:
            command: its name.
            argv: its arguments.
            before: called in the child at first.
        """
        self._output = tempfile.TemporaryFile()
        self._started = time.monotonic()
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            self._run(command, argv, before)

    def _run(self, command: str, argv: Any, before: Callable[[], Any]) -> None:
        code = 70
        try:
            os.setsid()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number in (1, 2):
                os.dup2(self._output.fileno(), number)
            main = importlib.import_module(f"mixdmt_tf.cli.{command}").main
            before()
            code = main(list(argv))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def send(self, number: int) -> None:
        """Sends a signal, if it is still running."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    def kill(self) -> Outcome:
        """Ends it at once."""
        self.send(signal.SIGKILL)
        return self.wait(float("inf")) or Outcome(-signal.SIGKILL, "", 0.0)

    def wait(self, seconds: float) -> Optional[Outcome]:
        """How it ended; None if it is still running after so long."""
        end = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                return None
            time.sleep(0.01)
        took = time.monotonic() - self._started
        self._output.seek(0)
        text = self._output.read().decode(errors="replace")
        self._output.close()
        return Outcome(os.waitstatus_to_exitcode(status), text, took)


def run(command: str, *argv: str, seconds: float = 600.0) -> Outcome:
    """Runs a command to its end, or kills it after so many seconds."""
    child = Child(command, *argv)
    done = child.wait(seconds)
    if done is not None:
        return done
    done = child.kill()
    return done._replace(text=f"{done.text}\nTraceback: no end in {seconds:.0f} s")


def succeed(command: str, *argv: str) -> Outcome:
    """Runs a command that trials begin with, and gives up if it fails."""
    done = run(command, *argv)
    if done.code:
        sys.exit(f"bin/{command} failed:\n{done.text}")
    return done


def facts(folder: pathlib.Path) -> Dict[str, Any]:
    """What must be the same of two runs: the results, and the bytes of the weights."""
    found = json.loads((folder / "results.json").read_text())
    for each in (found, *found.get("rounds", [])):
        for name in PASSING:
            each.pop(name, None)
    for path in sorted(folder.rglob("state.data-*")):
        if ".tmp" not in str(path):
            place = str(path.relative_to(folder))
            found[place] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def trials(
    script: str, count: int, doc: Optional[str], first: bool = False
) -> argparse.Namespace:
    """The arguments of a script; prints the seed that repeats it.

    Args:
        script: its name.
        count: trials by default.
        doc: what it does.
        first: whether it can begin with any trial.
    """
    parser = argparse.ArgumentParser(prog=script, description=doc)
    parser.add_argument("--trials", type=int, default=count)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    if first:
        parser.add_argument("--first", type=int, default=0, help="number of a trial")
    found = parser.parse_args()
    print(f"{script} --trials={found.trials} --seed={found.seed}", flush=True)
    return found


def finish(script: str, done: int, counts: Dict[str, int], wrong: List[str]) -> int:
    """Prints the figures and what went wrong; returns the exit code."""
    for line in wrong[:20]:
        print(line)
    figures = ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))
    print(f"{script}: {done:,} trials: {figures}; {len(wrong)} wrong", flush=True)
    return 1 if wrong else 0
