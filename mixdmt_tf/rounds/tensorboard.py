"""TensorBoard's view of the rounds, written anew after each of them.

Event files can only be appended to, and what is in two of them is shown twice. So a
folder is replaced as a whole, by one with a single event file.
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
    """Replaces a folder by one that holds this; leaves it alone if this is nothing.

    The new folder is written under another name and then renamed. If the process is
    killed in between, there may be no folder, but never one with a part of this.

    Args:
        folder: for event files alone.
        scalars: by tag and step.
        images: by tag and step, uint8 [height, width, 3].
    """
    if not scalars and not images:
        return
    beside = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)  # what a killed process left
    writer = tf.summary.create_file_writer(str(beside))
    with writer.as_default():
        for (tag, step), value in scalars.items():
            tf.summary.scalar(tag, value, step)
        for (tag, step), pixels in images.items():
            tf.summary.image(tag, pixels[np.newaxis], step)
    writer.close()
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(beside, folder)
