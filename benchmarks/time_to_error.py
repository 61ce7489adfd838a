"""Plots test error against training time, for methods of this package and others.

    .venv/bin/python benchmarks/time_to_error.py --seconds=3600
        --ours='RealMix=--flagfile=flags/realmix/cifar10_250.flags --eval_every=500'
        --theirs='USB FixMatch=PYTHON benchmarks/peers/semilearn_training.py
                  --arrays={arrays} --algorithm=fixmatch --eval_every=500'
        [--data='--dataset=cifar10 --labels=250 --data_dir=DIR'] [--json=FILE]
        [--picture=FILE.png] [--earlier=FILE ...]

Each training is a process, one at a time, and is ended after the given seconds. All are
timed by the clock of this process from their start, so imports, compilation and
evaluation count for all of them. A point is an evaluation, at the time when its line
arrives.

`--ours` is a name and flags of `bin/train`; errors are those of the EMA weights.
`--theirs` is a name and a command in which {arrays} is a file of arrays written by this
package's data layer (`numpy.load`): x, y (labelled images and their classes), u (the
unlabelled ones), test_x, test_y, images as uint8 [n, H, W, channels]. It prints a line
of JSON at each evaluation: {"step": 500, "error": 61.2}. `--data` are flags for all of
`--ours`, which determine these arrays, too. `--earlier` is a file from `--json` of an
earlier call: its trainings come before those of this call, if any, and its command and
machine are kept.
"""

from __future__ import annotations

import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from typing import Dict, List, Optional, Sequence, Tuple

import figures
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
GRACE = 60.0  # seconds for a process to save its state
_OURS = re.compile(
    r"(?:step ([\d,]+)|mean of \w.*): error .*\btest ([\d.]+) % \(raw ([\d.]+)\)"
)
Point = Dict[str, float]


def point(line: str, seconds: float) -> Optional[Point]:
    """Parses an evaluation from a line; None if it has none.

    Args:
        line: output line of a training.
        seconds: time of the line.
    """
    ours = _OURS.search(line)
    if ours:
        step, error, raw = ours.groups()
        number = int(step.replace(",", "")) if step else 0  # 0: a mean of networks
        found = {"step": number, "error": float(error), "raw_error": float(raw)}
        return {"seconds": seconds, **found}
    if line.startswith("{"):
        try:
            given = json.loads(line)
            found = {"step": int(given["step"]), "error": float(given["error"])}
        except (ValueError, KeyError, TypeError):
            return None
        return {"seconds": seconds, **found}
    return None


def watch(command: Sequence[str], seconds: float) -> List[Point]:
    """Runs a training for the given seconds, and returns its evaluations.

    Raises:
        SystemExit: with its output, if the training fails.
    """
    points, said = [], []
    begun = time.monotonic()
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        ended = threading.Event()

        def end() -> None:
            ended.set()
            process.terminate()

        timers = [threading.Timer(seconds, end)]
        timers.append(threading.Timer(seconds + GRACE, process.kill))
        for timer in timers:
            timer.start()
        for line in process.stdout or ():
            at = time.monotonic() - begun
            said = [*said[-20:], line]
            found = point(line, at)
            if found and at <= seconds:
                points.append(found)
                print(f"  {at:7.0f} s  {line}", end="", flush=True)
        code = process.wait()
        for timer in timers:
            timer.cancel()
    if code and not ended.is_set():
        sys.exit(f"{shlex.join(command)}\nended with {code}:\n{''.join(said)}")
    return points


def write_arrays(path: pathlib.Path, flags: Sequence[str]) -> None:
    """Writes the images of a run with these flags, with the split of the run."""
    from mixdmt_tf.cli import experiments  # which import TensorFlow
    from mixdmt_tf.runs.splits import choose_split
    from mixdmt_tf.tasks import open_task

    task = open_task(experiments.build(experiments.parse(flags, "train", "")))
    split, source = choose_split(task), task.source
    train, test = source.train, source.test
    np.savez(
        path,
        x=np.asarray(train.images[split.labeled]),
        y=train.labels[split.labeled],
        u=np.asarray(train.images[split.unlabeled]),
        test_x=np.asarray(test.images[np.arange(len(test))]),
        test_y=test.labels,
    )


def named(text: str) -> Tuple[str, List[str]]:
    """Parses NAME=WORDS."""
    name, _, rest = text.partition("=")
    return name, shlex.split(rest)


def draw(path: str, curves: Dict[str, List[Point]], seconds: float) -> None:
    """Draws error against seconds, a line for each training."""
    from mixdmt_tf import plots

    chart = plots.LineChart(
        [
            plots.Series(name, [plots.Point(p["seconds"], p["error"]) for p in points])
            for name, points in curves.items()
        ],
        title="Test error against time of training",
        x_label="seconds",
        y_label="test error (%)",
        x_ticks=[round(seconds * part / 4) for part in range(5)],
    )
    plots.draw(chart).savefig(path)


def main() -> None:
    """Runs all trainings and prints the last error of each."""
    parser = figures.parser(__doc__, rounds=1)
    parser.add_argument("--seconds", type=float, default=600.0, help="of each training")
    parser.add_argument("--ours", action="append", default=[], help="NAME=FLAGS")
    parser.add_argument("--theirs", action="append", default=[], help="NAME=COMMAND")
    parser.add_argument("--data", default="", help="flags of all of ours")
    parser.add_argument("--picture", help="file that gets the picture")
    parser.add_argument("--earlier", action="append", default=[], help="FILE of --json")
    arguments = parser.parse_args()
    data = shlex.split(arguments.data)
    ours = [(name, [*flags, *data]) for name, flags in map(named, arguments.ours)]
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        train = [sys.executable, "-m", "mixdmt_tf", "train"]
        commands = {}
        for number, (name, flags) in enumerate(ours):
            more = [f"--workdir={folder}/{number}", "--noreport", "--noexport"]
            commands[name] = [*train, *flags, *more]
        if arguments.theirs:
            write_arrays(folder / "arrays.npz", ours[0][1] if ours else data)
        for name, words in map(named, arguments.theirs):
            arrays = str(folder / "arrays.npz")
            commands[name] = [word.replace("{arrays}", arrays) for word in words]
        earlier = [json.loads(pathlib.Path(f).read_text()) for f in arguments.earlier]
        curves = {name: c for each in earlier for name, c in each["curves"].items()}
        for name, command in commands.items():
            print(name, flush=True)
            curves[name] = watch(command, arguments.seconds)
    if arguments.picture:
        draw(arguments.picture, curves, arguments.seconds)
    rows = [
        {
            "training": name,
            "seconds": points[-1]["seconds"] if points else 0.0,
            "steps": points[-1]["step"] if points else 0,
            "test error (%)": points[-1]["error"] if points else float("nan"),
            "lowest (%)": min((p["error"] for p in points), default=float("nan")),
        }
        for name, points in curves.items()
    ]
    facts = ("command", "machine", "threads", "versions")
    kept = [{name: each[name] for name in facts} for each in earlier]
    figures.show(rows, arguments.json, curves=curves, earlier=kept)


if __name__ == "__main__":
    main()
