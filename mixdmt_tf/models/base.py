"""Base class of networks: settings that build a Keras model."""

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

    from float images [B, H, W, channels] in [-1, 1] to float32 logits [B, C]. One for
    segmentation has `build_segmenter` with the same arguments, to logits [B, H, W, C].

    Attributes:
        head: names, or prefixes of names, of the layers that depend on the classes.
            They stay new if a network starts from the weights of another one.
        interchangeable: names of settings that don't change the meaning of weights, so
            that they may differ from those of the run that the weights come from.
        decoder_layers: names, or prefixes of names, of the layers between the encoder,
            which can have published weights, and the head.
        pretrained: file of published weights to start from, '' if there is none.
        encoder_learning_rate_multiplier: factor of the learning rate for layers that
            are neither head nor decoder.
        image_size: default minimum height and width of images for the network; None
            for no minimum.
        head_learning_rate_multiplier: factor of the learning rate for the head.
    """

    head: ClassVar[Tuple[str, ...]] = ("logits",)
    interchangeable: ClassVar[Tuple[str, ...]] = ()
    image_size: ClassVar[Optional[int]] = None
    decoder_layers: ClassVar[Tuple[str, ...]] = ()
    # Not annotated, since networks with such a setting declare it as a field.
    pretrained = ""
    encoder_learning_rate_multiplier = 1.0
    head_learning_rate_multiplier = 1.0

    def __post_init__(self) -> None:
        """Raises a UsageError for values out of range."""
        check(settings_of(type(self)), self)

    def for_run(self, steps: int) -> Network:
        """Returns these settings with defaults that depend on a run's length.

        Args:
            steps: of the run.
        """
        del steps  # a network that has such a setting uses it
        return self

    def second(self) -> Network:
        """Returns the settings of the second of two networks that teach each other."""
        return self

    @property
    def depthwise(self) -> bool:
        """Whether it uses depthwise convolutions, slow in bfloat16 on CPUs."""
        return False

    @property
    def shares_gradients(self) -> bool:
        """Whether it has sums of convolutions that are inexact in bfloat16 on CPUs.

        `layers.sums.shared` finds them; a test checks all networks of the package.
        """
        return False

    @property
    def new(self) -> Tuple[str, ...]:
        """Prefixes of the names of layers without published weights."""
        return (*self.decoder_layers, *self.head)

    def encoder_layers(self, model: keras.Model) -> List[keras.layers.Layer]:
        """Returns the layers of a model that have published weights."""
        return [each for each in model.layers if not each.name.startswith(self.new)]

    def layer_rates(self) -> Dict[str, Any]:
        """Returns learning rates of groups of layers, as arguments of `RunFacts`."""
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
        """Builds the network with a layer that resizes the images.

        Networks that were trained on photos are of little use on 32 x 32 pixels, but
        small images are augmented, stored and moved faster.

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
        """Sets weights that are computed from images, before training begins.

        Args:
            model: the model with its initial weights.
            sample: function from a number to at most as many training images, float32
                [N, H, W, channels] in [-1, 1].
        """
        del model, sample  # a network that has such weights uses them

    def initialize(self, model: keras.Model) -> Optional[str]:
        """Loads the weights that a model built from these settings starts from.

        Args:
            model: the model with random weights.

        Returns:
            A description of the loaded weights; None if it starts from random weights.

        Raises:
            UserError: if weights are missing or don't fit. The model is unchanged.
        """
        del model
        return None
