"""DMT with two networks that teach each other, algorithm 2 for images.

Dynamic Mutual Training (arXiv:2004.08514), section 4.2.2. The paper does so for
segmentation; for images it trains one chain of new networks (`dmt.py`). The two base
models begin from different random weights, or learn from different parts of the labels
(`difference_share`); in each round both label from the same generation, and each goes
on from its own weights. The better one on the validation images is the result, unless
an earlier one was better still (`select_on`).
"""

from __future__ import annotations

import dataclasses

from mixdmt_tf.algorithms import dst
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(dst.Config):
    """Those of DST with two models."""

    models: int = setting(
        2,
        "1: each round's network learns from the one before, algorithm 1; 2: two "
        "networks teach each other, algorithm 2",
        choices=(1, 2),
    )
    select_on: str = setting(
        "best",
        "which network is the result; valtiny: of the last round's two the one with "
        "the smaller validation error (algorithm 2, step 17); best: that one, unless a "
        "base model or an earlier round was better by more than the standard deviation "
        "of the difference, then the best; last: the first model's of the last round",
        choices=("best", "last", "valtiny"),
    )


class Method(dst.Method):
    """The step of DMT; the loop has two networks."""
