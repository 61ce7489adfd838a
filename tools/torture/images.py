"""Bad image files of 25 kinds: each is read, or refused with its name and in words.

    .venv/bin/python -m tools.torture.images [--trials=1000] [--seed=N]

A trial is a file, read as an image of a classifier and as a mask. Nothing else than an
error in words may come of it, and no file may take more than 400 MB of memory.
"""

from __future__ import annotations

import collections
import io
import pathlib
import random
import resource
import struct
import sys
import tempfile
import zlib
from typing import Callable, Counter, Dict, List, Tuple

import numpy as np
from PIL import Image

from tools.torture import commands

MEMORY = 400_000  # kB that the process may grow by


def _encoded(kind: str, mode: str = "RGB", size: Tuple[int, int] = (24, 17)) -> bytes:
    draw = np.random.default_rng(0)
    shape = (size[1], size[0], 3)
    picture = Image.fromarray(draw.integers(0, 256, shape, np.uint8)).convert(mode)
    content = io.BytesIO()
    picture.save(content, kind)
    return content.getvalue()


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return (
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)
    )


def png(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG that claims a size, of zeros, or of nothing if that would be large."""
    rows = b"\0" * min(height * (1 + width * 3), 1 << 20)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b"")
    )


def cut(content: bytes, draw: random.Random) -> bytes:
    """The beginning of a file."""
    return content[: draw.randrange(len(content))]


def flipped(content: bytes, draw: random.Random) -> bytes:
    """A file with some bits changed."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 8)):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def kinds() -> Dict[str, Callable[[random.Random], Tuple[str, bytes]]]:
    """How to make a file of each kind: its suffix and its bytes."""
    sound = {
        ".png": _encoded("PNG"),
        ".jpg": _encoded("JPEG"),
        ".bmp": _encoded("BMP"),
    }
    made: Dict[str, Callable[[random.Random], Tuple[str, bytes]]] = {
        "empty": lambda draw: (draw.choice([*sound]), b""),
        "text": lambda draw: (".png", b"not an image\n" * draw.randint(1, 50)),
        "noise": lambda draw: (draw.choice([*sound]), draw.randbytes(500)),
        "zeros": lambda draw: (draw.choice([*sound]), bytes(draw.randint(1, 999))),
        "other suffix": lambda draw: (".jpg", sound[".png"]),
        "gif": lambda draw: (".png", _encoded("GIF", "P")),
        "tiff": lambda draw: (".png", _encoded("TIFF")),
        "webp": lambda draw: (".jpg", _encoded("WEBP")),
        "huge": lambda draw: (".png", png(draw.randint(8_000, 10**5), 10**5)),
        "bomb": lambda draw: (".png", png(2**31 - 1, 2**31 - 1)),
        "no pixels": lambda draw: (".png", png(0, draw.randint(0, 5))),
        "a line": lambda draw: (".png", png(draw.randint(1, 9999), 1)),
        "wrong depth": lambda draw: (".png", png(5, 5, draw.randint(0, 255))),
        "wrong colour": lambda draw: (".png", png(5, 5, 8, draw.randint(0, 255))),
        "16 bits": lambda draw: (".png", _encoded("PNG", "I;16")),
        "palette": lambda draw: (".png", _encoded("PNG", "P")),
        "transparent": lambda draw: (".png", _encoded("PNG", "RGBA")),
        "one bit": lambda draw: (".png", _encoded("PNG", "1")),
        "cmyk": lambda draw: (".jpg", _encoded("JPEG", "CMYK")),
    }
    for suffix, content in sound.items():
        made[f"cut {suffix}"] = lambda draw, s=suffix, c=content: (s, cut(c, draw))
        made[f"flipped {suffix}"] = lambda draw, s=suffix, c=content: (
            s,
            flipped(c, draw),
        )
    return made


def look(path: pathlib.Path) -> str:
    """Reads a file in both ways; 'read', 'refused', or what was raised instead."""
    from mixdmt_tf.data import image_files
    from mixdmt_tf.data.segmentation import label_maps
    from mixdmt_tf.errors import UserError

    outcome = "refused"
    try:
        problems = image_files.decode([path], np.empty((1, 16, 16, 3), np.uint8))
        outcome = "refused" if problems else "read"
        label_maps.read_indices(path)
    except UserError as error:
        if path.name not in str(error):
            return f"a message without the name: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return outcome


def main(trials: int, seed: int) -> int:
    """Runs the trials; returns the exit code."""
    draw = random.Random(seed)
    counts: Counter[str] = collections.Counter()
    wrong: List[str] = []
    every = kinds()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        for number in range(trials):
            kind = list(every)[number % len(every)]
            suffix, content = every[kind](draw)
            path = pathlib.Path(folder) / f"{number}{suffix}"
            path.write_bytes(content)
            outcome = look(path)
            if outcome not in ("read", "refused"):
                wrong.append(f"{kind}: {outcome}")
            counts[outcome if outcome in ("read", "refused") else "other"] += 1
            path.unlink()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if grown > MEMORY:
        wrong.append(f"the process grew by {grown / 1000:,.0f} MB")
    counts["kinds"], counts["MB grown"] = len(every), grown // 1000
    return commands.finish("images", trials, counts, wrong)


if __name__ == "__main__":
    found = commands.trials("images", 1000, __doc__)
    sys.exit(main(found.trials, found.seed))
