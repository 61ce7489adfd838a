"""TensorBoard's files of things that are known as a whole each time they are written.

Event files can only be added to, and whatever is added twice is shown twice. So what is
there is read first. What is missing goes into a new file; if something there is not
what it should be (a round was trained again, a file ends in the middle), all files are
removed and written anew. Whenever a process is killed, the next call puts it right.
"""

from __future__ import annotations

import pathlib
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import numpy as np
import tensorflow as tf

Key = Tuple[str, int]  # tag, step
Numbers = Mapping[Key, float]
Images = Mapping[Key, Callable[[], Any]]  # each draws a picture (Pillow's, RGB)


def are_there(folder: pathlib.Path, numbers: Numbers, images: Images) -> bool:
    """Whether `write` would find nothing to do; its arguments."""
    there = _read(folder)
    keys = [*numbers, *images]
    return _agree(there, numbers, images) and all(key in (there or {}) for key in keys)


def write(folder: pathlib.Path, numbers: Numbers, images: Images) -> None:
    """Makes the files say this, once each.

    Steps after the last one given are left alone: a resumed run comes to them again.

    Args:
        folder: of the event files; made if needed.
        numbers: by tag and step.
        images: by tag and step; only those that are missing are drawn.
    """
    there = _read(folder)
    if there is None or not _agree(there, numbers, images):
        for file in _files(folder):
            file.unlink()
        there = {}
    new_numbers = [key for key in numbers if key not in there]
    new_images = [key for key in images if key not in there]
    if not new_numbers and not new_images:
        return
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for tag, step in new_numbers:
            tf.summary.scalar(tag, numbers[tag, step], step)
        for tag, step in new_images:
            picture = np.asarray(images[tag, step]())
            tf.summary.image(tag, picture[None], step)
    writer.close()


def _files(folder: pathlib.Path) -> List[pathlib.Path]:
    return sorted(folder.glob("events.out.tfevents.*"))


def _agree(
    there: Optional[Mapping[Key, Optional[float]]], numbers: Numbers, images: Images
) -> bool:
    """Whether everything that is there should be; `there` is from `_read`."""
    if there is None:
        return False
    newest = max((step for _, step in [*numbers, *images]), default=-1)

    def same(key: Key, number: Optional[float]) -> bool:
        if number is None:
            return key in images
        return key in numbers and np.float32(numbers[key]) == np.float32(number)

    return all(key[1] > newest or same(key, value) for key, value in there.items())


def _read(folder: pathlib.Path) -> Optional[Dict[Key, Optional[float]]]:
    """Numbers by tag and step, None for a picture; None if a file is broken."""
    found: Dict[Key, Optional[float]] = {}
    for file in _files(folder):
        try:
            for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
                event = tf.compat.v1.Event.FromString(record)
                for value in event.summary.value:
                    picture = value.metadata.plugin_data.plugin_name == "images"
                    number = None if picture else tf.make_ndarray(value.tensor).item()
                    found[value.tag, event.step] = number
        except tf.errors.DataLossError:
            return None
    return found
