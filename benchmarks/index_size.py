"""Measures time and memory of listing many image files and of their index.

    python benchmarks/index_size.py --images=1300000 --folder=DIR [--json=FILE]

makes that many empty files in 1,000 class folders, unless they exist, and lists them as
`--dataset=folder` does: once without an index, and once with it. Decoding is not
included.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import figures

CLASSES = 1000


def make(folder: pathlib.Path, images: int) -> None:
    """Creates empty files with names as in ImageNet."""
    for number in range(CLASSES):
        (folder / "train" / f"n{number:08}").mkdir(parents=True, exist_ok=True)
    for number in range(images):
        name = f"n{number % CLASSES:08}"
        (folder / "train" / name / f"{name}_{number}.JPEG").touch()


def peak() -> float:
    """Returns the peak memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: pathlib.Path, cache: pathlib.Path) -> None:
    """Measures each part in this process and prints the results."""
    from mixdmt_tf.data import decoded, file_facts
    from mixdmt_tf.data.classification.datasets import folder as images

    before = peak()
    facts = {}
    clock = time.perf_counter()
    class_names, parts = images.files_of(folder / "train")
    facts["files"] = len(parts["train"].paths)
    facts["listing_s"] = round(time.perf_counter() - clock, 2)
    facts["listing_mib"] = round(peak() - before)
    clock = time.perf_counter()
    kept = decoded._Kept(cache, folder, 32, None)
    cache.mkdir(exist_ok=True)
    kept._known(file_facts.FileFacts.of(parts["train"].paths, folder))
    facts["index_s"] = round(time.perf_counter() - clock, 2)
    facts["all_mib"] = round(peak() - before)
    facts["index_bytes"] = sum(each.stat().st_size for each in cache.iterdir())
    print(json.dumps(facts))


def main() -> None:
    """Makes the files, and measures in separate processes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--measure", type=pathlib.Path, help=argparse.SUPPRESS)
    figures.add_json(parser)
    args = parser.parse_args()
    if args.measure:
        measure(args.folder, args.measure)
        return
    if not args.folder.exists():
        make(args.folder, args.images)
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        for state in ("first time", "again"):
            command = [sys.executable, __file__, f"--folder={args.folder}"]
            command += [f"--measure={cache}/index"]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            rows.append({"index": state, **json.loads(done.stdout.splitlines()[-1])})
    figures.show(rows, args.json)


if __name__ == "__main__":
    main()
