"""Scores of the unlabelled images that stay the same in a run, and the rate from them.

They are computed before the first step, from features of the initial network
(`frozen_scores.py`) or with separate networks (`domain_scores.py`).
"""

from __future__ import annotations

import dataclasses
from typing import Any, Optional

import keras
import numpy as np

from mixdmt_tf.algorithms.parts.domain_scores import domain_scores
from mixdmt_tf.algorithms.parts.frozen_scores import frozen_scores
from mixdmt_tf.algorithms.parts.image_scores import StrangerShare, stranger_share


@dataclasses.dataclass(frozen=True, eq=False)
class FixedScores:
    """Scores and estimates computed before the first step, on which a mask is based.

    Attributes:
        scores: float32 [N], scores of the unlabelled images; larger means more like the
            classes.
        share: the estimated share of strangers; None if it was not estimated.
        note: a remark for the user, '' for none.
    """

    scores: np.ndarray
    share: Optional[StrangerShare] = None
    note: str = ""


def find(
    name: str, pipeline: Any, extractor: Optional[keras.Model], estimates: bool
) -> FixedScores:
    """Computes the fixed scores of all unlabelled images of a run.

    Args:
        name: 'frozen' or 'domain'.
        pipeline: the run's images.
        extractor: for 'frozen', maps images to features [B, D].
        estimates: whether to estimate the share of strangers.
    """
    frozen = name == "frozen"
    found = frozen_scores(extractor, pipeline) if frozen else domain_scores(pipeline)
    share = stranger_share(found) if estimates else None
    return FixedScores(found.scores, share, found.note)
