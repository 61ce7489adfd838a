"""What all networks share: settings that build a Keras model."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Tuple

from mixdmt_tf.settings import check, settings_of


@dataclasses.dataclass(frozen=True)
class Network:
    """The settings of a network; a subclass builds the model that they describe.

    A network for classification has

        build(input_shape, num_classes, portable=False) -> keras.Model

    from float images [B, H, W, channels] in [-1, 1] to float32 logits [B, C], one for
    segmentation `build_segmenter` with the same arguments, to logits [B, H, W, C].

    Attributes:
        head: names of the layers that belong to the classes, or how they begin. They
            stay new when a network starts from another one's weights.
        interchangeable: names of settings under which the same weights mean the same,
            so that they may differ from those of the run that the weights come from.
        pretrained: file of published weights to start from, '' if there is none.
        head_learning_rate_multiplier: learning rate of the head over that of all
            other layers.
    """

    head: ClassVar[Tuple[str, ...]] = ("logits",)
    interchangeable: ClassVar[Tuple[str, ...]] = ()
    # Not annotated: a network that has such a setting declares it as a field.
    pretrained = ""
    head_learning_rate_multiplier = 1.0

    def __post_init__(self) -> None:
        """Refuses values out of range with a UsageError."""
        check(settings_of(type(self)), self)

    def for_run(self, steps: int) -> Network:
        """These settings with what they leave open filled in for a run's length.

        Args:
            steps: of the run.
        """
        del steps  # a network that has such a setting uses it
        return self

    def second(self) -> Network:
        """The settings of the second of two networks that teach each other."""
        return self
