"""Predictions of a trained classifier for test images and unlabelled images."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms.parts import ood_mask
from mixdmt_tf.data.classification import splits
from mixdmt_tf.data.classification.source import OUTSIDE, Images, Source
from mixdmt_tf.data.lazy_images import take
from mixdmt_tf.data.splits import Split
from mixdmt_tf.runs import predictions
from mixdmt_tf.runs.rows import Row
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.trained import Trained
from mixdmt_tf.tasks.classification.scores import Score

_FIXED = "ood_scores"
REFERENCES = 2000  # labelled images to compare features with
CHECKED = 256  # images by which predictions on file are checked
TOLERANCE = 0.01  # of their probabilities, as another device may compute them


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """Predictions for images of known class.

    Attributes:
        name: 'test' or 'validation'.
        images: the N images.
        predicted: int [N], the most probable class of each.
        confidence: float32 [N], its probability.
    """

    name: str
    images: Images
    predicted: np.ndarray
    confidence: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Guessed:
    """Predictions for unlabelled images.

    Attributes:
        ids: int [N], of the images.
        of: number of all unlabelled images.
        predicted: int [N], the most probable class of each.
        confidence: float32 [N], its probability.
        truth: int32 [N], hidden classes, `UNKNOWN` or `OUTSIDE` as in the data set.
        scores: float32 [N], scores of the method's mask, which rejects the images with
            the lowest ones; None without such a mask.
        rejected: share of the images that the mask rejects, in [0, 1].
        strangers: share of images of no class that `--ood_rate=auto` estimated, and its
            5 and 95 % quantiles, in [0, 1]; None if the rate was given.
    """

    ids: np.ndarray
    of: int
    predicted: np.ndarray
    confidence: np.ndarray
    truth: np.ndarray
    scores: Optional[np.ndarray] = None
    rejected: float = 0.0
    strangers: Optional[Tuple[float, ...]] = None


@dataclasses.dataclass(frozen=True, eq=False)
class Findings:
    """All predictions, with the EMA weights.

    Attributes:
        source: the data set.
        judged: for test images, or for validation images if there are none.
        guessed: for unlabelled images; None if there are none.
    """

    source: Source
    judged: Optional[Judged]
    guessed: Optional[Guessed]

    def name(self, label: int) -> str:
        """Returns the name of a label's class."""
        if label >= 0:
            return self.source.class_names[label]
        if label > OUTSIDE:
            return "unknown"
        return self.source.outside_names[OUTSIDE - label]


def as_arrays(
    scores: Mapping[str, Score], mask: Optional[ood_mask.OodMask] = None
) -> Dict[str, np.ndarray]:
    """Returns the EMA weights' predictions as arrays for `predictions.write`.

    Args:
        scores: of an evaluation.
        mask: of the method; fixed scores of all unlabelled images are added.
    """
    found = {}
    if mask is not None and mask.scores is not None:
        found[_FIXED] = mask.scores.numpy()
    for name, each in scores.items():
        if not name.endswith("_raw"):
            found[f"{name}_predicted"] = each.probabilities.argmax(-1).astype(np.int32)
            found[f"{name}_confidence"] = each.probabilities.max(-1)
    return found


def collect(
    task: Task,
    folder: pathlib.Path,
    model: Trained,
    split: Split,
    rows: List[Row],
    limit: int,
) -> Findings:
    """Collects predictions, and computes those that are not on file.

    Args:
        task: of the run.
        folder: of the run.
        model: its network.
        split: of the run.
        rows: its evaluations.
        limit: number of unlabelled images to predict, evenly spread.
    """
    source = task.source
    known = predictions.read(folder, model.step)
    judged = None
    sets = {"test": source.test, "validation": splits.validation_images(split, source)}
    for name, images in sets.items():
        if judged is None and images is not None and len(images):
            judged = _judged(model, name, images, known)
    return Findings(source, judged, _guessed(task, model, split, rows, limit, known))


def _judged(
    model: Trained, name: str, images: Images, known: Mapping[str, np.ndarray]
) -> Judged:
    found = [known.get(f"{name}_{part}") for part in ("predicted", "confidence")]
    if not _are_of(model, images, found):
        probs = model.scorer.predict(model.averaged, images.images)
        found = [probs.argmax(-1), probs.max(-1)]
    return Judged(name, images, np.asarray(found[0]), np.asarray(found[1]))


def _are_of(
    model: Trained, images: Images, found: Sequence[Optional[np.ndarray]]
) -> bool:
    """Whether predictions on file are those of these images, judged by some of them.

    The files of a test set may have been moved or replaced since.
    """
    if any(each is None or each.shape != images.labels.shape for each in found):
        return False
    places = evenly(np.arange(len(images)), CHECKED)
    probs = model.scorer.predict(model.averaged, take(images.images, places))
    confidence = np.asarray(found[1])[places]
    return bool(np.allclose(probs.max(-1), confidence, rtol=0, atol=TOLERANCE))


def _guessed(
    task: Task,
    model: Trained,
    split: Split,
    rows: List[Row],
    limit: int,
    known: Mapping[str, np.ndarray],
) -> Optional[Guessed]:
    source, total = task.source, len(split.unlabeled)
    if not total:
        return None
    places = evenly(np.arange(total), limit)
    ids = split.unlabeled[places]
    images = take(source.train.images, ids)
    rejected = 1.0 - (rows[-1].get("train_ood_kept", 1.0) if rows else 1.0)
    method = task.experiment.method
    score = getattr(method, "ood_score", "")
    if getattr(method, "ood_scores_from", ""):  # all of these are fixed scores
        score = "frozen"
    scores = None
    if rejected > 0 and score in (*ood_mask.OF_LOGITS, *ood_mask.OF_FEATURES):
        scores, probs = _mask_scores(score, source, model, split, images)
    else:
        probs = model.scorer.predict(model.averaged, images)
    fixed = known.get(_FIXED)
    if score in ood_mask.FIXED and fixed is not None and len(fixed) == total:
        scores = fixed[places]
    return Guessed(
        ids,
        total,
        probs.argmax(-1).astype(np.int32),
        probs.max(-1),
        source.train.labels[ids],
        scores,
        rejected,
        _estimate(rows),
    )


def _estimate(rows: List[Row]) -> Optional[Tuple[float, ...]]:
    """Returns the last estimated share of images of no class, and its interval."""
    names = [f"train_{name}" for name in ood_mask.REPORTED if name != "ood_rate"]
    last = rows[-1] if rows else {}
    return tuple(last[n] for n in names) if all(n in last for n in names) else None


def _mask_scores(
    name: str, source: Source, model: Trained, split: Split, images: np.ndarray
) -> Tuple[np.ndarray, np.ndarray]:
    """Computes the scores [n] of the method's mask, and probabilities [n, C]."""
    found, logits = model.scorer.outputs(model.averaged, images)
    probs = tf.nn.softmax(logits).numpy()
    if name in ood_mask.OF_LOGITS:
        return ood_mask.OF_LOGITS[name](logits).numpy(), probs
    labeled = source.train.take(evenly(split.labeled, REFERENCES))
    references = model.scorer.features(model.averaged, labeled.images)
    scores = ood_mask.score_of_features(
        name,
        tf.constant(found),
        tf.constant(references),
        tf.constant(labeled.labels),
        source.num_classes,
    )
    return scores.numpy(), probs


def evenly(ids: np.ndarray, limit: int) -> np.ndarray:
    """Selects evenly spread ids, always the same ones."""
    count = min(limit, len(ids))
    chosen: np.ndarray = ids[np.linspace(0, len(ids) - 1, count).astype(int)]
    return chosen
