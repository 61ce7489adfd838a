"""Readers of files from strangers, fed with damaged and invented ones.

    .venv/bin/python -m tools.torture.parsers [--trials=1000000] [--seed=N]

A trial is a file: a sound one with bytes changed, cut, doubled or exchanged with those
of other sound ones, or noise. Flagfiles, splits, pseudo labels, COCO's JSON, files of
weights, colours, digests and manifests: nothing else than an error in words may come of
any. The mutations are drawn from the seed alone; coverage does not steer them.
"""

from __future__ import annotations

import collections
import io
import json
import pathlib
import random
import sys
import tempfile
from typing import Any, Callable, Counter, Dict, List, Tuple

import numpy as np

from tools.torture import commands

Reader = Callable[[pathlib.Path], Any]


def _npz(**arrays: Any) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def _safetensors() -> bytes:
    tensor = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    header = json.dumps({"conv.weight": tensor}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(24)


def _coco() -> bytes:
    return json.dumps(
        {
            "images": [{"id": 1, "file_name": "a.png", "height": 9, "width": 8}],
            "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
            "annotations": [
                {
                    "image_id": 1,
                    "category_id": 3,
                    "segmentation": [[0, 0, 5, 0, 5, 5]],
                    "iscrowd": 0,
                },
                {
                    "image_id": 1,
                    "category_id": 5,
                    "segmentation": {"size": [9, 8], "counts": [10, 20, 42]},
                    "iscrowd": 1,
                },
            ],
        }
    ).encode()


def readers() -> Dict[str, Tuple[Reader, List[bytes]]]:
    """Every reader, with sound files to begin with."""
    from mixdmt_tf import digests
    from mixdmt_tf.cli import experiments
    from mixdmt_tf.data.classification import pseudo_labels
    from mixdmt_tf.data.segmentation import class_files, coco_files
    from mixdmt_tf.data.segmentation import pseudo_labels as pixel_labels
    from mixdmt_tf.data.splits import Split, read_fitting
    from mixdmt_tf.models import weight_files
    from mixdmt_tf.runs.rows import read_rows

    ids = np.arange(6)
    split = Split("made up", 1, "f" * 64, ids[:2], ids[2:4], ids[4:])

    class Source:
        name = "made up"

        def fingerprint(self) -> str:
            return "f" * 64

    note = {"version": 1, "split": split.digest(), "facts": {}}
    labels = _npz(
        note=np.array(json.dumps(note)),
        ids=split.unlabeled,
        labels=np.zeros(2, np.int32),
        confidence=np.ones(2, np.float32),
        kept=np.ones(2, bool),
    )
    guess = _npz(classes=np.zeros((4, 5), np.uint8), doubt=np.zeros((4, 5), np.float16))

    def named(function: Callable[[pathlib.Path], Any], name: str) -> Reader:
        """For readers of a file of a certain name in a folder."""

        def read(path: pathlib.Path) -> Any:
            place = path.with_name(name)
            path.rename(place)
            return function(place.parent)

        return read

    return {
        "flags": (
            lambda path: experiments.parse([f"--flagfile={path}"], "train", ""),
            [b"--dataset=digits\n--labels=20\n# a comment\n--noexport\n--steps=10\n"],
        ),
        "split": (
            lambda path: read_fitting(path, Source(), lambda *_: None),
            [split.to_json().encode()],
        ),
        "pseudo labels": (lambda path: pseudo_labels.read(path, split, 10), [labels]),
        "pixel labels": (
            named(lambda folder: pixel_labels.read_guess(folder, 3), "000003.npz"),
            [guess],
        ),
        "coco": (coco_files.read, [_coco()]),
        "npz weights": (weight_files.read, [_npz(**{"a/b": np.ones((2, 3), "f4")})]),
        "safetensors": (weight_files.read, [_safetensors()]),
        "colours": (
            named(
                lambda folder: class_files.read_classes(folder, "error"), "colours.txt"
            ),
            [b"0 0 0 background\n255 0 0 a cat\n255 255 255 ignored\n"],
        ),
        "digests": (
            named(digests.known, digests.NAME),
            [digests.seal({"results.json": ["a" * 64]}).encode()],
        ),
        "metrics": (
            named(read_rows, "metrics.csv"),
            [b"step,seconds,test_error\n4,1.5,85.6\n8,3.0,80.1\n"],
        ),
    }


SUFFIXES = {"safetensors": ".safetensors", "npz weights": ".npz", "coco": ".json"}


def mutated(sound: List[bytes], draw: random.Random) -> bytes:
    """A file that began as a sound one, unless it is noise."""
    content = bytearray(draw.choice(sound))
    if draw.random() < 0.02:
        return draw.randbytes(draw.randrange(300))
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(content) + 1)
        kind = draw.randrange(6)
        if kind == 0 and content:
            content[place % len(content)] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del content[place : place + draw.randint(1, 20)]
        elif kind == 2:
            content[place:place] = draw.randbytes(draw.randint(1, 9))
        elif kind == 3:
            tokens = (b"-1", b"1e999", b"null", b"[", b"{", b'"', b"99999999999", b"\n")
            content[place:place] = draw.choice(tokens)
        elif kind == 4:
            start = draw.randrange(len(content) + 1)
            content[place:place] = content[start : start + draw.randint(1, 60)]
        elif content:
            content[place % len(content)] = draw.randrange(256)
    return bytes(content)


def main(trials: int, seed: int) -> int:
    """Runs the trials; returns the exit code."""
    from mixdmt_tf.errors import UserError

    draw = random.Random(seed)
    counts: Counter[str] = collections.Counter()
    wrong: List[str] = []
    every = readers()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        for number in range(trials):
            name = list(every)[number % len(every)]
            read, sound = every[name]
            content = mutated(sound, draw)
            path = pathlib.Path(folder) / f"file{SUFFIXES.get(name, '')}"
            path.write_bytes(content)
            try:
                read(path)
                counts["read"] += 1
            except (UserError, SystemExit, FileNotFoundError):
                counts["refused"] += 1
            except Exception as error:
                wrong.append(
                    f"{name}: {type(error).__name__}: {error}: {content!r:.300}"
                )
    return commands.finish("parsers", trials, counts, wrong)


if __name__ == "__main__":
    found = commands.trials("parsers", 1_000_000, __doc__)
    sys.exit(main(found.trials, found.seed))
