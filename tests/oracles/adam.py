"""Oracle of Adam: Kingma and Ba 2015, algorithm 1 with the order of section 2's end."""

from __future__ import annotations

import numpy as np


def descend(weights, gradients, rates, epsilon, beta_1=0.9, beta_2=0.999):
    """Weights and both moments after one step for each rate, in float64.

    The step is alpha_t m / (sqrt(v) + epsilon-hat) with alpha_t = alpha sqrt(1 -
    beta_2^t) / (1 - beta_1^t), "in exchange for clarity".

    Args:
        weights: arrays by name, as they are at first.
        gradients: for each step, arrays by name.
        rates: alpha of each step.
        epsilon: epsilon-hat.
        beta_1: decay of the first moment.
        beta_2: decay of the second moment.
    """
    weights = {name: np.array(w, np.float64) for name, w in weights.items()}
    first = {name: np.zeros(w.shape) for name, w in weights.items()}
    second = {name: np.zeros(w.shape) for name, w in weights.items()}
    for t, (rate, step) in enumerate(zip(rates, gradients), 1):
        alpha = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        for name, weight in weights.items():
            g = np.asarray(step[name], np.float64)
            first[name] = beta_1 * first[name] + (1 - beta_1) * g
            second[name] = beta_2 * second[name] + (1 - beta_2) * g * g
            weight -= alpha * first[name] / (np.sqrt(second[name]) + epsilon)
    return weights, (first, second)
