"""A Keras model with EMA weights: evaluate, predict and export.

`learner.Learner` and `rounds.RoundsLearner` add the training.
"""

from __future__ import annotations

import contextlib
import pathlib
from typing import Any, Dict, Iterator, List, Optional

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts.moving_average import MovingAverage
from mixdmt_tf.errors import ArgumentError
from mixdmt_tf.learners import compiling, networks
from mixdmt_tf.learners.base import BaseModel
from mixdmt_tf.learners.reading import batched
from mixdmt_tf.learners.sources import Part
from mixdmt_tf.models.layers.borders import repeated_border
from mixdmt_tf.runs import export
from mixdmt_tf.tasks import open_task

BATCH = 64  # batch size of evaluate and predict


class TrainedModel(BaseModel):
    """Base class of the models, with evaluation, prediction and export."""

    @property
    def average(self) -> Optional[MovingAverage]:
        """The EMA weights; None before training."""
        raise NotImplementedError

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: Optional[int] = None,
        *,
        averaged: bool = True,
        verbose: Any = "auto",
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Computes loss (cross-entropy), accuracy, and the compiled metrics.

        For segmentation, the mean IoU as well.

        Args:
            x: (images, labels), a `tf.data` set of such pairs, or images alone.
            y: labels of `x`, if `x` is images alone.
            batch_size: images per batch.
            averaged: whether to use the EMA weights or those of the last step.
            verbose: as in Keras.
            callbacks: as in Keras.
            return_dict: whether to return a dictionary of metrics by name.
            **kwargs: used by Keras's `fit` only.

        Raises:
            ArgumentError: if an argument is invalid, saying what was expected.
        """
        if "_use_cached_eval_dataset" not in kwargs:  # or `fit` validates
            compiling.refuse(kwargs, "evaluate")
            part, scale = self.reader.labeled(x, y, "x", self.scale)
            self.take(scale)
            x, y = batched(part, batch_size or BATCH), None
            batch_size = None
        if not compat.is_compiled(self):
            self._keras_compile()
        kwargs.update(verbose=verbose, callbacks=callbacks, return_dict=return_dict)
        with self._using(averaged):
            return super().evaluate(x, y, batch_size, **kwargs)

    def test_step(self, data: Any) -> Dict[str, tf.Tensor]:
        """Evaluates one batch with the network's current weights."""
        images, labels = data[:2]
        logits = self.logits(images)
        labels, counts = self._scores.update(labels, logits)
        probs = tf.nn.softmax(logits)
        found = self.compute_metrics(images, labels, probs, counts)
        trained = {each.name for each in self.training_metrics}
        own = {name: value for name, value in found.items() if name not in trained}
        return {**self._scores.results(), **own}

    @property
    def training_metrics(self) -> List[keras.metrics.Metric]:
        """The metrics of a training step."""
        return []

    @property
    def metrics(self) -> List[keras.metrics.Metric]:
        """The metrics of training and evaluation, and the compiled metrics."""
        ours = [*self.training_metrics, *self._scores.metrics.values()]
        known = {each.name for each in ours}
        # Keras 3 builds compiled metrics with the first evaluated batch.
        others = [m for m in super().metrics if getattr(m, "built", True)]
        return ours + [m for m in others if m.name not in known]

    def predict(
        self,
        x: Any,
        batch_size: Optional[int] = None,
        *,
        averaged: bool = True,
        verbose: Any = "auto",
        callbacks: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Predicts class probabilities.

        Args:
            x: images, an array or a `tf.data` set; labels that come with them are
                ignored.
            batch_size: images per batch.
            averaged: whether to use the EMA weights or those of the last step.
            verbose: as in Keras.
            callbacks: as in Keras.
            **kwargs: not used; other arguments of Keras's `predict` raise an error that
                says what to write instead.

        Returns:
            float32 [N, C]; for segmentation [N, H, W, C], or a list of [H, W, C] if the
            images have different sizes.

        Raises:
            ArgumentError: if an argument is invalid, saying what was expected.
        """
        compiling.refuse(kwargs, "predict")
        part, scale = self.reader.images(x, "x", self.scale)
        self.take(scale)
        images = part.images
        sets = [batched(Part(images), batch_size or BATCH)]
        several = len({np.shape(each) for each in images[:]}) > 1
        if several:
            sets = [batched(Part([each]), 1) for each in images]
        options = {"verbose": verbose, "callbacks": callbacks}
        ask = super().predict
        with self._using(averaged):
            found = [ask(each, **options) for each in sets]
        if not several:
            return found[0]
        found = [each[0] for each in found]
        return found if self.reader.task == "segmentation" else np.stack(found)

    def predict_on_batch(self, x: Any) -> Any:
        """Calls `predict` without a progress bar."""
        return self.predict(x, verbose=0)

    def test_on_batch(self, x: Any, y: Any = None, **kwargs: Any) -> Any:
        """Calls `evaluate` without a progress bar, on these images alone."""
        return self.evaluate(x, y, verbose=0, **kwargs)

    def train_on_batch(self, *args: Any, **kwargs: Any) -> None:
        """Not supported, because batches are drawn from all images.

        Raises:
            ArgumentError: always, saying what to write instead.
        """
        raise ArgumentError(
            "train_on_batch is not supported: batches are drawn from all images.\n"
            "Call fit; steps_per_epoch=1 is one step."
        )

    def predict_step(self, data: Any) -> tf.Tensor:
        """Returns the probabilities of one batch."""
        return tf.nn.softmax(self.logits(data[0] if isinstance(data, tuple) else data))

    def call(self, images: Any, training: bool = False) -> tf.Tensor:
        """Returns the probabilities of images as given, with the raw weights."""
        return tf.nn.softmax(self.logits(images, training))

    def logits(self, images: Any, training: bool = False) -> tf.Tensor:
        """Returns float32 logits of images as given, with the network's weights."""
        if self.body is None:
            raise ArgumentError(
                "call: the pixel range is not known yet.\nCall fit, evaluate or "
                "predict first, or give input_range=."
            )
        images = tf.convert_to_tensor(images)
        if (
            images.dtype.is_floating
            and not self.scale.floats
            and tf.executing_eagerly()
        ):
            given = np.asarray(images)  # their range is found as in `predict`
            self.take(self.scale.seen(given, "images", self.reader.own))
        canonical = self.scale.canonical(images)
        if not self.multiple or self.multiple == 1:
            return tf.cast(self.body(canonical, training=training), tf.float32)
        height, width = tf.shape(canonical)[1], tf.shape(canonical)[2]
        canonical = repeated_border(canonical, self.multiple, rest=0)
        found = tf.cast(self.body(canonical, training=training), tf.float32)
        return found[:, :height, :width]

    @contextlib.contextmanager
    def _using(self, averaged: bool) -> Iterator[None]:
        """A context in which the network has the EMA weights, if there are any.

        One thread at a time: another one would take the EMA weights for the raw ones.
        """
        with self._turn:
            if not averaged or self.average is None:
                yield
                return
            raw = self.body.get_weights()
            try:
                self.body.set_weights(self.average.in_network(self.body))
                yield
            finally:
                self.body.set_weights(raw)

    def export(self, path: Any, *, averaged: bool = True) -> None:
        """Exports a SavedModel that maps uint8 images to probabilities and labels.

        The format is that of `bin/export_model`; `docs/api/index.md` says how to load
        it. The export is loaded and its outputs compared before it is kept.

        Args:
            path: path of a folder; an existing SavedModel is replaced.
            averaged: whether to use the EMA weights or those of the last step.

        Raises:
            UserError: if it can't be written, or if the network segments images of only
                one size.
        """
        if self.body is None:
            raise ArgumentError("export: the model is not trained; call fit first")
        network = networks.as_settings(self.body, False, self.multiple)
        task = open_task(self.keywords.experiment(network, 1))
        shape = list(self.reader.shape)
        names = self.arguments["class_names"]
        facts = {"image_shape": shape, "class_names": names, "network": vars(network)}
        with self._using(averaged):
            weights = self.body.get_weights()
        scorer = task.load_scorer(facts)
        export.export("saved_model", scorer, weights, names, pathlib.Path(path))
