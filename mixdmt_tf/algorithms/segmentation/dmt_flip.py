"""DMT-Flip for images: where network B is surer, its own class is learned, an ablation.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7.
"""

from __future__ import annotations

from mixdmt_tf.algorithms.parts import weighting
from mixdmt_tf.algorithms.segmentation import dmt


class DMTFlip(dmt.DMT):
    """DMT with other labels and another weight in the third case; its settings."""

    rule = staticmethod(weighting.flipped)
