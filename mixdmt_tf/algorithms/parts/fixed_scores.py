"""Scores of the unlabelled images that stay the same in a run, and the rate from them.

They are found before the first step, by features of the network as it begins
(`frozen_scores.py`) or by networks of their own (`domain_scores.py`).
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
    """What a mask rests on from before the first step.

    Attributes:
        scores: float32 [N] of the unlabelled images, larger is more like the classes.
        share: the estimated share of strangers; None: nobody asked for it.
        note: what else was found, '' for nothing.
    """

    scores: np.ndarray
    share: Optional[StrangerShare] = None
    note: str = ""


def find(
    name: str, pipeline: Any, extractor: Optional[keras.Model], estimates: bool
) -> FixedScores:
    """Looks at all images of a run.

    Args:
        name: 'frozen' or 'domain'.
        pipeline: the run's images.
        extractor: of 'frozen', images to features [B, D].
        estimates: whether the share of strangers is wanted.
    """
    frozen = name == "frozen"
    found = frozen_scores(extractor, pipeline) if frozen else domain_scores(pipeline)
    share = stranger_share(found) if estimates else None
    return FixedScores(found.scores, share, found.note)
