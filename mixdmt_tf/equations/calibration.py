"""How much a network's confidence must be lowered to be believed.

Guo, Pleiss, Sun and Weinberger 2017 (arXiv:1706.04599), temperature scaling. NumPy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy  # its parts are imported when they are used


def at_temperature(probs: npt.ArrayLike, temperature: float) -> npt.NDArray[np.float64]:
    """Return softmax(log(p) / T): probabilities less sure if T is above 1.

    Guo et al. section 4.2.

    Args:
        probs: [..., C] probabilities.
        temperature: T > 0.

    Returns:
        [..., C] float64.

    Raises:
        ValueError: when temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    given = np.maximum(np.asarray(probs, np.float64), 1e-30)
    logs = np.log(given) / temperature
    powers = np.exp(logs - logs.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def fitted_temperature(probs: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the T in [1/20, 20] under which the labels are likeliest.

    Guo et al. section 4.2: one number, found on images that were not trained on.

    Args:
        probs: [N, C] probabilities, N is 1 or more.
        labels: [N] classes.

    Returns:
        T, a float.

    Raises:
        ValueError: when there are no images.
    """
    given, classes = np.asarray(probs), np.asarray(labels)
    if not len(classes):
        raise ValueError("no images to find the temperature on")

    def cost(log_temperature: float) -> float:
        found = at_temperature(given, float(np.exp(log_temperature)))
        own = found[np.arange(len(classes)), classes]
        return float(-np.log(np.maximum(own, 1e-30)).mean())

    within = -np.log(20), np.log(20)
    found = scipy.optimize.minimize_scalar(cost, bounds=within, method="bounded")
    return float(np.exp(found.x))
