"""What writing precomputed copies costs, against copying as many bytes.

    .venv/bin/python benchmarks/copies.py [--rounds=3] [--json=FILE]
        [--images=10000] [--copies=10] [--augment=cutout]

Copies of random images of 32x32 are made and written to a new cache; `cp` then copies
its files. Both end with the bytes on the disk (`sync`). Also printed: the largest
resident memory of the process, TensorFlow's own included.
"""

from __future__ import annotations

import os
import pathlib
import resource
import shutil
import subprocess
import tempfile

import figures
import numpy as np
from turns import medians_in_turns

from mixdmt_tf.data import precomputed
from mixdmt_tf.data.classification.copies import Copies


def main() -> None:
    """Makes and copies them in turns and prints the medians."""
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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    row = {
        "copies": len(copies),
        "MB": copies.nbytes / 1e6,
        "made and written (s)": medians["make"],
        "cp (s)": medians["cp"],
        "ratio": medians["make"] / medians["cp"],
        "copies per second": len(copies) / medians["make"],
        "memory (GiB)": peak,
    }
    figures.show([row], arguments.json)


if __name__ == "__main__":
    main()
