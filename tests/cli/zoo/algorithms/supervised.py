"""An algorithm without settings of its own."""

import dataclasses

from tests.cli.zoo.algorithms import base


@dataclasses.dataclass(frozen=True)
class Config(base.Config):
    """An algorithm without settings of its own."""


def train() -> None:
    """Marks the file as an algorithm."""
