"""Converts models to TensorFlow Lite, without the converter's output."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
from typing import Callable, Dict, Iterator, Sequence

import numpy as np
import tensorflow as tf

from mixdmt_tf.errors import UserError
from mixdmt_tf.runs.servable import Servable


def converted(servable: Servable, calibration: Sequence[np.ndarray] = ()) -> bytes:
    """Converts a network to a TensorFlow Lite file.

    Args:
        servable: the network.
        calibration: batches of images, uint8 [n, H, W, C], that show the range of
            activations in the network. If given, weights and activations are quantized
            to 8-bit integers.

    Returns:
        The content of the file. In both cases it takes uint8 images and returns float32
        probabilities.

    Raises:
        UserError: if TensorFlow Lite lacks an operation of the network.
    """
    function = servable.lite().get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], servable)
    if calibration:

        def images() -> Iterator[Dict[str, np.ndarray]]:
            for batch in calibration:
                for row in range(len(batch)):
                    yield {"image": batch[row : row + 1]}

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = images
    try:
        with quiet():
            content: bytes = converter.convert()
    except Exception as error:  # the converter raises many kinds
        raise UserError(
            "this network can't be converted to TensorFlow Lite: "
            f"{str(error).strip().splitlines()[0][:200]}\nUse --format=saved_model."
        ) from error
    return content


def answering(path: os.PathLike[str]) -> Callable[[np.ndarray], np.ndarray]:
    """Loads a file that `converted` made.

    Returns:
        A function from uint8 images [n, H, W, C] to their probabilities.
    """
    with quiet():
        runner = tf.lite.Interpreter(model_path=str(path)).get_signature_runner()

    def answer(images: np.ndarray) -> np.ndarray:
        with quiet():  # it prints its device again
            probabilities: np.ndarray = runner(image=images)["probabilities"]
        return probabilities

    return answer


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppresses all writes to standard output and error within the context.

    The converter is a C++ library that writes to the file descriptors, not to
    `sys.stderr`.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryFile() as held, contextlib.ExitStack() as restoring:
        restoring.callback(logging.disable, logging.NOTSET)
        for number in (1, 2):
            try:
                before = os.dup(number)
            except OSError:  # closed, as after `>&-`
                continue
            os.dup2(held.fileno(), number)
            restoring.callback(os.close, before)
            restoring.callback(os.dup2, before, number)
        yield
