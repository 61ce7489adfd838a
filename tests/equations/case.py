"""How a test calls an equation, and how it makes inputs for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Sequence

import numpy as np

Inputs = Callable[[np.random.Generator, Sequence[int]], list]


@dataclass(frozen=True)
class Case:
    """An equation as a function of tensors only, with its oracle.

    `inputs(rng, shape)` makes arguments that lead to results of about that shape.
    `half` is False where rounding the input to 16 bits makes no sense (step numbers).
    """

    name: str
    equation: Callable
    oracle: Callable
    inputs: Inputs
    shapes: Sequence[Sequence[int]] = ((6, 10), (1, 2), (5, 3), (2, 3, 4, 5))
    half: bool = True
