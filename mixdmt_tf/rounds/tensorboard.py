"""TensorBoard's view of the rounds, written anew after each of them.

Event files can only be appended to, and what is in two of them is shown twice. So those
of a folder are replaced by a single new one.
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
    """Replaces a folder's event files by one that holds this; leaves all else alone.

    The new file is written in a folder of its own and then moved. If the process is
    killed in between, there may be no file, but never one with a part of this.

    Args:
        folder: made if it is not there; nothing is done if there is nothing to write.
        scalars: by tag and step.
        images: by tag and step, uint8 [height, width, 3].
    """
    if not scalars and not images:
        return
    folder.mkdir(exist_ok=True)
    beside = folder / ".events.tmp"
    shutil.rmtree(beside, ignore_errors=True)  # what a killed process left
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
