"""DMT-Naive: dynamic weights without the three cases, an ablation.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7: the weight is
p_B^gamma_1 even where network B is surer of another class.
"""

from __future__ import annotations

import dataclasses
from typing import Tuple

import tensorflow as tf

from mixdmt_tf.algorithms.classification import dmt
from mixdmt_tf.equations import naive_weight


@dataclasses.dataclass(frozen=True)
class Config(dmt.Config):
    """Those of DMT; gamma2 has no effect."""


class DMTNaive(dmt.DMT):
    """DMT with another weight."""

    def dynamic(
        self,
        labels: tf.Tensor,
        confidence: tf.Tensor,
        probs: tf.Tensor,
        gammas: Tuple[tf.Tensor, tf.Tensor],
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """The pseudo labels, weighed by p_B^gamma_1."""
        return labels, naive_weight(labels, probs, gammas[0])
