"""Readers of files from strangers, fed with damaged and invented ones.

    .venv/bin/python -m tools.torture.parsers [--trials=1000000] [--seed=N]

A trial is a file: a sound one with bytes changed, cut, doubled or exchanged with those
of other sound ones, or noise. Flagfiles, splits, pseudo labels, COCO's JSON, files of
weights, tables, digests, manifests and caches (`readers.py`): nothing else than an
error in words may come of any. Copies and decoded images must be the same, whatever
their cache holds. The mutations are drawn from the seed alone; `coverage.py` has
coverage steer them.
"""

from __future__ import annotations

import collections
import contextlib
import io
import pathlib
import random
import sys
import tempfile
from typing import Counter, List

from tools.torture import commands, readers


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
    draw = random.Random(seed)
    counts: Counter[str] = collections.Counter()
    wrong: List[str] = []
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        other = pathlib.Path(folder) / "other"
        other.mkdir()
        every = readers.readers(other)
        for number in range(trials):
            name = list(every)[number % len(every)]
            reader, sound = every[name]
            content = mutated(sound, draw)
            path = pathlib.Path(folder) / f"file{readers.SUFFIXES.get(name, '')}"
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    known = readers.read(reader, path, content)
                counts["read" if known else "refused"] += 1
            except Exception as error:
                wrong.append(
                    f"{name}: {type(error).__name__}: {error}: {content!r:.300}"
                )
    return commands.finish("parsers", trials, counts, wrong)


if __name__ == "__main__":
    found = commands.trials("parsers", 1_000_000, __doc__)
    sys.exit(main(found.trials, found.seed))
