"""How long commands take before they do anything, against what they are made of.

    .venv/bin/python benchmarks/commands.py [--rounds=5] [--json=FILE]

`--help` and a mistyped flag are compared with the same of an absl program of two
flags, a run of one step on handwritten digits with importing TensorFlow. The commands
take turns; the medians' ratio is what counts.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
from typing import Callable, List

import figures
from turns import medians_in_turns

ROOT = pathlib.Path(__file__).resolve().parents[1]
ABSL = """
from absl import app, flags
flags.DEFINE_integer("labels", 250, "labelled images")
flags.DEFINE_string("dataset", "cifar10", "data set")
app.run(lambda argv: None)
"""
TENSORFLOW = [sys.executable, "-c", "import tensorflow"]


def command(line: List[str]) -> Callable[[], None]:
    """Runs it without showing what it prints, whatever its exit code."""

    def run() -> None:
        subprocess.run(line, cwd=ROOT, capture_output=True, check=False)

    return run


def main() -> None:
    """Runs all in turns and prints the medians."""
    arguments = figures.parser(__doc__, rounds=5).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        absl = pathlib.Path(folder) / "program.py"
        absl.write_text(ABSL, "utf-8")
        train = [sys.executable, "-m", "mixdmt_tf", "train"]
        step = ["--dataset=digits", "--labels=20", "--steps=1", "--noexport"]
        short = ["--network=wide_resnet", "--noreport", "--validation=0"]
        runs = [0]

        def first_step(*more: str) -> Callable[[], None]:
            def run() -> None:
                runs[0] += 1
                workdir = f"--workdir={folder}/{runs[0]}"
                command([*train, *step, *short, *more, workdir])()

            return run

        lines = {
            "absl, --help": command([sys.executable, str(absl), "--help"]),
            "absl, mistyped flag": command([sys.executable, str(absl), "--labls=1"]),
            "import tensorflow": command(TENSORFLOW),
            "--help": command([*train, "--help"]),
            "mistyped flag": command([*train, "--labls=250"]),
            "one step of labels alone": first_step("--algorithm=supervised"),
            "one step of RealMix": first_step("--algorithm=realmix"),
        }
        medians = medians_in_turns(lines, arguments.rounds)
    peers = {
        "--help": "absl, --help",
        "mistyped flag": "absl, mistyped flag",
        "one step of labels alone": "import tensorflow",
        "one step of RealMix": "import tensorflow",
    }
    rows = [
        {
            "command": name,
            "seconds": medians[name],
            "against": peer,
            "its seconds": medians[peer],
            "ratio": medians[name] / medians[peer],
        }
        for name, peer in peers.items()
    ]
    figures.show(rows, arguments.json)


if __name__ == "__main__":
    main()
