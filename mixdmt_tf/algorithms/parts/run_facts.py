"""What a method must know of a run besides its own settings."""

from __future__ import annotations

import dataclasses
from typing import Tuple

from mixdmt_tf.algorithms.parts.layer_rates import LayerRates


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """Facts about a run that a method needs besides its own settings.

    Attributes:
        num_classes: number of classes C.
        labels: number of labelled images.
        steps: length of the whole run, for schedules.
        mismatch: expected share of unlabelled images of none of the classes, in [0, 1].
        head: names, or prefixes of names, of the network's last layers; see
            `LayerRates` for this and the next three.
        head_rate: their learning rate in multiples of the run's.
        decoder: names of the layers before the head that are new, too.
        encoder_rate: learning rate of all other layers in multiples of the run's.
        unlabeled: number of unlabelled images N.
        noise_rate: estimated share of wrong pseudo labels.
        pretrained: whether the network starts from weights that were trained without
            any of the run's labels.
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
