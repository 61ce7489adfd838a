"""What methods share that use unlabelled scenes without pseudo labels in files."""

from __future__ import annotations

import dataclasses

from mixdmt_tf.algorithms.scenes import updates
from mixdmt_tf.settings import setting


assumes = {"batch": 4}  # with as many unlabelled scenes: eight in all


@dataclasses.dataclass(frozen=True)
class Config(updates.Config):
    """Length and batches."""

    epochs: float = setting(
        20.0, "passes over the unlabelled scenes; --steps overrides it", low=0.0
    )
    unlabeled_ratio: int = setting(
        1, "unlabelled scenes in a batch for each labelled one", low=1
    )
    lambda_u: float = setting(
        1.0, "weight of the loss on unlabelled scenes, after its warm-up", low=0.0
    )
