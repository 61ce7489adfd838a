"""TensorBoard event files of the rounds, rewritten after each round.

Event files can only be appended to, and points that are in two files are shown twice.
So all event files of a folder are replaced by a single new one.
"""

from __future__ import annotations

import os
import pathlib
import shutil
from typing import Mapping, Tuple

import numpy as np
import tensorflow as tf

Key = Tuple[str, int]  # tag, step


def write(
    folder: pathlib.Path,
    scalars: Mapping[Key, float],
    images: Mapping[Key, np.ndarray],
) -> None:
    """Replaces the event files of a folder by a single new one.

    Other files stay. The new file is written to a temporary folder and then moved. If
    the process is killed in between, there may be no file, but never an incomplete one.

    Args:
        folder: created if missing. Nothing is done if there is nothing to write.
        scalars: numbers by tag and step.
        images: images by tag and step, uint8 [height, width, 3].
    """
    if not scalars and not images:
        return
    folder.mkdir(exist_ok=True)
    beside = folder / ".events.tmp"
    shutil.rmtree(beside, ignore_errors=True)  # leftover of a killed process
    writer = tf.summary.create_file_writer(str(beside))
    with writer.as_default():
        for (tag, step), value in scalars.items():
            tf.summary.scalar(tag, value, step)
        for (tag, step), pixels in images.items():
            tf.summary.image(tag, pixels[np.newaxis], step)
    writer.close()
    for old in folder.glob("events.*"):
        old.unlink()
    for new in beside.iterdir():
        os.replace(new, folder / new.name)
    beside.rmdir()
