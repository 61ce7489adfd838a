"""DST: dynamic self-training, one network that labels itself, an ablation.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7: as DMT, but each round
goes on with the weights that gave the pseudo labels instead of new ones; what it
disagrees with is its previous self.
"""

from __future__ import annotations

import dataclasses

from mixdmt_tf.algorithms.classification import dmt
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(dmt.Config):
    """Those of DMT, but for what a network needs that begins anew."""

    restart: bool = setting(
        False,
        "begin each round with new random weights, as algorithm 1; off: with those of "
        "the round before, as algorithm 2",
    )
    gamma_ramp: bool = setting(
        False,
        "let both gammas grow as exp(-5 (1 - t/T)^2): a network that begins anew has "
        "nothing to say at first (section 4.2.1)",
    )


class DST(dmt.DMT):
    """The step of DMT; the loop hands on the weights."""
