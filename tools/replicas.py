"""Prints how much the weights of runs on several devices differ from runs on one.

    .venv/bin/python -m tools.replicas [--steps=50] [--devices=2,4] [--only=TEXT]
        [--dir=DIR] [--tolerance=1e-5]

Devices are logical devices of one CPU. Each run of `RUNS` is trained in float32, with
one seed, on one device, on each number of devices, and on one device again with one
weight of each initialized network moved by a unit in its last place. A cell of the
table is the largest difference of a weight, an EMA weight or a running statistic at the
end. The run with the moved weight shows the size of differences by rounding alone:
devices add up in another order, which no implementation can avoid. Runs that are in DIR
already are not trained again. Takes five minutes of one core.

With a tolerance (`make test-replicas`) the exit code is 1 if a difference between
devices exceeds both the tolerance and ten times that of the moved weight.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any, Dict, Iterator, List, Sequence
from unittest import mock

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]

COMMON = (
    *("--precision=float32", "--nodeterministic", "--ema_decay=0.9", "--noema_warmup"),
    *("--noreport", "--noexport"),
)
DIGITS = (
    *("--dataset=digits", "--labels=50", "--validation=50", "--batch=16", "--copies=2"),
    *("--copies_store=virtual", "--mixup_parts=4", *COMMON),
)
CNN = (*DIGITS, "--network=small_cnn", "--filters=8")
WRN = (*DIGITS, "--network=wide_resnet", "--depth=10", "--width=1")
SYNC = ("--sync_batch_norm", "--nointerleave")
SHARE = ("--ood_rate=0.25", "--ood_percentile=batch")
SCENES = (
    *("--dataset=digit_scenes", "--network=small_segmenter", "--width=8", "--depth=2"),
    *("--crop=25", "--labels=8", "--batch=4", "--sync_batch_norm", *COMMON),
)
RUNS: Dict[str, Sequence[str]] = {
    "RealMix, small CNN": (*CNN, "--algorithm=realmix", *SHARE),
    "MixMatch, small CNN": (*CNN, "--algorithm=mixmatch"),
    "Mean Teacher, small CNN": (*CNN, "--algorithm=mean_teacher"),
    "DMT, small CNN": (*CNN, "--algorithm=dmt"),
    "RealMix, WRN-10-1": (*WRN, "--algorithm=realmix", *SHARE, *SYNC),
    "Mean Teacher for segmentation": (*SCENES, "--algorithm=mean_teacher"),
    "DMT for segmentation": (*SCENES, "--algorithm=dmt"),
}
ONE, NUDGED = "1", "1 nudged"


def lengths(name: str, steps: int) -> List[str]:
    """Returns flags for a number of steps, half for the base model in rounds."""
    if not name.startswith("DMT"):
        return [f"--steps={steps}", f"--eval_every={steps}"]
    batch = 4 if "segmentation" in name else 16
    halves = [f"--base_steps={steps - steps // 2}", f"--round_steps={steps // 2}"]
    more = ["--rounds=1", f"--base_batch={batch}", f"--eval_every={steps}"]
    return [*halves, *more]


@contextlib.contextmanager
def nudged() -> Iterator[None]:
    """Moves one initial weight of networks by a unit in its last place."""
    from mixdmt_tf.runs import beginning

    initialize = beginning.initialize

    def moved(made: Any, task: Any) -> None:
        initialize(made, task)
        weight = made.trained_weights[0]
        values = np.array(weight)
        values.flat[0] = np.nextafter(values.flat[0], np.float32(np.inf))
        weight.assign(values)
        made.weights_replaced()

    with mock.patch.object(beginning, "initialize", moved):
        yield


def start(devices: int) -> None:
    """Starts TensorFlow with logical devices, and reduces the number of scenes."""
    import tensorflow as tf

    from mixdmt_tf.data.segmentation.datasets import digit_scenes

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * devices,
    )
    digit_scenes.COUNTS.update(train=24, validation=4, test=4)


def train(folder: pathlib.Path, devices: str, names: Sequence[str], steps: int) -> None:
    """Trains runs in this process, on all of its devices or on one.

    Args:
        folder: has a folder for each run, named by its index in `RUNS`.
        devices: name of a column.
        names: of the runs.
        steps: of each run.
    """
    from mixdmt_tf.cli import train as command

    strategy = "none" if devices in (ONE, NUDGED) else "mirrored"
    with nudged() if devices == NUDGED else contextlib.nullcontext():
        for name in missing(folder, names):
            place = f"--workdir={folder / place_of(name)}"
            more = [*lengths(name, steps), f"--strategy={strategy}", place]
            code = command.main([*RUNS[name], *more])
            if code:
                sys.exit(code)


def place_of(name: str) -> str:
    """Returns the folder name of a run."""
    return str([*RUNS].index(name))


def missing(folder: pathlib.Path, names: Sequence[str]) -> List[str]:
    """Returns the runs that have not finished yet."""
    ends = {name: folder / place_of(name) / "results.json" for name in names}
    return [name for name, end in ends.items() if not end.exists()]


def weights(run: pathlib.Path) -> Dict[str, np.ndarray]:
    """Loads the final weights, EMA weights and statistics of all stages of a run."""
    import tensorflow as tf

    found = {}
    last = {step.parent: step for step in sorted(run.rglob("step-*"))}
    for folder, step in last.items():
        reader = tf.train.load_checkpoint(str(step / "state"))
        for key in reader.get_variable_to_shape_map():
            if key.startswith(("network/", "average/")):
                found[f"{folder.relative_to(run)}/{key}"] = reader.get_tensor(key)
    return found


def largest(one: Dict[str, np.ndarray], other: Dict[str, np.ndarray]) -> float:
    """Returns the largest absolute difference of two runs' weights."""
    if not one or one.keys() != other.keys():
        raise ValueError("the runs do not have the same variables")
    return max(float(np.max(np.abs(one[key] - other[key]))) for key in one)


