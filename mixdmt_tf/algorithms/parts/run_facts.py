"""What a method must know of a run besides its own settings."""

from __future__ import annotations

import dataclasses
from typing import Tuple

from mixdmt_tf.algorithms.parts.layer_rates import LayerRates


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """What a method must know of the run besides its own settings.

    Attributes:
        num_classes: C.
        labels: number of labelled images.
        steps: length of the whole run, for schedules.
        mismatch: expected share of unlabelled images that are of no class, in [0, 1].
        head: names of the network's last layers, or how they begin; see `LayerRates`,
            as the next three.
        head_rate: their learning rate in multiples of the run's.
        decoder: names of the layers before them that are new, too.
        encoder_rate: learning rate of all other layers in multiples of the run's.
        unlabeled: N, number of unlabelled images.
        noise_rate: share of wrong pseudo labels, estimated.
        pretrained: whether the network starts from trained weights that know none of
            the labels.
    """

    num_classes: int
    labels: int
    steps: int
    mismatch: float = 0.0
    head: Tuple[str, ...] = ()
    head_rate: float = 1.0
    decoder: Tuple[str, ...] = ()
    encoder_rate: float = 1.0
    unlabeled: int = 0
    noise_rate: float = 0.0
    pretrained: bool = False

    @property
    def rates(self) -> LayerRates:
        """Learning rates of groups of layers."""
        return LayerRates(self.head, self.head_rate, self.decoder, self.encoder_rate)
