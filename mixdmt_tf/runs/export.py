"""Models for others: uint8 images in, probabilities and labels out.

Of images, images of any size go in, and every pixel has probabilities and a label.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from typing import List, Optional, Sequence

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.errors import UserError
from mixdmt_tf.runs.task import Scorer

CLASSES, COLOURS = "classes.json", "colours.json"
SAMPLE = 64  # images that an exported model is compared on
IMAGES = (2, 45, 60, 3)  # the same of a network for images of any size
TOLERANCE = 1e-4


class Servable(tf.Module):
    """The exported function with its preprocessing inside."""

    def __init__(self, scorer: Scorer):
        """Holds the network whose weights are exported."""
        super().__init__()
        self.network = scorer.network
        shape = (None,) + tuple(scorer.network.input_shape[1:])

        @tf.function(input_signature=[tf.TensorSpec(shape, tf.uint8, name="image")])
        def serve(image):
            probabilities = scorer.probabilities(image)
            label = scorer.decide(probabilities)
            return {"probabilities": probabilities, "label": label}

        self.serve = serve


def export(
    format_name: str,
    scorer: Scorer,
    weights: List[np.ndarray],
    class_names: Sequence[str],
    place: pathlib.Path,
    colours: Optional[np.ndarray] = None,
) -> None:
    """Writes a model, loads it back, and compares its answers with the network's.

    Args:
        format_name: 'saved_model', 'keras' or 'tflite'.
        scorer: the network.
        weights: which weights.
        class_names: written into a SavedModel's folder as `classes.json`.
        place: file or folder; replaced as a whole once the new one is verified.
        colours: of the classes, uint8 [C, 3]; written there as `colours.json`.

    Raises:
        UserError: if the loaded model answers differently, or `place` cannot be
            written or holds something else; what was there stays.
    """
    place = place.absolute()
    writers = {"saved_model": _saved_model, "keras": _keras, "tflite": _tflite}
    shape = (SAMPLE,) + tuple(scorer.network.input_shape[1:])
    if None in shape:
        shape = IMAGES
        if format_name != "saved_model":
            raise UserError(
                f"--format={format_name}: a network for images of any size is exported "
                "as a SavedModel only.\nUse --format=saved_model."
            )
    sample = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    expected = scorer.predict(weights, sample)
    _refuse_to_replace(place, format_name)
    beside = place.with_name(f".{os.getpid()}-{place.name}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            answers = writers[format_name](scorer, beside, sample)
            if format_name == "saved_model":
                names = json.dumps(list(class_names))
                (beside / CLASSES).write_text(names, encoding="utf-8")
                if colours is not None:
                    (beside / COLOURS).write_text(json.dumps(colours.tolist()))
            worst = float(np.abs(answers - expected).max())
            if not worst < TOLERANCE:
                raise UserError(
                    f"the exported model {place} answers differently from the trained "
                    f"one: probabilities differ by up to {worst:.2g}.\nIt was not kept."
                )
            _remove(place)
            os.rename(beside, place)
        finally:
            _remove(beside)
    except (OSError, tf.errors.OpError) as error:
        raise _unwritten(place, error) from error


def _unwritten(place: pathlib.Path, error: Exception) -> UserError:
    """What kept a model from being written; TensorFlow has its own words for it."""
    reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
    return UserError(
        f"{place} cannot be written: {reason}.\nMake room or choose another place, and "
        "run the same command again: what was trained is saved."
    )


def _refuse_to_replace(place: pathlib.Path, format_name: str) -> None:
    """A folder is deleted only if it is empty or an earlier SavedModel."""
    if format_name != "saved_model":
        if place.is_dir():
            raise UserError(f"{place} is a folder; expected the name of a file")
    elif place.exists() and not (place / "saved_model.pb").is_file():
        if not place.is_dir() or any(place.iterdir()):
            raise UserError(
                f"{place} holds something else than a SavedModel and is left alone.\n"
                "Choose a new folder for the model."
            )


def _remove(path: pathlib.Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _saved_model(scorer: Scorer, path: pathlib.Path, sample: np.ndarray) -> np.ndarray:
    """uint8 images of any batch size in, probabilities and labels out."""
    servable = Servable(scorer)
    signatures = {"serving_default": servable.serve}
    tf.saved_model.save(servable, str(path), signatures=signatures)
    loaded = tf.saved_model.load(str(path)).signatures["serving_default"]
    return loaded(image=tf.constant(sample))["probabilities"].numpy()


def _keras(scorer: Scorer, path: pathlib.Path, sample: np.ndarray) -> np.ndarray:
    """Stock layers only, rescaling and softmax among them: loads with plain Keras."""
    images = keras.Input(scorer.network.input_shape[1:], name="image")
    scaled = keras.layers.Rescaling(2.0 / 255.0, -1.0, dtype="float32")(images)
    outputs = scorer.answers(scorer.network(scaled))
    keras.Model(images, outputs, name="classifier").save(str(path))
    loaded = keras.models.load_model(str(path))
    return np.asarray(loaded(sample.astype(np.float32), training=False))


def _tflite(scorer: Scorer, path: pathlib.Path, sample: np.ndarray) -> np.ndarray:
    """TensorFlow Lite with the same signature as the SavedModel."""
    servable = Servable(scorer)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [servable.serve.get_concrete_function()], servable
    )
    path.write_bytes(converter.convert())
    runner = tf.lite.Interpreter(model_path=str(path)).get_signature_runner()
    return runner(image=sample)["probabilities"]
