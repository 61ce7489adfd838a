"""What is found out of the unlabelled images before a run trains on them."""

from __future__ import annotations

import dataclasses

import numpy as np

from mixdmt_tf.equations import bootstrapped_share, known_share

NO_EVIDENCE = 0.2  # estimated shares below are not told from 0
HIGHEST_RATE = 0.9  # of a mask: at a mismatch of 100 % the share itself leaves nothing


@dataclasses.dataclass(frozen=True, eq=False)
class ImageScores:
    """How much each unlabelled image looks like the labelled classes.

    Attributes:
        scores: float32 [N], larger is more.
        held_out: float [n], comparable scores of labelled images, each from what was
            not fitted to it.
        pool: float [M], scores of unlabelled images that those are comparable with.
        note: what else was found, '' for nothing.
    """

    scores: np.ndarray
    held_out: np.ndarray
    pool: np.ndarray
    note: str = ""


@dataclasses.dataclass(frozen=True)
class StrangerShare:
    """The estimated share of unlabelled images that are of no class, in [0, 1].

    Attributes:
        estimate: Best Bin Estimation with all labelled images.
        low: the 5 % quantile over labelled images drawn again.
        quartile: the 25 % quantile.
        high: the 95 % quantile.
    """

    estimate: float
    low: float
    quartile: float
    high: float

    @property
    def rate(self) -> float:
        """The share to mask: rather too little, since what is masked is lost.

        The lower quartile, at most 0.9; 0 where the images are no evidence of
        strangers.
        """
        if self.low <= 0 or min(self.estimate, self.quartile) < NO_EVIDENCE:
            return 0.0
        return min(self.estimate, self.quartile, HIGHEST_RATE)

    def describe(self) -> str:
        """A line for the terminal."""
        found = (
            f"unlabelled images of none of the classes: about {self.estimate:.0%} "
            f"({self.low:.0%} to {self.high:.0%}); "
        )
        if self.rate:
            return f"{found}{self.rate:.0%} are masked"
        return f"{found}no evidence that there are any, so none are masked"


def stranger_share(found: ImageScores) -> StrangerShare:
    """Estimates the share of strangers from the scores (`equations.known_share`)."""
    drawn = 1 - bootstrapped_share(found.held_out, found.pool)
    low, quartile, high = np.quantile(drawn, [0.05, 0.25, 0.95])
    estimate = 1 - known_share(found.held_out, found.pool)
    return StrangerShare(estimate, float(low), float(quartile), float(high))
