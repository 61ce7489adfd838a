"""What all networks share: settings that build a Keras model."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, ClassVar, Dict, List, Optional, Tuple

import keras
import numpy as np

from mixdmt_tf import compat
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
        decoder_layers: names, likewise, of layers between the encoder, which can have
            published weights, and the head.
        pretrained: file of published weights to start from, '' if there is none.
        encoder_learning_rate_multiplier: learning rate of the layers that are neither
            head nor decoder over that of the others.
        image_size: height and width that images for it have at least, if nobody says
            otherwise; None: whatever they have.
        head_learning_rate_multiplier: learning rate of the head over that of all
            other layers.
    """

    head: ClassVar[Tuple[str, ...]] = ("logits",)
    interchangeable: ClassVar[Tuple[str, ...]] = ()
    image_size: ClassVar[Optional[int]] = None
    decoder_layers: ClassVar[Tuple[str, ...]] = ()
    # Not annotated: a network that has such a setting declares it as a field.
    pretrained = ""
    encoder_learning_rate_multiplier = 1.0
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

    @property
    def depthwise(self) -> bool:
        """Whether it is made of depthwise convolutions, slow in bfloat16 on CPUs."""
        return False

    @property
    def shares_gradients(self) -> bool:
        """Whether sums of convolutions in it are inexact in bfloat16 on CPUs.

        `layers.sums.shared` finds them; a test does in all networks of the package.
        """
        return False

    @property
    def new(self) -> Tuple[str, ...]:
        """How the names of layers begin that published weights have nothing for."""
        return (*self.decoder_layers, *self.head)

    def encoder_layers(self, model: keras.Model) -> List[keras.layers.Layer]:
        """The layers of a model that published weights have something for."""
        return [each for each in model.layers if not each.name.startswith(self.new)]

    def layer_rates(self) -> Dict[str, Any]:
        """Learning rates of groups of layers, as `RunFacts` takes them."""
        return {
            "head": self.head,
            "head_rate": self.head_learning_rate_multiplier,
            "decoder": self.decoder_layers,
            "encoder_rate": self.encoder_learning_rate_multiplier,
        }

    def build_at(
        self,
        size: Optional[int],
        input_shape: Tuple[int, int, int],
        num_classes: int,
        portable: bool = False,
    ) -> keras.Model:
        """`build`, with images brought to another size within the network.

        Networks that were trained on photos are of little use on 32 x 32 pixels, and
        images are augmented, stored and moved faster while they are small.

        Args:
            size: height and width in pixels; None: the images as they are.
            input_shape: (height, width, channels) of the images.
            num_classes: number of classes C.
            portable: see `build`.

        Returns:
            A functional model from images of `input_shape`.
        """
        height, width, channels = input_shape
        if size is None or (height, width) == (size, size):
            return self.build(input_shape, num_classes, portable)
        inner = self.build((size, size, channels), num_classes, portable)
        images = keras.Input(input_shape, name="image")
        resize = keras.layers.Resizing(size, size, dtype="float32", name="resizing")
        x = resize(images, **compat.NOT_TRAINING)
        return keras.Model(images, inner(x), name=f"{inner.name}_at_{size}")

    def adapt(self, model: keras.Model, sample: Callable[[int], np.ndarray]) -> None:
        """Sets weights that follow from the images, before training begins.

        Args:
            model: all of its weights as they were initialized.
            sample: from a number to at most as many training images, float32
                [N, H, W, channels] in [-1, 1].
        """
        del model, sample  # a network that has such weights uses them

    def initialize(self, model: keras.Model) -> Optional[str]:
        """Gives a model that these settings built the weights it is to start from.

        Args:
            model: all of its weights random.

        Returns:
            What was loaded, as text; None if it starts from random weights.

        Raises:
            UserError: if they are missing or don't fit. The model is unchanged.
        """
        del model
        return None
