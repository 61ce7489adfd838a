"""Predicts the cost of a run at three sizes, by the formulas of docs/scaling.md.

    python benchmarks/scaling.py [--teraflops=50] [--disk=500e6] [--network=1.25e9]
        [--json=FILE]

You give the speeds of devices, disks and networks; bytes and operations follow from the
sizes. The costs of this package per file and row were measured by index_size.py and
pseudo_label_rows.py. scaling_measured.py compares the formulas with measurements on a
machine.
"""

from __future__ import annotations

import argparse
import dataclasses
from typing import Dict

import figures

# Measured on one core of a busy machine, per folder, file or row.
FOLDER_SECONDS = 0.3e-3  # to list its names, however many they are
FILE_SECONDS, FILE_BYTES = 22e-6, 150  # listing, asking for size and time; memory
ROW_SECONDS, ROW_BYTES = 6.5e-6, 68  # selecting, judging, writing, reading; memory
ROW_DISK, ID_DISK = 7, 8.5  # of pseudo labels and of split.json


@dataclasses.dataclass(frozen=True)
class Size:
    """A data set and a network.

    Attributes:
        pictures: N, number of pictures.
        folders: number of folders with them.
        picture: n, stored bytes per picture.
        copies: K, copies of each picture.
        flops: F, operations of a forward pass of one picture.
        parameters: P, of the network.
        rows: pictures in a step, labelled ones and all views of the others.
        steps: of a round.
    """

    pictures: int
    folders: int
    picture: int
    copies: int
    flops: float
    parameters: float
    rows: int
    steps: int


SIZES = {
    "CIFAR-10, WRN-28-2": Size(50_000, 10, 3072, 50, 0.43e9, 1.47e6, 512, 97_600),
    "ImageNet, ResNet-50": Size(
        1_280_000, 1000, 150_528, 10, 8.2e9, 25.6e6, 2048, 62_500
    ),
    "100 M, ResNet-50": Size(10**8, 1000, 150_528, 1, 8.2e9, 25.6e6, 8192, 122_000),
}


def listing(files: int, folders: int) -> float:
    """Returns the seconds to list all files with size and modification time."""
    return files * FILE_SECONDS + folders * FOLDER_SECONDS


def costs(
    size: Size, teraflops: float, disk: float, network: float, replicas: int
) -> Dict[str, str]:
    """Returns each cost as text, by its name."""
    n, speed = size.pictures, teraflops * 1e12
    step = 3 * size.flops * size.rows / speed  # forward, and twice that backward
    reduced = 2 * (replicas - 1) / replicas * 4 * size.parameters
    read = size.rows * size.picture
    copies = n * size.copies * size.picture
    labelling = n * size.flops / speed
    round_ = labelling + size.steps * step
    return {
        "index: memory": amount(n * FILE_BYTES),
        "index: start": duration(listing(n, size.folders)),
        "decoded pictures": amount(n * size.picture),
        "digest and fingerprint": duration(2 * n * size.picture / disk),
        "copies": amount(copies),
        "copies: writing": duration(copies / disk),
        "step: device": duration(step),
        "step: read": amount(read),
        f"step: network, {replicas} replicas": amount(reduced),
        f"step: network, {replicas} replicas, time": duration(reduced / network),
        "labelling: device": duration(labelling),
        "labelling: read": amount(n * size.picture),
        "pseudo labels: disk": amount(n * (ROW_DISK + ID_DISK)),
        "pseudo labels: memory": amount(n * ROW_BYTES),
        "pseudo labels: one core": duration(n * ROW_SECONDS),
        "DMT round: device": duration(round_),
        "DMT round: read": amount(n * size.picture + size.steps * read),
    }


def amount(number: float) -> str:
    """Formats a number of bytes."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number / 1e3:.3g} kB"


def duration(seconds: float) -> str:
    """Formats a number of seconds."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e3:.3g} ms"


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--teraflops", type=float, default=50, help="of all devices")
    parser.add_argument("--disk", type=float, default=500e6, help="bytes a second")
    parser.add_argument("--network", type=float, default=1.25e9, help="bytes a second")
    parser.add_argument("--replicas", type=int, default=8)
    figures.add_json(parser)
    args = parser.parse_args()
    speeds = {name: value for name, value in vars(args).items() if name != "json"}
    columns = {title: costs(size, **speeds) for title, size in SIZES.items()}
    rows = [
        {"": name, **{title: each[name] for title, each in columns.items()}}
        for name in columns["CIFAR-10, WRN-28-2"]
    ]
    figures.show(rows, args.json, speeds=speeds)


if __name__ == "__main__":
    main()
