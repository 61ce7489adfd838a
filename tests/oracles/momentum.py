"""Oracle of gradient descent with momentum (Sutskever et al. 2013; torch.optim.SGD)."""

from __future__ import annotations

import numpy as np


def descend(weights, gradients, rates, momentum, nesterov=False, l2=0.0, decayed=()):
    """Weights and velocities after one step for each rate, in float64.

    Args:
        weights: arrays by name, as they are at first.
        gradients: for each step, arrays by name.
        rates: learning rate of each step.
        momentum: m.
        nesterov: look ahead.
        l2: decay, added to the gradients of the names in `decayed`.
        decayed: names.
    """
    weights = {name: np.array(w, np.float64) for name, w in weights.items()}
    velocities = {name: np.zeros(w.shape) for name, w in weights.items()}
    for rate, step in zip(rates, gradients):
        for name in weights:
            for i in np.ndindex(*weights[name].shape):
                slope = float(step[name][i])
                if name in decayed:
                    slope += l2 * weights[name][i]
                velocities[name][i] = momentum * velocities[name][i] + slope
                move = velocities[name][i]
                if nesterov:
                    move = slope + momentum * velocities[name][i]
                weights[name][i] -= rate * move
    return weights, velocities
