"""Evaluates how well scores detect images of no class.

Out-of-distribution masking (RealMix section 3.4) leaves out the images that look least
like any class. In benchmarks with a class mismatch the truth is known, though hidden
from training, so the detection can be evaluated for any method and any score.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Dict, List, Optional

import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.algorithms.parts.ood_mask import (
    FIXED,
    OF_FEATURES,
    OF_LOGITS,
    OodMask,
    score_of_features,
)
from mixdmt_tf.data.classification.source import OUTSIDE, UNKNOWN, Images, Source
from mixdmt_tf.data.lazy_images import ImageArray, take
from mixdmt_tf.data.splits import Split
from mixdmt_tf.equations import auroc
from mixdmt_tf.tasks.classification.scoring import Scorer

SAMPLE = 2000  # size of the sample of unlabelled images, and of labelled ones


@dataclasses.dataclass(frozen=True, eq=False)
class Detection:
    """A fixed sample of the unlabelled images, and which of them are of no class.

    Attributes:
        images: uint8 [n, H, W, C].
        inside: bool [n], false for images known to be of no class.
        places: int [n], indices into the unlabelled images.
        labeled: labelled images, for scores that compare features.
    """

    images: ImageArray
    inside: np.ndarray
    places: np.ndarray
    labeled: Images

    def scores(
        self,
        scorer: Scorer,
        algorithm: Algorithm,
        poll: Callable[[], None] = lambda: None,
    ) -> Dict[str, float]:
        """Computes AUROC and precision, in percent, of the EMA and the raw weights.

        `auroc`: the probability that an image of a class has a larger score than an
        image of none. `precision`: if k images are of no class, their share among the k
        lowest scores. Both use the score of the method's mask, or the largest
        probability if it has none; `ood_auroc_NAME` is the AUROC of every score, with
        the EMA weights.
        """
        mask: Optional[OodMask] = getattr(algorithm, "ood", None)
        averaged = algorithm.average.in_network(algorithm.network)
        raw = algorithm.network.get_weights()
        found: Dict[str, Any] = {}
        numbers = {}
        for suffix, weights in (("", averaged), ("_raw", raw)):
            if not (found and all(map(np.array_equal, averaged, raw))):
                found = self._all_scores(scorer, weights, poll)
            name = "softmax" if mask is None else mask.score
            if mask is not None and mask.scores is not None:
                fixed = mask.fixed_score
                # A score of another run's network has a key besides this run's score.
                key = fixed if fixed in FIXED else f"{fixed}_given"
                found[key] = mask.scores.numpy()[self.places]
                name = key if name == fixed else name
            chosen = found.get(name)
            if chosen is None:  # the truth itself, or a fixed score without a mask
                chosen = found["softmax"]
            numbers[f"ood{suffix}_auroc"] = 100.0 * auroc(self.inside, chosen)
            least = np.argsort(chosen, kind="stable")[: np.sum(~self.inside)]
            numbers[f"ood{suffix}_precision"] = 100.0 * np.mean(~self.inside[least])
            if not suffix:
                for name, values in found.items():
                    numbers[f"ood_auroc_{name}"] = 100.0 * auroc(self.inside, values)
        return numbers

    def _all_scores(
        self, scorer: Scorer, weights: List[np.ndarray], poll: Callable[[], None]
    ) -> Dict[str, Any]:
        """Computes scores [n] by name."""
        rows, logits = scorer.outputs(weights, self.images, poll)
        references, _ = scorer.outputs(weights, self.labeled.images, poll)
        found = {name: score(logits).numpy() for name, score in OF_LOGITS.items()}
        for name in OF_FEATURES:
            found[name] = score_of_features(
                name,
                tf.constant(rows),
                tf.constant(references),
                tf.constant(self.labeled.labels),
                logits.shape[-1],
            ).numpy()
        return found


def open_detection(source: Source, split: Split) -> Optional[Detection]:
    """Draws the sample; returns None unless images of both kinds are known."""
    truth = source.train.labels[split.unlabeled]
    known = np.flatnonzero(truth != UNKNOWN)
    places = _evenly(known)
    ids = split.unlabeled[places]
    inside = source.train.labels[ids] > OUTSIDE
    if inside.all() or not inside.any():
        return None
    labeled = source.train.take(_evenly(split.labeled))
    return Detection(take(source.train.images, ids), inside, places, labeled)


def _evenly(ids: np.ndarray) -> np.ndarray:
    """Selects evenly spread ids, always the same ones."""
    count = min(SAMPLE, len(ids))
    chosen: np.ndarray = ids[np.linspace(0, len(ids) - 1, count).astype(int)]
    return chosen
