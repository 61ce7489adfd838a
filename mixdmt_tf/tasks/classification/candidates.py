"""Which unlabelled images the networks of a run in rounds are asked about.

A short round reads few of its pseudo labels, and asking about a million images to read
ten thousand of them takes longer than to learn from these.
"""

from __future__ import annotations

import dataclasses
from typing import Optional

import numpy as np

from mixdmt_tf.data import draws
from mixdmt_tf.data.classification.pseudo_labels import PseudoLabels
from mixdmt_tf.data.splits import Split
from mixdmt_tf.tasks.classification.labeling import CANDIDATES

TINY = np.finfo(np.float32).tiny


class Candidates:
    """All unlabelled images of a split, or some that are drawn once for the whole run.

    Attributes:
        split: with no other unlabelled images.
    """

    def __init__(self, split: Split, number: Optional[int]):
        """Draws them.

        Args:
            split: of the run, whose seed draws.
            number: of images; None, or as many as there are: all.
        """
        self._whole, self.split = split, split
        self._places: Optional[np.ndarray] = None
        if number is not None and number < len(split.unlabeled):
            key = draws.purpose_key(split.seed, "candidates for pseudo labels")
            drawn = np.random.default_rng(key).permutation(len(split.unlabeled))
            self._places = np.sort(drawn[:number])
            some = split.unlabeled[self._places]
            self.split = dataclasses.replace(split, unlabeled=some)

    def of(self, rows: Optional[np.ndarray]) -> Optional[np.ndarray]:
        """Those of the rows [N], one for each unlabelled image, that are theirs."""
        return rows if rows is None or self._places is None else rows[self._places]

    def among_all(self, pseudo: PseudoLabels) -> PseudoLabels:
        """Their pseudo labels with rows for all images; of others the confidence is 0.

        No network gives that: of C classes the likeliest has 1/C or more.
        """
        if self._places is None:
            return pseudo
        rows = {}
        for name in ("labels", "confidence", "kept"):
            theirs = getattr(pseudo, name)
            rows[name] = np.zeros(len(self._whole.unlabeled), theirs.dtype)
            rows[name][self._places] = theirs
        # Nor is the certainty of what a graph does not reach 0, or it would not count.
        asked = np.maximum(rows["confidence"][self._places], TINY)
        rows["confidence"][self._places] = asked
        facts = {**pseudo.facts, CANDIDATES: len(pseudo.ids)}
        return dataclasses.replace(
            pseudo, ids=self._whole.unlabeled, facts=facts, **rows
        )
