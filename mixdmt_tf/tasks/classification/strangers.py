"""Unlabelled images that look least like any class: what the mask rejects.

RealMix (arXiv:1912.08766) section 3.4. In training the mask judges each batch with the
weights of that step; here all images are judged at once, with the final weights.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, Optional, Tuple, Union

import numpy as np
import tensorflow as tf

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

OF_IMAGES = "scores of another run"  # which a run's checkpoints have
CHUNK = 5000  # images that are compared with the labelled ones at a time


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """What a network says of the unlabelled images, and of the labelled ones.

    Attributes:
        rows: float32 [N, F], features of the unlabelled images.
        logits: float32 [N, C].
        labeled: float32 [n, F], features of the labelled images.
    """

    rows: np.ndarray
    logits: np.ndarray
    labeled: np.ndarray


def judge(model: Trained, weights: str, source: Source, split: Split) -> Judged:
    """Asks the network once about all images.

    Args:
        model: the network.
        weights: 'ema' or 'raw'.
        source: the images.
        split: which of them are labelled and unlabelled.
    """
    chosen, images = model.weights(weights), source.train
    rows, logits = model.scorer.outputs(chosen, images.take(split.unlabeled).images)
    labeled = model.scorer.features(chosen, images.take(split.labeled).images)
    return Judged(rows, logits, labeled)


def score_name(experiment: Experiment, given: str) -> str:
    """The score that images are ranked by.

    Args:
        experiment: of the run.
        given: 'auto': the one that the run's mask ranks by, else the largest
            probability; or the name of one.

    Raises:
        UsageError: if the run did not compute the score that is asked for.
    """
    own = getattr(experiment.method, "ood_score", "softmax")
    if getattr(experiment.method, "ood_scores_from", "") and rate(experiment):
        own = OF_IMAGES
    if own == "oracle" or (own in FIXED and not rate(experiment)):
        own = "softmax"  # nor are there scores from before training without a mask
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
    """How much each unlabelled image looks like the classes, float32 [N].

    Args:
        name: from `score_name`.
        judged: from `judge`.
        folder: of the run.
        source: the images.
        split: the run's.

    Raises:
        UserError: if the score is in the run's checkpoint, and that is damaged.
    """
    if name in (*FIXED, OF_IMAGES):
        return _kept(folder, "scores", [len(split.unlabeled)])
    return ranked(name, judged, source, split)


def ranked(name: str, judged: Judged, source: Source, split: Split) -> np.ndarray:
    """The score, of `OF_LOGITS` or `OF_FEATURES`, of each unlabelled image [N]."""
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
    """The share of the unlabelled images that the run's mask rejects, in [0, 1]."""
    found = rate(experiment)
    return float(_kept(folder, "rate", []) if found == "auto" else found)


def rate(experiment: Experiment) -> Union[float, str]:
    """The rate of the run's mask, or 'auto'; 0 without one."""
    given: Any = getattr(experiment.method, "ood_rate", 0.0)
    if given is None:
        return min((experiment.data.mismatch or 0) / 100, HIGHEST_RATE)
    return given


def rejected(found: np.ndarray, share: float) -> np.ndarray:
    """Which images a mask of this rate rejects, bool [N]; of all at once."""
    return ood_mask(tf.constant(found), share).numpy() == 0.0


def share_of(
    experiment: Experiment, folder: pathlib.Path, percent: Optional[float]
) -> Tuple[float, str]:
    """The share of strangers, and where it comes from, for people.

    Args:
        experiment: of the run.
        folder: of the run.
        percent: that the user gave, if any.
    """
    if percent is not None:
        return percent / 100, "as asked for"
    return masked_share(experiment, folder), "as the run masks"


def _kept(folder: pathlib.Path, name: str, shape: Any) -> np.ndarray:
    """What the mask found before the first step; the run's checkpoints have it."""
    value = tf.Variable(tf.zeros(shape))
    state = tf.train.Checkpoint(own={f"ood.{name}": value})
    # All have the same; of damage speaks who reads the weights, which are of one.
    checkpoints = Checkpoints(folder / "checkpoints", state, say=lambda sentence: None)
    checkpoints.restore()
    return value.numpy()


def probabilities(judged: Judged, places: np.ndarray) -> np.ndarray:
    """The network's probabilities for some of the unlabelled images, float32 [k, C]."""
    return tf.nn.softmax(judged.logits[places]).numpy()


def describe_truth(source: Source, split: Split, places: np.ndarray) -> str:
    """How many of the chosen images are of no class, where that is known; else ''."""
    truth = source.train.labels[split.unlabeled[places]]
    known = truth != UNKNOWN
    if not known.any() or (source.train.labels > OUTSIDE).all():
        return ""
    outside = int((truth <= OUTSIDE).sum())
    return f"of {int(known.sum()):,} whose class is known, {outside:,} are of none"
