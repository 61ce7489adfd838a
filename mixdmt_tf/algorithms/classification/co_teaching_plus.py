"""Co-teaching+: as Co-teaching, but only where the two networks disagree.

Yu et al. 2019 (arXiv:1901.04215), algorithm 1, as a rule for the pseudo labels of a
round (`parts/peer_rounds.py`): "how disagreement is used" in figure 3 of DMT. After a
warm-up with plain Co-teaching, each network learns those pseudo labels on which the
predictions differ and on which the other network's loss is small. If no predictions
differ, no pseudo label is used. The release applies the softmax twice and uses all
examples if no predictions differ.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from mixdmt_tf.algorithms.parts import classification_rounds, peer_rounds
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(peer_rounds.Forgetting, classification_rounds.Config):
    """Settings of Co-teaching, and the length of its warm-up."""

    agreement_warmup: float = setting(
        0.1,
        "share of a round that is plain Co-teaching (CIFAR-10: 20 of 200 epochs)",
        low=0.0,
        high=1.0,
    )


class CoTeachingPlus(peer_rounds.PeerRound):
    """Co-teaching+, algorithm 1 of Yu et al."""

    def choose(
        self, step: tf.Tensor, losses: peer_rounds.Pair, differ: tf.Tensor
    ) -> peer_rounds.Pair:
        """Selects small losses of the other network where the predictions differ."""
        config: Any = self.config
        warmup = round(config.agreement_warmup * self.facts.steps)
        candidates = tf.where(step < warmup, tf.ones_like(differ), differ)
        return peer_rounds.pick(losses, candidates, self.forget(step))
