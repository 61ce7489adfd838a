"""Co-teaching: two networks, each learns the pseudo labels that the other finds easy.

Han et al. 2018 (arXiv:1804.06872), algorithm 1, as a rule for the pseudo labels of a
round (`parts/peer_rounds.py`). In each batch, each network learns the share R(T) of
pseudo labels with the smallest losses under the other network; the rest is left out.
The release divides the loss by the number of selected examples twice, and the share it
leaves out grows one epoch faster than in the paper.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from mixdmt_tf.algorithms.parts import classification_rounds, peer_rounds


@dataclasses.dataclass(frozen=True)
class Config(peer_rounds.Forgetting, classification_rounds.Config):
    """Settings of rounds, and of the share of labels left out."""


class CoTeaching(peer_rounds.PeerRound):
    """Co-teaching, algorithm 1 of Han et al."""

    def choose(
        self, step: tf.Tensor, losses: peer_rounds.Pair, differ: tf.Tensor
    ) -> peer_rounds.Pair:
        """Selects small losses of the other network among all pseudo labels."""
        return peer_rounds.pick(losses, tf.ones_like(differ), self.forget(step))
