"""DMT-Naive for images: dynamic weights without the three cases, an ablation.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7.
"""

from __future__ import annotations

from mixdmt_tf.algorithms.parts import weighting
from mixdmt_tf.algorithms.segmentation import dmt


class DMTNaive(dmt.DMT):
    """DMT with another weight; its settings, of which gamma2 has no effect."""

    rule = staticmethod(weighting.naive)
