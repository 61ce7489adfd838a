"""Exports models for other programs: uint8 images in, probabilities and labels out.

`servable.py` defines inputs and outputs. Every exported model is loaded again and
compared with the network, and kept only if its predictions agree.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
from typing import Callable, Iterator, List, Optional, Sequence

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.data.bands import Bands
from mixdmt_tf.errors import UserError
from mixdmt_tf.models.layers.borders import CroppedLike, RepeatedBorder
from mixdmt_tf.runs import agreement, lite
from mixdmt_tf.runs.agreement import Agreement, Samples
from mixdmt_tf.runs.model_files import BANDS, CLASSES, COLOURS, SHAPE, note_digests
from mixdmt_tf.runs.servable import IMAGES, Servable
from mixdmt_tf.runs.task import Scorer

Answering = Callable[[np.ndarray], np.ndarray]


def export(
    format_name: str,
    scorer: Scorer,
    weights: List[np.ndarray],
    class_names: Sequence[str],
    place: pathlib.Path,
    colours: Optional[np.ndarray] = None,
    samples: Optional[Samples] = None,
    bands: Optional[Bands] = None,
) -> Agreement:
    """Writes a model, loads it back, and compares its predictions with the network's.

    Args:
        format_name: 'saved_model', 'keras', 'tflite' or 'tflite_int8'.
        scorer: the network.
        weights: the weights to export.
        class_names: names of the classes; also written into a SavedModel's folder, as
            `classes.json`. Beside it `shape.json` holds the network's input shape (H,
            W, C), with null for any size.
        place: file or folder; replaced as a whole once the new one is verified.
        colours: colours of the classes, uint8 [C, 3]; written into a SavedModel's
            folder as `colours.json`.
        samples: images to compare on, and for 'tflite_int8' to calibrate with; random
            images if not given.
        bands: kind of images that the network was trained on; None for photographs.

    Returns:
        The agreement of both.

    Raises:
        UserError: if the predictions of the loaded model differ, or if `place` cannot
            be written or holds something else. What was there stays.
        ValueError: if there is nothing to calibrate with.
    """
    place = place.absolute()
    samples = samples or agreement.random_samples(scorer.network.input_shape[1:])
    if format_name == "tflite_int8" and not samples.calibration:
        raise ValueError("tflite_int8 needs images to calibrate with")
    writers = {
        "saved_model": lambda path: _saved_model(
            scorer, path, class_names, colours, bands
        ),
        "keras": lambda path: _keras(scorer, path),
        "tflite": lambda path: _tflite(scorer, path),
        "tflite_int8": lambda path: _tflite(scorer, path, samples.calibration),
    }
    _refuse_to_replace(place, format_name)
    beside = place.with_name(f".{os.getpid()}-{place.name}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        scorer.network.set_weights(weights)
        try:
            answered = writers[format_name](beside)
            several = getattr(scorer, "several_labels", False)
            expected = _expected(scorer, weights)
            with _exact():
                found = agreement.compare(samples, expected, answered, several)
            agreement.require(found, place, format_name == "tflite_int8")
            _remove(place)
            os.rename(beside, place)
        finally:
            _remove(beside)
    except (OSError, tf.errors.OpError) as error:
        raise _unwritten(place, error) from error
    return found


@contextlib.contextmanager
def _exact() -> Iterator[None]:
    """Turns off TensorFloat-32, in which newer GPUs multiply float32 numbers.

    The network would else differ from a TensorFlow Lite model, which runs on the CPU,
    by more than `agreement.LARGEST`.
    """
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def _expected(scorer: Scorer, weights: List[np.ndarray]) -> Answering:
    return lambda images: scorer.predict(weights, images)


def _unwritten(place: pathlib.Path, error: Exception) -> UserError:
    """Returns the error for a model that could not be written.

    TensorFlow's errors have no `strerror`; the first line of their message is used.
    """
    reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
    return UserError(
        f"{place} cannot be written: {reason}.\nMake room or choose another place, and "
        "run the same command again: what was trained is saved."
    )


def _refuse_to_replace(place: pathlib.Path, format_name: str) -> None:
    """Checks that a folder to be replaced is empty or holds an earlier SavedModel."""
    if format_name != "saved_model":
        if place.is_dir():
            raise UserError(f"{place} is a folder; expected the name of a file")
    elif place.exists() and not (place / "saved_model.pb").is_file():
        if not place.is_dir() or any(place.iterdir()):
            raise UserError(
                f"{place} holds something other than a SavedModel and is left alone.\n"
                "Choose a new folder for the model."
            )


def _remove(path: pathlib.Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _saved_model(
    scorer: Scorer,
    path: pathlib.Path,
    class_names: Sequence[str],
    colours: Optional[np.ndarray],
    bands: Optional[Bands],
) -> Answering:
    """Writes a SavedModel and the files that `model_files.py` lists."""
    servable = Servable(scorer, class_names, bands)
    tf.saved_model.save(servable, str(path), signatures=servable.signatures())
    names = json.dumps(list(class_names))
    (path / CLASSES).write_text(names, encoding="utf-8")
    (path / SHAPE).write_text(json.dumps(list(scorer.network.input_shape[1:])))
    if bands is not None:
        (path / BANDS).write_text(json.dumps([bands.number]))
    if colours is not None:
        (path / COLOURS).write_text(json.dumps(colours.tolist()))
    note_digests(path)
    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures[IMAGES]

    def answer(images: np.ndarray, _: object = loaded) -> np.ndarray:
        probabilities: np.ndarray = serve(tf.constant(images))["probabilities"].numpy()
        return probabilities

    return answer


def _keras(scorer: Scorer, path: pathlib.Path) -> Answering:
    """Writes a Keras model that includes rescaling and softmax.

    Classifiers use stock layers only and load with plain Keras. Segmentation networks
    need this package, since Keras has no layer that upsamples with aligned corners.
    """
    images = keras.Input(scorer.network.input_shape[1:], name="image")
    scaled = keras.layers.Rescaling(2.0 / 255.0, -1.0, dtype="float32")(images)
    if scorer.network.input_shape[1]:
        logits = scorer.network(scaled)
    else:
        logits = scorer.network(RepeatedBorder(scorer.stride)(scaled))
        logits = CroppedLike()([logits, images])
    outputs = scorer.answers(logits)
    keras.Model(images, outputs, name="model").save(str(path))
    loaded = keras.models.load_model(str(path))
    return lambda images: np.asarray(loaded(images.astype(np.float32), training=False))


def _tflite(
    scorer: Scorer, path: pathlib.Path, calibration: Sequence[np.ndarray] = ()
) -> Answering:
    path.write_bytes(lite.converted(Servable(scorer, ()), calibration))
    return lite.answering(path)
