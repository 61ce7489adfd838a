"""What methods share that use unlabelled images without pseudo labels in files."""

from __future__ import annotations

import dataclasses

from mixdmt_tf.settings import setting

assumes = {"batch": 4}  # with as many unlabelled images: eight in all


@dataclasses.dataclass(frozen=True)
class Unlabeled:
    """Length and batches; a method combines them with how it updates weights."""

    epochs: float = setting(
        20.0,
        "passes over the unlabelled images; --steps overrides it",
        low=0.001,
        high=1000000.0,
    )
    unlabeled_ratio: int = setting(
        1, "unlabelled images in a batch for each labelled one", low=1, high=1000
    )
    lambda_u: float = setting(
        1.0, "weight of the loss on unlabelled images, after its warm-up", low=0.0
    )
