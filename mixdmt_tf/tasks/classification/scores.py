"""How good predictions for a set of images are."""

from __future__ import annotations

import dataclasses
from typing import Dict, List, Protocol, Sequence

import numpy as np


class Scored(Protocol):
    """How good predictions for one set of images are.

    Attributes:
        error: percent.
        probabilities: float32 [n, C], of C classes or labels.
    """

    error: float
    probabilities: np.ndarray

    @property
    def numbers(self) -> Dict[str, float]:
        """Percentages by the name of their column, `error` first."""

    def by_class(self) -> Dict[str, np.ndarray]:
        """Percentages [C] by name; NaN where there is nothing to score."""

    def lines(self, names: Sequence[str]) -> List[str]:
        """A line for each class, in words."""

    def words(self) -> str:
        """What belongs beside the error, in words."""


@dataclasses.dataclass(frozen=True)
class Score:
    """As `Scored`, of images that have one class each.

    Attributes:
        error: percent.
        fine_grained: percent, the accuracy of fine-grained testing (DMT appendix C).
        accuracy_by_class: percent [C].
        probabilities: float32 [n, C].
    """

    error: float
    fine_grained: float
    accuracy_by_class: np.ndarray
    probabilities: np.ndarray

    @property
    def numbers(self) -> Dict[str, float]:
        """Error and fine-grained accuracy."""
        return {"error": self.error, "fine_grained": self.fine_grained}

    def by_class(self) -> Dict[str, np.ndarray]:
        """The accuracy, which is the recall of a class."""
        return {"recall": self.accuracy_by_class}

    def lines(self, names: Sequence[str]) -> List[str]:
        """A line for each class."""
        width = max(map(len, names))
        return [
            f"  {name:<{width}}  accuracy {accuracy:6.2f} %"
            for name, accuracy in zip(names, self.accuracy_by_class)
        ]

    def words(self) -> str:
        """What belongs beside the error."""
        return f"fine-grained accuracy {self.fine_grained:.2f} %"
