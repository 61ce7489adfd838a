"""DST: dynamic self-training, one network that labels itself, an ablation.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7: as DMT, but each round
continues with the weights that gave the pseudo labels instead of new ones. The network
agrees or disagrees with its own earlier predictions.
"""

from __future__ import annotations

import dataclasses

from mixdmt_tf.algorithms.classification import dmt
from mixdmt_tf.algorithms.parts import classification_rounds
from mixdmt_tf.settings import override


@dataclasses.dataclass(frozen=True)
class Config(dmt.Gammas, classification_rounds.Config):
    """Settings of DMT, except those for networks that start from new weights."""

    restart: bool = override(False)
    gamma_ramp: bool = override(False)


class DST(dmt.DMT):
    """The step of DMT; each round starts from the weights of the round before."""
