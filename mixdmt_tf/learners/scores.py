"""Loss, accuracy and mean IoU of a batch, labels that are no class left out."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import keras
import tensorflow as tf

from mixdmt_tf.equations import cross_entropy


class Scores:
    """What `evaluate` says of every model.

    Attributes:
        metrics: by name.
    """

    def __init__(self, num_classes: int, task: str):
        """Makes the metrics.

        Args:
            num_classes: C.
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
        """Adds a batch.

        Args:
            labels: integers [B], of segmentation [B, H, W].
            logits: float32 [..., C].

        Returns:
            Labels as int32, 0 where they are no class, and what counts, float32.
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
        """The means so far."""
        return {name: each.result() for name, each in self.metrics.items()}
