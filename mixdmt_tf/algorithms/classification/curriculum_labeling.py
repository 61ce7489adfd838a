"""Curriculum Labeling: rounds of pseudo labels that all count alike.

Cascante-Bonilla, Tan, Qi and Ordonez 2020 (arXiv:2001.06001) as DMT re-implements it to
compare with (arXiv:2004.08514, section 5.3.1, Tables 2 and 3): DMT without its dynamic
weights. The original also averages weights (SWA), has no fixed share of labelled images
in a batch, and takes other strengths of mixup (alpha 1) and augmentation.
"""

from __future__ import annotations

from typing import Dict, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import classification_rounds, weighting


class CurriculumLabeling(classification_rounds.Round):
    """Algorithm 1 of DMT with plain cross-entropy; its settings without the gammas."""

    def weigh(
        self, batch: Dict[str, tf.Tensor], images: tf.Tensor, labels: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor, Dict[str, base.Reported]]:
        """Weights all pseudo labels equally, without a prediction of the network."""
        return (*weighting.alike(labels), {})
