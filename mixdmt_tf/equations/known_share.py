"""Estimates of the share of unlabelled images that belong to the labelled classes.

Mixture proportion estimation from positive and unlabelled data: held-out scores of
labelled images, and scores of unlabelled ones. NumPy in, NumPy out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DELTA, GAMMA = 0.1, 0.01  # of the bound, as released
LEAST = 2  # smallest number of labelled images above a threshold


def known_share(held_out: npt.ArrayLike, unlabeled: npt.ArrayLike) -> float:
    """Return pi, the estimated share of unlabelled images of the labelled classes.

    Best Bin Estimation, Garg, Wu, Smola, Balakrishnan and Lipton 2021
    (arXiv:2111.00980). With q(c) the share of scores of c or more among the n labelled
    and the m unlabelled images, the bin above c* is almost free of strangers, where c*
    minimises

        q_u(c) / q_l(c) + (1 + gamma) / q_l(c) (sqrt(log(4 / delta) / 2n)
                                                + sqrt(log(4 / delta) / 2m)),

    and pi = q_u(c*) / q_l(c*), at most 1. Strangers with scores as high as those of
    known images count as known: pi is an upper bound if labelled and unlabelled images
    of the classes have the same distribution.

    Args:
        held_out: [n] scores of labelled images; larger means more like the classes.
            Thresholds are these scores, from the second largest on.
        unlabeled: [m] scores of unlabelled images.

    Returns:
        A float in [0, 1].

    Raises:
        ValueError: when there are fewer than two held-out scores or no others.
    """
    known, others = np.asarray(held_out, float), np.asarray(unlabeled, float)
    if known.ndim != 1 or others.ndim != 1 or len(known) < LEAST or not len(others):
        raise ValueError(
            f"expected [n] with n >= {LEAST} and [m] with m >= 1, "
            f"got {known.shape} and {others.shape}"
        )
    thresholds = np.unique(known)
    shares = np.array([_at_least(each, thresholds) for each in (known, others)])
    q_known, q_others = shares[:, shares[0] * len(known) >= LEAST - 0.5]
    noise = sum(np.sqrt(np.log(4 / DELTA) / (2 * len(x))) for x in (known, others))
    best = np.argmin((q_others + (1 + GAMMA) * noise) / q_known)
    return float(min(1.0, q_others[best] / q_known[best]))


def bootstrapped_share(
    held_out: npt.ArrayLike, unlabeled: npt.ArrayLike, draws: int = 200
) -> npt.NDArray[np.float64]:
    """Return `known_share` for bootstrap samples of the labelled images.

    Efron 1979. Only the labelled images are resampled, because they are few.

    Args:
        held_out: see `known_share`.
        unlabeled: see `known_share`.
        draws: number of bootstrap samples.

    Returns:
        [draws] float64, sorted; deterministic.

    Raises:
        ValueError: as `known_share`.
    """
    known = np.asarray(held_out, float)
    rng = np.random.default_rng(0)
    found = [
        known_share(rng.choice(known, len(known)), unlabeled) for _ in range(draws)
    ]
    return np.sort(found)


def class_p_values(
    references: npt.ArrayLike,
    reference_classes: npt.ArrayLike,
    scores: npt.ArrayLike,
    classes: npt.ArrayLike,
) -> npt.NDArray[np.float64]:
    """Return each image's rank among the labelled images of the class it looks like.

    Label conditional conformal prediction, Vovk 2012 (arXiv:1209.2673) proposition 3:
    the rank is (r + 1/2) / (n + 1), where r of the n references of the class have lower
    scores. Within a class it is uniform, however frequent the class is, so that
    `known_share` of these ranks does not mistake absent classes for strangers. If no
    reference looks like a class, as with one label of each class, there is no evidence
    against an image of this class.

    Args:
        references: [n] scores of labelled images; larger means more like the classes.
        reference_classes: [n] the classes that they look like, integers.
        scores: [m] scores of other images, or of the references again.
        classes: [m] the classes that these look like.

    Returns:
        [m] float64 in (0, 1); 1 where no reference looks like that class.
    """
    known, known_classes = np.asarray(references), np.asarray(reference_classes)
    given, found_classes = np.asarray(scores), np.asarray(classes)
    ranks = np.ones(given.shape)
    for c in np.unique(known_classes):
        same = np.sort(known[known_classes == c])
        rows = found_classes == c
        ranks[rows] = (np.searchsorted(same, given[rows]) + 0.5) / (len(same) + 1)
    return ranks


def _at_least(
    scores: npt.NDArray[np.float64], thresholds: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the share of the scores that are at least each of the thresholds."""
    below = np.searchsorted(np.sort(scores), thresholds, side="left")
    return 1 - below / len(scores)
