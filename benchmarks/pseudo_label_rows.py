"""Measures time and memory of operations on the pseudo labels of many images.

    python benchmarks/pseudo_label_rows.py --rows=10000000 [--json=FILE]

Each row of the table is one operation in a process of its own: its seconds, and the
peak of memory beyond that of its inputs, the labels and ids of all rows.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import resource
import tempfile
import time
from typing import Callable

import figures
import numpy as np

from mixdmt_tf.data.classification import pseudo_labels
from mixdmt_tf.data.classification.pseudo_labels import PseudoLabels
from mixdmt_tf.data.splits import Split, write_split
from mixdmt_tf.equations import top_confident
from mixdmt_tf.tasks.classification import labeling


def measure(title: str, work: Callable[[], object]) -> figures.Row:
    """Measures an operation in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        with os.fdopen(reading) as answer:
            found = answer.read().split()
        os.waitpid(child, 0)
        seconds, grown = map(float, found)
        return {"operation": title, "seconds": seconds, "memory (MiB)": grown}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    clock = time.perf_counter()
    work()
    seconds = time.perf_counter() - clock
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    os.write(writing, f"{seconds} {grown}".encode())
    os._exit(0)


def main() -> None:
    """Measures all operations one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    figures.add_json(parser)
    arguments = parser.parse_args()
    rows = arguments.rows
    draws = np.random.default_rng(0)
    ids = np.arange(100, 100 + rows)
    confidence = draws.random(rows, np.float32)
    labels = draws.integers(0, 1000, rows, np.int32)
    truth = np.where(draws.random(rows, np.float32) < confidence, labels, 0)
    truth = truth.astype(np.int32)
    kept = confidence > 0.8
    pseudo = PseudoLabels(ids, labels, confidence, kept)
    few = np.arange(100)
    split = Split("folder", 1, "fingerprint", few, ids, few[:0])
    own = sum(each.nbytes for each in (ids, labels, confidence, kept)) / 2**20
    print(f"{rows:,} rows: ids, labels, confidence and what is kept take {own:.0f} MiB")
    found = [
        measure("select a fifth", lambda: top_confident(ids, confidence, rows // 5)),
        measure("judge them", lambda: labeling.quality(pseudo, truth)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        file, place = (pathlib.Path(folder, name) for name in ("a.npz", "split.json"))
        found += [
            measure("write them", lambda: pseudo_labels.write(file, pseudo, split)),
            measure("read them", lambda: pseudo_labels.read(file, split, 1000)),
            measure("write split.json", lambda: write_split(place, split)),
            measure("read split.json", lambda: Split.from_json(place.read_text())),
        ]
        sizes = {p.name: p.stat().st_size / 2**20 for p in (file, place)}
    figures.show(found, arguments.json, disk_mib=sizes)
    words = ", ".join(f"{name} {size:.0f}" for name, size in sizes.items())
    print(f"on the disk, MiB: {words}")


if __name__ == "__main__":
    main()
