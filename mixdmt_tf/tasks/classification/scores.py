"""Scores of predictions for a set of images."""

from __future__ import annotations

import dataclasses
import math
from typing import Dict, List, Protocol, Sequence

import numpy as np


class Scored(Protocol):
    """Interface of scores for one set of images.

    Attributes:
        error: percent.
        probabilities: float32 [n, C], of C classes or labels.
    """

    error: float
    probabilities: np.ndarray

    @property
    def numbers(self) -> Dict[str, float]:
        """Returns percentages by column name, `error` first."""

    def by_class(self) -> Dict[str, np.ndarray]:
        """Returns percentages [C] by name; NaN for classes without images."""

    def lines(self, names: Sequence[str]) -> List[str]:
        """Describes each class in a line of text."""

    def words(self) -> str:
        """Describes the scores besides the error in words."""


@dataclasses.dataclass(frozen=True)
class Score:
    """Scores (`Scored`) for images with one class each.

    Attributes:
        error: percent.
        fine_grained: percent, accuracy of fine-grained testing (DMT appendix C).
        accuracy_by_class: percent [C].
        probabilities: float32 [n, C].
    """

    error: float
    fine_grained: float
    accuracy_by_class: np.ndarray
    probabilities: np.ndarray

    @property
    def numbers(self) -> Dict[str, float]:
        """Returns error and fine-grained accuracy."""
        return {"error": self.error, "fine_grained": self.fine_grained}

    def by_class(self) -> Dict[str, np.ndarray]:
        """Returns the accuracy, which is the recall of a class."""
        return {"recall": self.accuracy_by_class}

    def lines(self, names: Sequence[str]) -> List[str]:
        """Describes each class in a line."""
        width = max(map(len, names))

        def value(accuracy: float) -> str:
            absent = math.isnan(accuracy)
            return "does not occur" if absent else f"accuracy {accuracy:6.2f} %"

        return [
            f"  {name:<{width}}  {value(accuracy)}"
            for name, accuracy in zip(names, self.accuracy_by_class)
        ]

    def words(self) -> str:
        """Describes the scores besides the error."""
        return f"fine-grained accuracy {self.fine_grained:.2f} %"
