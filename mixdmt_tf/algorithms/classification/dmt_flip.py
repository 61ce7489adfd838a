"""DMT-Flip: where network B is surer, its own class is learned, an ablation.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7: in positive
disagreement the pseudo label is replaced by the prediction of network B, with the
weight (1 - c_A)^gamma_2, instead of being ignored.
"""

from __future__ import annotations

from mixdmt_tf.algorithms.classification import dmt
from mixdmt_tf.algorithms.parts import weighting


class DMTFlip(dmt.DMT):
    """DMT with other labels and another weight in the third case; same settings."""

    rule = staticmethod(weighting.flipped)
