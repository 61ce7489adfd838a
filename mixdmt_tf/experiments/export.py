"""Models for others: uint8 images in, probabilities and labels out."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from typing import List, Sequence

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.errors import UserError
from mixdmt_tf.experiments.evaluation import Scorer

CLASSES = "classes.json"


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
            label = tf.argmax(probabilities, -1, tf.int32)
            return {"probabilities": probabilities, "label": label}

        self.serve = serve


def export_saved_model(
    scorer: Scorer,
    weights: List[np.ndarray],
    class_names: Sequence[str],
    folder: pathlib.Path,
    sample: np.ndarray,
) -> None:
    """Writes a SavedModel, loads it back, and compares its answers.

    Args:
        scorer: the network.
        weights: which weights.
        class_names: written beside as `classes.json`.
        folder: where to; replaced as a whole once the new one is verified.
        sample: uint8 [n, H, W, C] to compare on.

    Raises:
        UserError: if the loaded model answers differently; nothing is replaced.
    """
    expected = scorer.predict(weights, sample)
    servable = Servable(scorer)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        signatures = {"serving_default": servable.serve}
        tf.saved_model.save(servable, str(beside), signatures=signatures)
        (beside / CLASSES).write_text(json.dumps(list(class_names)), encoding="utf-8")
        loaded = tf.saved_model.load(str(beside)).signatures["serving_default"]
        answers = loaded(image=tf.constant(sample))["probabilities"].numpy()
        _require_equal(answers, expected, folder)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def export_keras(
    scorer: Scorer, weights: List[np.ndarray], path: pathlib.Path, sample: np.ndarray
) -> None:
    """Writes a `.keras` file of stock layers, loads it back, and compares.

    It loads with plain Keras: rescaling and softmax are layers of the model.

    Raises:
        UserError: if the loaded model answers differently; the file is removed.
    """
    expected = scorer.predict(weights, sample)
    images = keras.Input(scorer.network.input_shape[1:], name="image")
    scaled = keras.layers.Rescaling(2.0 / 255.0, -1.0, dtype="float32")(images)
    outputs = keras.layers.Softmax(dtype="float32")(scorer.network(scaled))
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        keras.Model(images, outputs, name="classifier").save(str(beside))
        loaded = keras.models.load_model(str(beside))
        answers = np.asarray(loaded(sample.astype(np.float32), training=False))
        _require_equal(answers, expected, path)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def export_tflite(
    scorer: Scorer, weights: List[np.ndarray], path: pathlib.Path, sample: np.ndarray
) -> None:
    """Writes a TensorFlow Lite model (uint8 in), runs it, and compares.

    Raises:
        UserError: if it answers differently; nothing is written.
    """
    expected = scorer.predict(weights, sample)
    servable = Servable(scorer)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [servable.serve.get_concrete_function()], servable
    )
    model = converter.convert()
    runner = tf.lite.Interpreter(model_content=model).get_signature_runner()
    _require_equal(runner(image=sample)["probabilities"], expected, path)
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    beside.write_bytes(model)
    os.replace(beside, path)


def _require_equal(
    answers: np.ndarray, expected: np.ndarray, path: pathlib.Path
) -> None:
    worst = float(np.abs(answers - expected).max())
    if not worst < 1e-4:
        raise UserError(
            f"the exported model {path} answers differently from the trained one: "
            f"probabilities differ by up to {worst:.2g}.\nIt was not kept."
        )
