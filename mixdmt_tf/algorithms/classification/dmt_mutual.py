"""DMT with two networks that teach each other, algorithm 2 for images.

Dynamic Mutual Training (arXiv:2004.08514), section 4.2.2. The paper uses this form for
segmentation; for image classification it trains one chain of new networks (`dmt.py`).
The two base models start from different random weights, or learn from different parts
of the labels (`difference_share`). In each round, both networks of the previous round
predict pseudo labels, and each network continues from its own weights. The better one
on the validation images is the result, unless an earlier one was better (`select_on`).
"""

from __future__ import annotations

import dataclasses

from mixdmt_tf.algorithms.classification import dmt
from mixdmt_tf.algorithms.parts import classification_rounds
from mixdmt_tf.settings import override


@dataclasses.dataclass(frozen=True)
class Config(dmt.Gammas, classification_rounds.Config):
    """Settings of DST with two models."""

    restart: bool = override(False)
    models: int = override(2)
    gamma_ramp: bool = override(False)


class DMTMutual(dmt.DMT):
    """The step of DMT; the loop trains two networks."""
