"""Loss, accuracy and mean IoU; labels that are not classes are ignored."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import keras
import tensorflow as tf

from mixdmt_tf.equations import cross_entropy


class Scores:
    """The metrics that `evaluate` reports for every model.

    Attributes:
        metrics: metrics by name.
    """

    def __init__(self, num_classes: int, task: str):
        """Makes the metrics.

        Args:
            num_classes: number of classes C.
            task: 'classification' or 'segmentation'.
        """
        self.num_classes = num_classes
        names = ("loss", "accuracy")
        self.metrics: Dict[str, keras.metrics.Metric] = {
            name: keras.metrics.Mean(name=name, dtype="float32") for name in names
        }
        if task == "segmentation":
            mean_iou = keras.metrics.MeanIoU(num_classes, name="mean_iou")
            self.metrics["mean_iou"] = mean_iou

    def update(self, labels: Any, logits: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        """Updates the metrics with a batch.

        Args:
            labels: integers [B], for segmentation [B, H, W].
            logits: float32 [..., C].

        Returns:
            The labels as int32, with 0 in place of labels that are not classes, and the
            sample weights, float32: 1 where a label counts, else 0.
        """
        labels = tf.cast(labels, tf.int32)
        known = (labels >= 0) & (labels < self.num_classes)
        counts, labels = tf.cast(known, tf.float32), tf.where(known, labels, 0)
        guesses = tf.argmax(logits, -1, output_type=tf.int32)
        loss = cross_entropy(tf.one_hot(labels, self.num_classes), logits)
        right = tf.cast(guesses == labels, tf.float32)
        self.metrics["loss"].update_state(loss, sample_weight=counts)
        self.metrics["accuracy"].update_state(right, sample_weight=counts)
        if "mean_iou" in self.metrics:
            counted = tf.cast(known, tf.int32)
            self.metrics["mean_iou"].update_state(labels, guesses, counted)
        return labels, counts

    def results(self) -> Dict[str, tf.Tensor]:
        """Returns the current values of the metrics."""
        return {name: each.result() for name, each in self.metrics.items()}
