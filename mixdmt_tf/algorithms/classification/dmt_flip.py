"""DMT-Flip: where network B is surer, its own class is learnt, an ablation.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7: in positive
disagreement the pseudo label is replaced by the prediction of network B, with the
weight (1 - c_A)^gamma_2, instead of being ignored.
"""

from __future__ import annotations

import dataclasses
from typing import Tuple

import tensorflow as tf

from mixdmt_tf.algorithms.classification import dmt
from mixdmt_tf.equations import flipped_label, flipped_weight


@dataclasses.dataclass(frozen=True)
class Config(dmt.Config):
    """Those of DMT."""


class DMTFlip(dmt.DMT):
    """DMT with other labels and another weight in the third case."""

    def dynamic(
        self,
        labels: tf.Tensor,
        confidence: tf.Tensor,
        probs: tf.Tensor,
        gammas: Tuple[tf.Tensor, tf.Tensor],
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Flipped labels and their weights."""
        return (
            flipped_label(labels, confidence, probs),
            flipped_weight(labels, confidence, probs, *gammas),
        )
