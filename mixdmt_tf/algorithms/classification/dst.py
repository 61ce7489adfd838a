"""DST: dynamic self-training, one network that labels itself, an ablation.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7: as DMT, but each round
continues with the weights that gave the pseudo labels instead of new ones; what it
disagrees with is its previous self.
"""

from __future__ import annotations

import dataclasses

from mixdmt_tf.algorithms.classification import dmt
from mixdmt_tf.algorithms.parts import classification_rounds
from mixdmt_tf.settings import override


@dataclasses.dataclass(frozen=True)
class Config(dmt.Gammas, classification_rounds.Config):
    """Those of DMT, but for what a network needs that begins anew."""

    restart: bool = override(False)
    gamma_ramp: bool = override(False)


class DST(dmt.DMT):
    """The step of DMT; the loop hands on the weights."""
