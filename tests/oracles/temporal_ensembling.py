"""Algorithm 2 of Laine and Aila (arXiv:1610.02242), epoch by epoch in plain NumPy."""

from __future__ import annotations

import numpy as np


class Ensemble:
    """Z and z~ of N images; epochs end when all of them were predicted."""

    def __init__(self, images, classes, decay):
        self.decay = decay
        self.accumulated = np.zeros((images, classes))
        self.targets = np.zeros((images, classes))
        self.epochs = 0
        self.predictions = {}

    def predict(self, place, probabilities):
        """Notes z of an image, and returns z~ of the epochs before."""
        assert place not in self.predictions
        self.predictions[place] = np.array(probabilities, np.float64)
        target = self.targets[place].copy()
        if len(self.predictions) == len(self.targets):
            self._end_epoch()
        return target

    def _end_epoch(self):
        self.epochs += 1
        for place, z in self.predictions.items():
            old = self.accumulated[place]
            self.accumulated[place] = self.decay * old + (1 - self.decay) * z
        self.targets = self.accumulated / (1 - self.decay**self.epochs)
        self.predictions = {}
