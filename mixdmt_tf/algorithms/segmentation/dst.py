"""DST for images: dynamic self-training, one network that labels itself, an ablation.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7: half the cost of DMT;
what the network disagrees with is what it said before this round.
"""

from __future__ import annotations

import dataclasses

from mixdmt_tf.algorithms.parts import segmentation_rounds
from mixdmt_tf.algorithms.segmentation import dmt


@dataclasses.dataclass(frozen=True)
class Config(dmt.Gammas, segmentation_rounds.Config):
    """Those of DMT with one network."""


class DST(dmt.DMT):
    """The step of DMT; the loop has one network."""
