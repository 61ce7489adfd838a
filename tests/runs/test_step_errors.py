"""Errors of training steps."""

import pytest
import tensorflow as tf

from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import step_errors


def test_a_file_that_cannot_be_used():
    """TensorFlow reads in a thread, and reports what Python raised there as text."""

    def read(_):
        raise UserError("images/a.png is damaged.\nRemove it.")

    data = tf.data.Dataset.range(1).map(
        lambda number: tf.numpy_function(read, [number], tf.float32)
    )
    with pytest.raises(UserError, match="^images/a.png is damaged.\nRemove it.$"):
        with step_errors.explained():
            next(iter(data))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            "OOM when allocating a tensor\nmore",
            "ran out of memory: OOM.*\nGive a smaller",
        ),
        ("x; No space left on device\nmore", "the disk is full: x.*\nMake room"),
    ],
)
def test_what_is_exhausted(what, message):
    with pytest.raises(UserError, match=message):
        with step_errors.explained():
            raise tf.errors.ResourceExhaustedError(None, None, what)


def test_other_errors_stay_what_they_are():
    with pytest.raises(tf.errors.UnavailableError):
        with step_errors.explained():
            raise tf.errors.UnavailableError(None, None, "Socket closed")
