"""Settings of runs in rounds of pseudo labels, of images and of pixels.

Dynamic Mutual Training (arXiv:2004.08514), algorithms 1 and 2, section 5.2.2 and
appendix B. `rounds/loop.py` is the loop that they describe.
"""

from __future__ import annotations

import dataclasses
from typing import Optional

from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Rounds:
    """Settings of the number, length and networks of rounds; defaults for CIFAR-10.

    A method combines them with `base.Config`.
    """

    base_learning_rate: float = setting(
        0.2, "learning rate at the start of a base model", low=0.0
    )
    rounds: Optional[int] = setting(
        None,
        "rounds of pseudo labels after the base models; default: as many as fractions "
        "has; else 5, or fewer if --steps gives a stage less than 300 steps",
        low=1,
        high=1000,
        by_length=True,
    )
    fractions: str = setting(
        "",
        "percentages of the unlabelled images, or of the pixels of each class, that "
        "the rounds learn from, the most confident ones; default: equal steps up to "
        "100, with five rounds 20,40,60,80,100",
    )
    base_epochs: float = setting(
        300.0,
        "passes over the images that training with all labels would take; with fewer "
        "labels a base model makes sqrt(images / labels) times as many passes over the "
        "labelled images",
        low=0.001,
        high=1000000.0,
    )
    base_steps: Optional[int] = setting(
        None,
        "steps of a base model, overrides base_epochs; default: its part of --steps, "
        "if they are given",
        low=1,
        high=1099511627776,
        by_length=True,
    )
    base_batch: int = setting(
        512, "labelled images per step of a base model", low=1, high=65536
    )
    round_epochs: float = setting(
        750.0,
        "passes of a round over its pseudo-labelled images",
        low=0.001,
        high=1000000.0,
    )
    round_steps: Optional[int] = setting(
        None,
        "steps of each round, overrides round_epochs; default: its part of --steps, if "
        "they are given",
        low=1,
        high=1099511627776,
        by_length=True,
    )
    unlabeled_ratio: int = setting(
        7, "pseudo-labelled images in a batch for each labelled one", low=1, high=1000
    )
    restart: bool = setting(
        True,
        "begin each round with new random weights, as algorithm 1; off: with those of "
        "the round before, as algorithm 2",
    )
    models: int = setting(
        1,
        "1: each round's network learns from the one before; 2: two networks teach "
        "each other, algorithm 2",
        choices=(1, 2),
    )
    difference_share: Optional[float] = setting(
        None,
        "alpha of Eq. 11: two base models learn from parts of the labels that differ "
        "as much as possible, each of this size; default: both from all labels",
        low=0.5,
        high=1.0,
    )
