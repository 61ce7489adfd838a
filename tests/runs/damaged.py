"""Damage to checkpoints."""

from __future__ import annotations

import pathlib


def flipped(place: pathlib.Path) -> pathlib.Path:
    """Flips a bit of a checkpoint's weights; returns the checkpoint's folder."""
    (path,) = place.glob("state.data*")
    held = bytearray(path.read_bytes())
    held[len(held) // 2] ^= 1
    path.write_bytes(held)
    return place
