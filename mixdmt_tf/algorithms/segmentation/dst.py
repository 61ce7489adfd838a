"""DST for scenes: dynamic self-training, one network that labels itself, an ablation.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7: half the cost of DMT;
what the network disagrees with is what it said before this round.
"""

from __future__ import annotations

import dataclasses

from mixdmt_tf.algorithms.segmentation import dmt
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(dmt.Config):
    """Those of DMT with one network."""

    models: int = setting(
        1,
        "1: a network labels for itself; 2: two networks teach each other, algorithm 2",
        choices=(1, 2),
    )


class DST(dmt.DMT):
    """The step of DMT; the loop has one network."""
