"""Compares writing precomputed copies with copying the same number of bytes.

    .venv/bin/python benchmarks/copies.py [--rounds=3] [--json=FILE]
        [--images=10000] [--copies=10] [--augment=cutout]

Copies of random images of 32x32 are made and written to a new cache; `cp` then copies
its files. Both end when the bytes are on the disk (`sync`). The benchmark also prints
the largest resident memory of the process, including TensorFlow's own, and the time of
the parts of making copies, summed over all parallel threads: the images themselves,
their digest, waiting for the disk (`fsync`), and the rest, which is writing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import threading
import time
import types
from typing import Any, Callable, Dict, Iterator
from unittest import mock

import figures
import numpy as np
from turns import medians_in_turns

from mixdmt_tf.data import precomputed, shard_files
from mixdmt_tf.data.classification.copies import Copies


class Timers:
    """Records seconds of function calls by name, summed over all threads."""

    def __init__(self) -> None:
        self.seconds: Dict[str, float] = {}
        self._lock = threading.Lock()

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Returns the function with timed calls."""

        def call(*args: Any, **kwargs: Any) -> Any:
            begun = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                taken = time.perf_counter() - begun
                with self._lock:
                    self.seconds[name] = self.seconds.get(name, 0.0) + taken

        return call

    @contextlib.contextmanager
    def of_files(self) -> Iterator[None]:
        """Times the parts of making files within the context."""
        files, build = shard_files.ShardFiles, shard_files.ShardFiles._build
        digest = types.SimpleNamespace(sha256=self.timed("digest", hashlib.sha256))
        with contextlib.ExitStack() as patches:
            for owner, name, value in (
                (files, "_build", self.timed("whole", build)),
                (precomputed, "_fill", self.timed("making", precomputed._fill)),
                (shard_files, "hashlib", digest),
                (os, "fsync", self.timed("fsync", os.fsync)),
            ):
                patches.enter_context(mock.patch.object(owner, name, value))
            yield
        parts = ("making", "digest", "fsync")
        whole = self.seconds.pop("whole")
        self.seconds["writing"] = whole - sum(self.seconds[part] for part in parts)


def main() -> None:
    """Times making and copying in turns and prints the medians."""
    parser = figures.parser(__doc__, rounds=3)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--augment", default="cutout")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (arguments.images, 32, 32, 3), np.uint8)
    ids = np.arange(arguments.images)
    number = arguments.copies
    copies = Copies(images, ids, number, arguments.augment, 1, "random", 4, True)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        cache, second = pathlib.Path(folder, "cache"), pathlib.Path(folder, "second")

        def make() -> None:
            shutil.rmtree(cache, ignore_errors=True)
            precomputed.open_store(copies, "disk", cache)
            os.sync()

        def copy() -> None:
            shutil.rmtree(second, ignore_errors=True)
            subprocess.run(["cp", "-r", cache, second], check=True)
            os.sync()

        make()
        medians = medians_in_turns({"make": make, "cp": copy}, arguments.rounds)
        timers = Timers()
        with timers.of_files():
            make()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    row = {
        "copies": len(copies),
        "MB": copies.nbytes / 1e6,
        "made and written (s)": medians["make"],
        "cp (s)": medians["cp"],
        "ratio": medians["make"] / medians["cp"],
        "copies per second": len(copies) / medians["make"],
        "memory (GiB)": peak,
        **{f"{name} (s)": taken for name, taken in timers.seconds.items()},
    }
    figures.show([row], arguments.json)


if __name__ == "__main__":
    main()
