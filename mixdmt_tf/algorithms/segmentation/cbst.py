"""CBST: rounds of pseudo labels, balanced over the classes, that all count alike.

Zou, Yu, Kumar and Wang 2018 (arXiv:1810.07911) as DMT runs it to compare with
(arXiv:2004.08514, section 5.4, Table 7): one network that labels for itself, the top
alpha of each class by direct ranking, and no weights. The original normalizes
predictions by its thresholds before it compares classes (DMT section 4.2.2 says why
not to).
"""

from __future__ import annotations

from typing import Dict, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import segmentation_rounds, weighting


class CBST(segmentation_rounds.Round):
    """Algorithm 2 of DMT with one network, the plain cross-entropy and no gammas."""

    def weigh(
        self, labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor, Dict[str, base.Reported]]:
        """Every pseudo label is taken for true."""
        return (*weighting.alike(labels), {})
