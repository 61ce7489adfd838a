"""Errors of TensorFlow in a training step, as errors for the user."""

from __future__ import annotations

import contextlib
import re
from typing import Iterator

import tensorflow as tf

from mixdmt_tf.errors import UserError
from mixdmt_tf.files import FULL


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Converts errors of training steps that have a known cause.

    Raises:
        UserError: if memory or disk is exhausted, or images can't be used.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise _exhausted(error) from error
    except tf.errors.OpError as error:
        # TensorFlow turns a UserError in the input pipeline into text.
        message = re.search(r"UserError: (.+?)\nTraceback", str(error), re.DOTALL)
        if not message:
            raise
        raise UserError(message[1]) from None


def _exhausted(error: tf.errors.ResourceExhaustedError) -> UserError:
    """Converts TensorFlow's error for a full disk or too little memory."""
    what = str(error).splitlines()[0]
    if FULL in what:
        again = "Make room and run the same command again."
        return UserError(f"the disk is full: {what}\n{again}")
    return UserError(
        f"a step ran out of memory: {what}\n"
        "Give a smaller --batch, smaller images or a smaller network."
    )
