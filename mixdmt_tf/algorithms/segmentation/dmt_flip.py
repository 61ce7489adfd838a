"""DMT-Flip for scenes: where network B is surer, its own class is learnt, an ablation.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7.
"""

from __future__ import annotations

import dataclasses

from mixdmt_tf.algorithms.classification import dmt_flip as images
from mixdmt_tf.algorithms.segmentation import dmt


@dataclasses.dataclass(frozen=True)
class Config(dmt.Config):
    """Those of DMT."""


class DMTFlip(dmt.DMT):
    """DMT with the labels and weights of `algorithms/dmt_flip.py`."""

    dynamic = images.DMTFlip.dynamic
