"""What every run writes to TensorBoard as it trains."""

from __future__ import annotations

import gc
import sys

import numpy as np
import tensorflow as tf
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from mixdmt_tf.runs.log import Log, write_numbers

NUMBERS = {"loss": 1.5, "test/error": np.float64(12.25), "images": np.float32(3)}


def written(folder):
    """Metadata and number of each value of a folder's event file, by tag and step."""
    (path,) = folder.glob("events.*")
    return {
        (value.tag, event.step): (value.metadata, tf.make_ndarray(value.tensor))
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
    }


def test_numbers_are_written_as_tensorflow_writes_scalars(tmp_path):
    for name in ("ours", "theirs"):
        writer = tf.summary.create_file_writer(str(tmp_path / name))
        with writer.as_default(np.int64(7)):
            if name == "ours":
                write_numbers(NUMBERS)
            else:
                for tag, value in NUMBERS.items():
                    tf.summary.scalar(tag, value)
        writer.close()
    ours, theirs = (written(tmp_path / name) for name in ("ours", "theirs"))
    assert list(ours) == list(theirs) == [(tag, 7) for tag in NUMBERS]
    assert ours == theirs
    assert all(number.dtype == np.float32 for _, number in ours.values())


def test_memory_does_not_grow_with_the_numbers_of_a_point(tmp_path):
    """In Python 3.11 and 3.12 TensorFlow loses a block with every eager tensor."""
    log = Log(tmp_path, images_per_step=1)
    numbers = {f"loss_{number}": number / 7 for number in range(20)}
    points = 100

    def grown(first):
        gc.collect()
        before = sys.getallocatedblocks()
        for step in range(first, first + points):
            log.log(step, numbers)
        gc.collect()
        return (sys.getallocatedblocks() - before) / points

    grown(0)  # what is allocated once
    assert grown(points) < len(numbers)
    log.close()
    assert len(written(tmp_path)) == 2 * points * (len(numbers) + 1)
