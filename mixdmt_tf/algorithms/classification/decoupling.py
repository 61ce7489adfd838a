"""Decoupling: two networks learn the pseudo labels on which they disagree.

Malach and Shalev-Shwartz 2017 (arXiv:1706.02613), "update by disagreement", as a rule
for the pseudo labels of a round (`parts/peer_rounds.py`). This is the opposite of DMT,
which takes disagreement as a sign of a wrong label.
"""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.algorithms.parts import peer_rounds


class Decoupling(peer_rounds.PeerRound):
    """Update by disagreement of Malach and Shalev-Shwartz."""

    def choose(
        self, step: tf.Tensor, losses: peer_rounds.Pair, differ: tf.Tensor
    ) -> peer_rounds.Pair:
        """Selects all pseudo labels where the networks predict different classes."""
        return differ, differ
