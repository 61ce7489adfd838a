"""Measures memory and time of a training step with and without --remat and parts.

    python benchmarks/rematerialization.py --network=wide_resnet --depth=28 --width=2 \
        --images=32 --size=32 --parts=4 [--json=FILE]

Each row is one process: its peak memory beyond that before the step.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import figures

VARIANTS = (("plain", 0, 1), ("remat", 1, 1), ("parts", 0, 0), ("both", 1, 0))


def measure(args: argparse.Namespace) -> None:
    """Measures one step after another in this process."""
    import numpy as np
    import tensorflow as tf

    from mixdmt_tf import models
    from mixdmt_tf.models import rematerialization
    from mixdmt_tf.runs import memory

    given = {"depth": args.depth, "width": args.width}
    config = models.network(args.network)(**{k: v for k, v in given.items() if v})
    shape = (args.size, args.size, 3)
    build = getattr(config, "build_segmenter", None) or config.build
    network = build(shape, args.classes)
    if args.remat:
        rematerialization.rematerialize(network)
    rows = args.images // args.parts
    sums = [tf.Variable(tf.zeros_like(w)) for w in network.trainable_variables]

    @tf.function(autograph=False)
    def part(images):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(network(images, training=True)))
        found = tape.gradient(loss, network.trainable_variables)
        for total, gradient in zip(sums, found):
            total.assign_add(gradient)

    images = np.random.default_rng(0).uniform(-1, 1, (rows, *shape))
    images = tf.constant(images, tf.float32)
    part(images[:1])  # what compiling and libraries take
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(args.steps):
        clock = time.perf_counter()
        for _ in range(args.parts):
            part(images)
        times.append(time.perf_counter() - clock)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    _, outputs = memory.of_network(lambda: build(shape, args.classes))
    between, block = rematerialization.kept(build(shape, args.classes))
    held = between + block / 2 if args.remat else outputs / 2
    estimate = 4 * rows * held / 2**30
    print(json.dumps([min(times), grown, estimate]), flush=True)


def main() -> None:
    """Measures each variant in a separate process."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--network", default="wide_resnet")
    parser.add_argument("--depth", type=int, default=0)
    parser.add_argument("--width", type=int, default=0)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--remat", type=int, default=-1, help=argparse.SUPPRESS)
    figures.add_json(parser)
    args = parser.parse_args()
    if args.remat >= 0:
        measure(args)
        return
    rows = []
    names = ("step (s)", "memory (GiB)", "estimated (GiB)")
    for title, remat, parts in VARIANTS:
        own = [f"--remat={remat}", f"--parts={parts or args.parts}"]
        command = [sys.executable, *sys.argv, *own]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        found = json.loads(done.stdout.splitlines()[-1])
        rows.append({"step": title, **dict(zip(names, found))})
    figures.show(rows, args.json)


if __name__ == "__main__":
    main()
