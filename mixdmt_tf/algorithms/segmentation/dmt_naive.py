"""DMT-Naive for scenes: dynamic weights without the three cases, an ablation.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7.
"""

from __future__ import annotations

import dataclasses

from mixdmt_tf.algorithms.classification import dmt_naive as images
from mixdmt_tf.algorithms.segmentation import dmt


@dataclasses.dataclass(frozen=True)
class Config(dmt.Config):
    """Those of DMT; gamma2 has no effect."""


class DMTNaive(dmt.DMT):
    """DMT with the weight of `algorithms/dmt_naive.py`."""

    dynamic = images.DMTNaive.dynamic
