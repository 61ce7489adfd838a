"""How well confidence tells images of the classes from images of none.

Out-of-distribution masking (RealMix section 3.4) leaves out the rows of which the
network is least sure. Benchmarks with a mismatch hide the truth rather than lack it, so
whether those rows are the right ones can be measured, for any method.
"""

from __future__ import annotations

import dataclasses
from typing import Callable, Dict, Optional

import numpy as np

from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.data.classification.source import OUTSIDE, UNKNOWN, Source
from mixdmt_tf.data.lazy_images import ImageArray, take
from mixdmt_tf.data.splits import Split
from mixdmt_tf.equations import auroc
from mixdmt_tf.tasks.classification.scoring import Scorer

SAMPLE = 2000  # unlabelled images that are looked at


@dataclasses.dataclass(frozen=True, eq=False)
class Detection:
    """A fixed sample of the unlabelled images, and which of them are of no class.

    Attributes:
        images: uint8 [n, H, W, C].
        inside: bool [n], false for images known to be of no class.
    """

    images: ImageArray
    inside: np.ndarray

    def scores(
        self,
        scorer: Scorer,
        algorithm: Algorithm,
        poll: Callable[[], None] = lambda: None,
    ) -> Dict[str, float]:
        """AUROC and precision, in percent, of the averaged and of the raw weights.

        `auroc`: the chance that an image of a class has a larger confidence than an
        image of none. `precision`: of as many least confident images as there are
        images of no class, the share that are of no class.
        """
        numbers = {}
        for suffix, weights in (
            ("", algorithm.average.in_network(algorithm.network)),
            ("_raw", algorithm.network.get_weights()),
        ):
            confidence = scorer.predict(weights, self.images, poll).max(axis=-1)
            numbers[f"ood{suffix}_auroc"] = 100.0 * auroc(self.inside, confidence)
            least = np.argsort(confidence, kind="stable")[: np.sum(~self.inside)]
            numbers[f"ood{suffix}_precision"] = 100.0 * np.mean(~self.inside[least])
        return numbers


def open_detection(source: Source, split: Split) -> Optional[Detection]:
    """The sample, or None unless images of both kinds are known to be there."""
    truth = source.train.labels[split.unlabeled]
    known = split.unlabeled[truth != UNKNOWN]
    # Evenly spread over the ids, so that it is the same for everybody.
    ids = known[np.linspace(0, len(known) - 1, min(SAMPLE, len(known))).astype(int)]
    inside = source.train.labels[ids] > OUTSIDE
    if inside.all() or not inside.any():
        return None
    return Detection(take(source.train.images, ids), inside)
