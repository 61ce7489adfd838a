"""What is found out of the unlabelled images before a run trains on them."""

from __future__ import annotations

import dataclasses

import numpy as np

from mixdmt_tf.equations import bootstrapped_share, known_share

NO_EVIDENCE = 0.2  # estimated shares below this can't be distinguished from 0
HIGHEST_RATE = 0.9  # of a mask: at a mismatch of 100 % the share itself would mask all


@dataclasses.dataclass(frozen=True, eq=False)
class ImageScores:
    """How much each unlabelled image looks like the labelled classes.

    Attributes:
        scores: float32 [N]; larger means more like the classes.
        held_out: float [n], held-out scores of labelled images: no image was used to
            fit what scores it.
        pool: float [M], scores of unlabelled images that are comparable with
            `held_out`.
        note: a remark for the user, '' for none.
    """

    scores: np.ndarray
    held_out: np.ndarray
    pool: np.ndarray
    note: str = ""


@dataclasses.dataclass(frozen=True)
class StrangerShare:
    """The estimated share of unlabelled images of none of the classes, in [0, 1].

    Attributes:
        estimate: Best Bin Estimation with all labelled images.
        low: the 5 % quantile over bootstrap samples of the labelled images.
        quartile: the 25 % quantile.
        high: the 95 % quantile.
    """

    estimate: float
    low: float
    quartile: float
    high: float

    @property
    def rate(self) -> float:
        """The share to mask: a cautious choice, since masked images are lost.

        It is the lower quartile, at most 0.9, or 0 if there is no evidence of images of
        none of the classes.
        """
        if self.low <= 0 or min(self.estimate, self.quartile) < NO_EVIDENCE:
            return 0.0
        return min(self.estimate, self.quartile, HIGHEST_RATE)

    def describe(self) -> str:
        """Returns a line for the terminal."""
        found = (
            f"unlabelled images of none of the classes: about {self.estimate:.0%} "
            f"({self.low:.0%} to {self.high:.0%}); "
        )
        if self.rate:
            return f"{found}{self.rate:.0%} are masked"
        return f"{found}no evidence that there are any, so none are masked"


def stranger_share(found: ImageScores) -> StrangerShare:
    """Estimates the share of strangers, images of none of the classes, from scores.

    See `equations.known_share`.
    """
    drawn = 1 - bootstrapped_share(found.held_out, found.pool)
    low, quartile, high = np.quantile(drawn, [0.05, 0.25, 0.95])
    estimate = 1 - known_share(found.held_out, found.pool)
    return StrangerShare(estimate, float(low), float(quartile), float(high))
