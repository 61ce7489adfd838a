"""Measures the startup time of commands, compared with its unavoidable part.

    .venv/bin/python benchmarks/commands.py [--rounds=5] [--json=FILE]

`--help` and a mistyped flag are compared with the same of an absl program with two
flags. A run is compared with importing TensorFlow: until its first step, after which
the process is ended, and as a whole, with evaluation, checkpoint and log. Images are
handwritten digits of 8x8, or random ones of 32x32, as many as in CIFAR-10. The commands
take turns; the result is the ratio of the medians. On a busy machine the ratio of CPU
seconds is more stable.
"""

from __future__ import annotations

import itertools
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from typing import Any, Callable, Dict, List

import figures
from turns import medians_in_turns

ROOT = pathlib.Path(__file__).resolve().parents[1]
ABSL = """
from absl import app, flags
flags.DEFINE_integer("labels", 250, "labelled images")
flags.DEFINE_string("dataset", "cifar10", "data set")
app.run(lambda argv: None)
"""
# Modules are compiled once, as in an installed package, not at each start.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
TENSORFLOW = [sys.executable, "-c", "import tensorflow"]
# Ends at its first finished step, or on other images, as its first two words say.
TRAIN = """
import os, sys
import numpy as np
from mixdmt_tf.cli import train
from mixdmt_tf.data.classification.datasets import digits
from mixdmt_tf.data.classification.source import Images, Source
from mixdmt_tf.runs.session import Session
until, images = sys.argv[1:3]
def large(config):
    pixels = np.random.default_rng(0).integers(0, 256, (50_000, 32, 32, 3), np.uint8)
    labels = (np.arange(50_000) % 10).astype(np.int32)
    made = Images(pixels, labels)
    few = Images(pixels[:1000], labels[:1000])
    return Source("random", tuple("0123456789"), made, few, None, True, 4)
if images == "32x32":
    digits.load = large
if until == "step":
    Session._begun = lambda *_: os._exit(0)
sys.exit(train.main(sys.argv[3:]))
"""


class Commands:
    """Runs commands, and records the CPU seconds of each call."""

    def __init__(self) -> None:
        self.cpu: Dict[str, List[float]] = {}

    def command(self, name: str, line: List[str], code: int = 0) -> Callable[[], None]:
        """Returns a function that runs a command without showing its output.

        Args:
            name: of the command.
            line: the command line as a list of words.
            code: expected exit code.
        """

        def run() -> None:
            before = os.times()
            done = subprocess.run(
                line, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True
            )
            after = os.times()
            if done.returncode != code:
                sys.exit(f"{name} ended with {done.returncode}:\n{done.stderr}")
            taken = after.children_user - before.children_user
            taken += after.children_system - before.children_system
            self.cpu.setdefault(name, []).append(taken)

        return run


def main() -> None:
    """Times all commands in turns and prints the medians."""
    arguments = figures.parser(__doc__, rounds=5).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        absl = pathlib.Path(folder) / "program.py"
        absl.write_text(ABSL, "utf-8")
        train = [sys.executable, "-m", "mixdmt_tf", "train"]
        step = ["--dataset=digits", "--labels=20", "--steps=1", "--noexport"]
        short = ["--network=wide_resnet", "--noreport", "--validation=0"]
        runs, commands = [0], Commands()

        def first_step(name: str, until: str, images: str, algorithm: str) -> Any:
            def run() -> None:
                runs[0] += 1
                more = [f"--algorithm={algorithm}", f"--workdir={folder}/{runs[0]}"]
                line = [sys.executable, "-c", TRAIN, until, images, *step, *short]
                commands.command(name, [*line, *more])()

            return run

        plain = {
            "absl, --help": ([sys.executable, str(absl), "--help"], 1),
            "absl, mistyped flag": ([sys.executable, str(absl), "--labls=1"], 1),
            "import tensorflow": (TENSORFLOW, 0),
            "--help": ([*train, "--help"], 0),
            "mistyped flag": ([*train, "--labls=250"], 2),
        }
        lines = {name: commands.command(name, *each) for name, each in plain.items()}
        peers = {"--help": "absl, --help", "mistyped flag": "absl, mistyped flag"}
        for algorithm, images, until in itertools.product(
            ("supervised", "realmix"), ("8x8", "32x32"), ("step", "end")
        ):
            what = {"step": "until its first step", "end": "of one step, whole"}[until]
            name = f"{algorithm} on {images}, {what}"
            lines[name] = first_step(name, until, images, algorithm)
            peers[name] = "import tensorflow"
        medians = medians_in_turns(lines, arguments.rounds)
    cpu = {name: statistics.median(taken) for name, taken in commands.cpu.items()}
    rows = [
        {
            "command": name,
            "seconds": medians[name],
            "against": peer,
            "its seconds": medians[peer],
            "ratio": medians[name] / medians[peer],
            "CPU seconds": cpu[name],
            "ratio of CPU": cpu[name] / cpu[peer],
        }
        for name, peer in peers.items()
    ]
    figures.show(rows, arguments.json)


if __name__ == "__main__":
    main()
