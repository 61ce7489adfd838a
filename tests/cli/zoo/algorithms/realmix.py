"""An algorithm with settings of its own."""

import dataclasses
from typing import Optional

from mixdmt_tf.settings import setting
from tests.cli.zoo.algorithms import base


@dataclasses.dataclass(frozen=True)
class Config(base.Config):
    """An algorithm with settings of its own."""

    tsa: Optional[str] = setting(
        None, "schedule of the annealing", choices=("linear", "log", "exp")
    )
    ood_rate: float = setting(0.25, "share that is left out", low=0, high=1)
    warmup: Optional[int] = setting(None, "steps", low=0)


def train() -> None:
    """Marks the file as an algorithm."""
