"""Selects the unlabelled images that a run in rounds predicts pseudo labels for.

A short round uses few of its pseudo labels. Predicting a million images to use ten
thousand of them takes longer than training on these.
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
    """All unlabelled images of a split, or a sample drawn once for the whole run.

    Attributes:
        split: the split with only these unlabelled images.
    """

    def __init__(self, split: Split, number: Optional[int]):
        """Draws the images.

        Args:
            split: of the run; its seed is used.
            number: of images; None for all.
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
        """Selects the candidates' rows from rows [N] of all unlabelled images."""
        return rows if rows is None or self._places is None else rows[self._places]

    def among_all(self, pseudo: PseudoLabels) -> PseudoLabels:
        """Extends their pseudo labels to all images, with confidence 0 for the others.

        No prediction has confidence 0: the most probable of C classes has at least 1/C.
        """
        if self._places is None:
            return pseudo
        rows = {}
        for name in ("labels", "confidence", "kept"):
            theirs = getattr(pseudo, name)
            rows[name] = np.zeros(len(self._whole.unlabeled), theirs.dtype)
            rows[name][self._places] = theirs
        # Images that a graph does not reach get a certainty above 0, to be told apart.
        asked = np.maximum(rows["confidence"][self._places], TINY)
        rows["confidence"][self._places] = asked
        facts = {**pseudo.facts, CANDIDATES: len(pseudo.ids)}
        return dataclasses.replace(
            pseudo, ids=self._whole.unlabeled, facts=facts, **rows
        )
