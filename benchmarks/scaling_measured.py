"""Compares the predictions of docs/scaling.md for a machine with measurements.

    .venv/bin/python benchmarks/scaling_measured.py [--rounds=3] [--json=FILE]
        [--images=1000,10000] [--replicas=1,2,4] [--copies=10] [--width=1]

The parameters of the model are measured first: pictures per second in the network's
forward passes (D / F), augmented copies per second, and bytes per second written to the
disk. The predictions follow from these and from the constants of `scaling.py`. Replicas
are logical devices of one processor: together they are as fast as one, so the model
predicts the same time for a step on any number of them.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, Callable, Dict, List

import figures
import index_size
import numpy as np
import scaling

SIDE, DEPTH, BATCH = 32, 10, 64
PIXELS = (SIDE, SIDE, 3)
STEPS = 12  # including two for compilation and warm-up
WRITTEN = 256 << 20  # bytes


def median(function: Callable[[], Any], rounds: int) -> float:
    """Returns the median seconds of a call."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def row(what: str, predicted: float, measured: float) -> Dict[str, Any]:
    """Returns a row of the table."""
    return {
        "what": what,
        "predicted (s)": predicted,
        "measured (s)": measured,
        "measured / predicted": measured / predicted,
    }


def listing(images: int, rounds: int) -> Dict[str, Any]:
    """Measures listing names, sizes and times of empty files in 1,000 folders."""
    from mixdmt_tf.data import file_facts
    from mixdmt_tf.data.classification.datasets import folder as files

    def look(place: pathlib.Path) -> None:
        _, parts = files.files_of(place / "train")
        file_facts.FileFacts.of(parts["train"].paths, place)

    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        index_size.make(place, images)
        look(place)
        taken = median(lambda: look(place), rounds)
    predicted = scaling.listing(images, index_size.CLASSES)
    return row(f"listing {images:,} files", predicted, taken)


def write(folder: pathlib.Path, number: int) -> None:
    """Writes a number of bytes to the disk."""
    with (folder / "bytes").open("wb") as file:
        file.write(os.urandom(1 << 20) * (number >> 20))
        file.flush()
        os.fsync(file.fileno())


def copies(images: int, number: int, rounds: int) -> Dict[str, Any]:
    """Measures making and writing augmented copies."""
    import tensorflow as tf

    from mixdmt_tf.data import precomputed
    from mixdmt_tf.data.classification.copies import Copies

    pictures = np.random.default_rng(0).integers(0, 256, (images, *PIXELS), np.uint8)
    ids = np.arange(images)
    made = Copies(pictures, ids, number, "cutout", 1, "random", 4, True)
    make, some = precomputed.traced(made), tf.range(precomputed.CHUNK, dtype=tf.int64)
    make(some)
    each = median(lambda: make(some), rounds) / precomputed.CHUNK / os.cpu_count()
    caches = iter(range(rounds))
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        folder = pathlib.Path(name)
        disk = WRITTEN / median(functools.partial(write, folder, WRITTEN), rounds)

        def build() -> None:
            cache = folder / str(next(caches))
            precomputed.open_store(made, "disk", cache, say=lambda _: None)

        taken = median(build, rounds)
    predicted = len(made) * each + made.nbytes / disk
    return row(f"{number} copies of {images:,} pictures", predicted, taken)


def labelling(images: int, width: int, rate: float, rounds: int) -> Dict[str, Any]:
    """Measures predictions of a network for all pictures."""
    scorer, weights = network(width)
    pictures = np.zeros((images, *PIXELS), np.uint8)
    taken = median(lambda: scorer.predict(weights, pictures), rounds)
    return row(f"labelling {images:,} pictures", images / rate, taken)


def forward(width: int, rounds: int) -> float:
    """Returns the pictures per second in bare forward passes."""
    import tensorflow as tf

    from mixdmt_tf.data.pixels import to_float
    from mixdmt_tf.tasks.classification.scoring import BATCH as PASS

    scorer, _ = network(width)
    run = tf.function(lambda x: scorer.network(to_float(x)), autograph=False)
    pictures = tf.zeros((PASS, *PIXELS), tf.uint8)
    run(pictures)
    return PASS / median(lambda: run(pictures).numpy(), 2 * rounds)


def network(width: int) -> Any:
    """Returns a scorer and its weights."""
    from mixdmt_tf.models.wide_resnet import WideResNet
    from mixdmt_tf.tasks.classification.scoring import Scorer

    scorer = Scorer(WideResNet(depth=DEPTH, width=width), PIXELS, 10)
    return scorer, scorer.network.get_weights()


def step(replicas: int, width: int) -> float:
    """Returns the seconds of a step on logical devices, in a new process."""
    import step as steps
    import tensorflow as tf

    from mixdmt_tf.runs import runtime, training_loop

    (processor,) = tf.config.list_physical_devices("CPU")
    devices = [tf.config.LogicalDeviceConfiguration()] * replicas
    tf.config.set_logical_device_configuration(processor, devices)
    flags = ["--network=wide_resnet", f"--depth={DEPTH}", f"--width={width}"]
    flags += [f"--batch={BATCH}", "--precision=float32"]
    experiment = steps.experiment_of("supervised", flags)
    several = replicas > 1
    strategy = runtime.mirrored_strategy() if several else tf.distribute.get_strategy()
    with strategy.scope():
        method, batches = steps.compiled(experiment)
    ends: List[float] = []
    schedule = training_loop.Schedule(STEPS, 2 * STEPS, 2 * STEPS, 2 * STEPS)
    hooks = training_loop.Hooks(
        log=lambda *_: None,
        evaluate=lambda _: None,
        save=lambda _: None,
        progress=lambda *_: ends.append(time.perf_counter()),
        should_stop=lambda: False,
    )
    training_loop.train(method, batches, strategy, schedule, hooks)
    return float(np.median(np.diff(ends)[1:]))


def steps_of(replicas: int, width: int, rate: float) -> Dict[str, Any]:
    """Measures a step on a number of replicas, in a separate process."""
    command = [sys.executable, __file__, f"--step={replicas}", f"--width={width}"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    taken = json.loads(done.stdout.splitlines()[-1])
    what = f"a step of {BATCH} pictures, {replicas} replica{'s' * (replicas > 1)}"
    return row(what, 3 * BATCH / rate, taken)


def main() -> None:
    """Runs all measurements and prints the table."""
    parser = figures.parser(__doc__, rounds=3)
    parser.add_argument("--images", default="1000,10000")
    parser.add_argument("--replicas", default="1,2,4")
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--width", type=int, default=1)
    parser.add_argument(
        "--step", type=int, default=0, help="used by the command itself"
    )
    arguments = parser.parse_args()
    rounds, width = arguments.rounds, arguments.width
    if arguments.step:
        print(json.dumps(step(arguments.step, width)))
        return
    images = [*map(int, arguments.images.split(","))]
    rows = [listing(each, rounds) for each in images]
    rows += [copies(each, arguments.copies, rounds) for each in images]
    rate = forward(width, rounds)
    rows += [labelling(each, width, rate, rounds) for each in images]
    for number in map(int, arguments.replicas.split(",")):
        rows.append(steps_of(number, width, rate))
    figures.show(rows, arguments.json)


if __name__ == "__main__":
    main()