def too_large(differences: Sequence[float], tolerance: float) -> bool:
    """Returns whether differences between devices exceed those of rounding.

    Args:
        differences: for each number of devices, and last for the moved weight.
        tolerance: differences up to this are always allowed.
    """
    *devices, rounding = differences
    return any(each > max(tolerance, 10 * rounding) for each in devices)


def main() -> int:
    """Trains all runs, one process per number of devices, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--devices", default="2,4", help="numbers to compare with 1")
    parser.add_argument("--only", default="", help="part of the names of runs")
    parser.add_argument("--dir", default="", help="keeps the runs")
    parser.add_argument("--tolerance", type=float, help="larger differences: exit 1")
    parser.add_argument("--train", nargs=2, metavar=("DEVICES", "DIR"), help="a child")
    options = parser.parse_args()
    names = [name for name in RUNS if options.only.lower() in name.lower()]
    if options.train:
        devices, folder = options.train
        start(1 if devices == NUDGED else int(devices))
        train(pathlib.Path(folder), devices, names, options.steps)
        return 0
    columns = [ONE, *options.devices.split(","), NUDGED]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as passing:
        root = options.dir or passing
        for devices in columns:
            if not missing(pathlib.Path(root, devices), names):
                continue
            command = [sys.executable, "-m", "tools.replicas", "--train", devices]
            more = [f"{root}/{devices}", f"--steps={options.steps}"]
            done = subprocess.run(
                [*command, *more, f"--only={options.only}"],
                cwd=ROOT,
                env=environment,
                stdout=sys.stderr,
            )
            if done.returncode:
                return done.returncode
        print("| run | " + " | ".join(columns[1:]) + " |")
        print("|---" * len(columns) + "|")
        wrong = []
        for name in names:
            ends = [
                weights(pathlib.Path(root, each, place_of(name))) for each in columns
            ]
            differences = [largest(ends[0], end) for end in ends[1:]]
            cells = [f"{each:.0e}" for each in differences]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
            if options.tolerance and too_large(differences, options.tolerance):
                wrong.append(name)
    if wrong:
        print(f"larger than rounding and {options.tolerance:g}: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
