"""Finds unlabelled images that look least like any class, which the mask rejects.

RealMix (arXiv:1912.08766) section 3.4. In training the mask scores each batch with the
weights of that step; here all images are scored at once, with the final weights.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, Optional, Tuple, Union

import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms.parts.fixed_scores import FixedScores
from mixdmt_tf.algorithms.parts.image_scores import HIGHEST_RATE
from mixdmt_tf.algorithms.parts.ood_mask import (
    FIXED,
    OF_FEATURES,
    OF_LOGITS,
    score_of_features,
)
from mixdmt_tf.data.classification.source import OUTSIDE, UNKNOWN, Source
from mixdmt_tf.data.splits import Split
from mixdmt_tf.equations import ood_mask
from mixdmt_tf.errors import UsageError
from mixdmt_tf.runs.checkpoints import Checkpoints
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.trained import Trained
from mixdmt_tf.tasks.classification import score_files

OF_IMAGES = "scores of another run"  # stored in the run's checkpoints
CHUNK = 5000  # images compared with the labelled ones at a time


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """Outputs of a network for the unlabelled and the labelled images.

    Attributes:
        rows: float32 [N, F], features of the unlabelled images.
        logits: float32 [N, C], of the unlabelled images.
        labeled: float32 [n, F], features of the labelled images.
    """

    rows: np.ndarray
    logits: np.ndarray
    labeled: np.ndarray


def judge(model: Trained, weights: str, source: Source, split: Split) -> Judged:
    """Computes features and logits of all images in one pass.

    Args:
        model: the network.
        weights: 'ema' or 'raw'.
        source: the images.
        split: tells which of them are labelled and unlabelled.
    """
    chosen, images = model.weights(weights), source.train
    rows, logits = model.scorer.outputs(chosen, images.take(split.unlabeled).images)
    labeled = model.scorer.features(chosen, images.take(split.labeled).images)
    return Judged(rows, logits, labeled)


def score_name(experiment: Experiment, given: str) -> str:
    """Returns the name of the score to rank images by.

    Args:
        experiment: of the run.
        given: name of a score, or 'auto' for that of the run's mask, or the largest
            probability if it has none.

    Raises:
        UsageError: if the run did not compute the requested score.
    """
    own = getattr(experiment.method, "ood_score", "softmax")
    if getattr(experiment.method, "ood_scores_from", "") and rate(experiment):
        own = OF_IMAGES
    if own == "oracle" or (own in FIXED and not rate(experiment)):
        own = "softmax"  # without a mask there are no scores from before training
    if given == "auto":
        return own
    if given in FIXED and given != own:
        raise UsageError(
            f"--score={given} is found before training, and the run ranks by {own}.\n"
            f"Expected auto, {', '.join((*OF_LOGITS, *OF_FEATURES))}."
        )
    return given


def scores(
    name: str, judged: Judged, folder: pathlib.Path, source: Source, split: Split
) -> np.ndarray:
    """Computes how much each unlabelled image looks like the classes, float32 [N].

    Args:
        name: from `score_name`.
        judged: from `judge`.
        folder: of the run.
        source: the images.
        split: of the run.

    Raises:
        UserError: if the score is in a file or checkpoint, and this is damaged.
    """
    if name in (*FIXED, OF_IMAGES):
        noted = _noted(folder, split)
        if noted:
            return noted.scores
        return _kept(folder, "scores", [len(split.unlabeled)])
    return ranked(name, judged, source, split)


def ranked(name: str, judged: Judged, source: Source, split: Split) -> np.ndarray:
    """Computes a score of `OF_LOGITS` or `OF_FEATURES` of the unlabelled images [N]."""
    if name in OF_LOGITS:
        return OF_LOGITS[name](tf.constant(judged.logits)).numpy()
    references = tf.constant(judged.labeled)
    classes = tf.constant(source.train.labels[split.labeled])
    parts = [
        score_of_features(
            name, tf.constant(some), references, classes, source.num_classes
        ).numpy()
        for some in np.array_split(judged.rows, -(-len(judged.rows) // CHUNK))
    ]
    return np.concatenate(parts)


def masked_share(experiment: Experiment, folder: pathlib.Path) -> float:
    """Returns the share of unlabelled images that the run's mask rejects, in [0, 1]."""
    found = rate(experiment)
    if found != "auto":
        return float(found)
    noted = _noted(folder)
    if noted and noted.share:
        return float(noted.share.rate)
    return float(_kept(folder, "rate", []))


def rate(experiment: Experiment) -> Union[float, str]:
    """Returns the rate of the run's mask, or 'auto'; 0 without a mask."""
    given: Any = getattr(experiment.method, "ood_rate", 0.0)
    if given is None:
        return min((experiment.data.mismatch or 0) / 100, HIGHEST_RATE)
    return given


def rejected(found: np.ndarray, share: float) -> np.ndarray:
    """Returns which of all images a mask of this rate rejects, bool [N]."""
    return ood_mask(tf.constant(found), share).numpy() == 0.0


def share_of(
    experiment: Experiment, folder: pathlib.Path, percent: Optional[float]
) -> Tuple[float, str]:
    """Returns the share of images of no class, and its origin in words.

    Args:
        experiment: of the run.
        folder: of the run.
        percent: the share that the user gave, if any.
    """
    if percent is not None:
        return percent / 100, "as asked for"
    return masked_share(experiment, folder), "as the run masks"


def _noted(
    folder: pathlib.Path, split: Optional[Split] = None
) -> Optional[FixedScores]:
    """Reads the fixed scores beside the run; None if it was given those of another.

    The result of a run in rounds may be a network whose checkpoint has no mask, such as
    a base model.
    """
    path = folder / score_files.NAME
    return score_files.read(path, split) if path.exists() else None


def _kept(folder: pathlib.Path, name: str, shape: Any) -> np.ndarray:
    """Reads values that the mask computed before the first step from a checkpoint."""
    value = tf.Variable(tf.zeros(shape))
    state = tf.train.Checkpoint(own={f"ood.{name}": value})
    # All checkpoints have the same values. Damage is reported when weights are read.
    checkpoints = Checkpoints(folder / "checkpoints", state, say=lambda sentence: None)
    checkpoints.restore()
    return value.numpy()


def probabilities(judged: Judged, places: np.ndarray) -> np.ndarray:
    """Returns the probabilities of some of the unlabelled images, float32 [k, C]."""
    return tf.nn.softmax(judged.logits[places]).numpy()


def describe_truth(source: Source, split: Split, places: np.ndarray) -> str:
    """Describes how many chosen images are of no class; '' if that is unknown."""
    truth = source.train.labels[split.unlabeled[places]]
    known = truth != UNKNOWN
    if not known.any() or (source.train.labels > OUTSIDE).all():
        return ""
    outside = int((truth <= OUTSIDE).sum())
    return f"of {int(known.sum()):,} with known truth, {outside:,} are of no class"
