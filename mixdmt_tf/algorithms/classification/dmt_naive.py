"""DMT-Naive: dynamic weights without the three cases, an ablation.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7: the weight is
p_B^gamma_1 even where network B is more confident in another class.
"""

from __future__ import annotations

from mixdmt_tf.algorithms.classification import dmt
from mixdmt_tf.algorithms.parts import weighting


class DMTNaive(dmt.DMT):
    """DMT with another weight; it has the same settings, but ignores gamma2."""

    rule = staticmethod(weighting.naive)
