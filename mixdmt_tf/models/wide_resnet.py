"""Wide residual network in the forms of MixMatch and RealMix, and of DMT.

Zagoruyko and Komodakis 2016 with pre-activation blocks, as two families of papers run
it:

- `mixmatch` (MixMatch `libml/models.py`, RealMix): leaky ReLU 0.1, convolutions with
  biases, TensorFlow's 'same' padding, batch normalization with momentum .999 and
  epsilon 1e-3; only the very first block hands its shortcut the activated tensor.
  WRN-28-2 for ten classes of 32x32x3 images has 1,469,642 trainable parameters.
- `dmt` (Feng et al. 2020, `classification/models/wideresnet.py`): ReLU, convolutions
  without biases, padding of one pixel on each side where a convolution halves the
  image, momentum .9 and epsilon 1e-5 (PyTorch's defaults); the shortcut takes the
  activated tensor in each block that changes the number of channels. WRN-28-2 has
  1,467,610 trainable parameters.

Both start with He's normal distribution over the fan-out. Neither has dropout.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Optional, Tuple

import keras

from mixdmt_tf import lengths
from mixdmt_tf.models.base import Network
from mixdmt_tf.models.layers.activations import LeakyReLU
from mixdmt_tf.models.layers.normalization import batch_normalization
from mixdmt_tf.models.layers.sums import Add
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class WideResNet(Network):
    """Size and form of the network.

    A `batch_norm_momentum` of None is filled in by `for_run`; a network built without
    `for_run` has the form's own momentum, that of long runs.
    """

    interchangeable: ClassVar[Tuple[str, ...]] = ("batch_norm_momentum",)

    depth: int = setting(
        28,
        "layers with weights: 4, and 6 for each block of a stage",
        choices=(10, 16, 22, 28, 34, 40, 46, 52, 58, 64, 70, 76, 82, 88, 94, 100),
    )
    width: int = setting(
        2, "the stages have 16, 32, 64, ... x width filters", low=1, high=100
    )
    stages: int = setting(
        3,
        "stages; each after the first halves the image (STL-10 runs use 4)",
        low=1,
        high=7,
    )

    batch_norm_momentum: Optional[float] = setting(
        None,
        "momentum of batch normalization's running statistics; default: the form's "
        "own, .999 (mixmatch) or .9 (dmt), or 1 - 20 / steps in shorter runs than "
        ".999 is made for, and at least .9",
        low=0.0,
        high=1.0,
        by_length=True,
    )
    form: str = setting(
        "mixmatch",
        "mixmatch: as MixMatch and RealMix run it (leaky ReLU, biases, TensorFlow's "
        "padding); dmt: as DMT does (ReLU, no biases, PyTorch's padding)",
        choices=("mixmatch", "dmt"),
    )

    def for_run(self, steps: int) -> WideResNet:
        """Returns these settings with the momentum for a run's length."""
        momentum = lengths.batch_norm_momentum(self._own_momentum, steps)
        return lengths.filled_in(self, batch_norm_momentum=momentum)

    @property
    def _own_momentum(self) -> float:
        return {"mixmatch": 0.999, "dmt": 0.9}[self.form]

    @property
    def blocks(self) -> int:
        """Residual blocks per stage."""
        return (self.depth - 4) // 6

    def build(
        self,
        input_shape: Tuple[int, int, int],
        num_classes: int,
        portable: bool = False,
    ) -> keras.Model:
        """Builds the network.

        Args:
            input_shape: (height, width, channels) of the images.
            num_classes: number of classes C.
            portable: use stock Keras layers only, so that a saved model loads without
                this package. The weights and the values of a forward pass are the same.

        Returns:
            A functional model: float images [B, H, W, channels] in [-1, 1] to float32
            logits [B, C], whatever the precision policy.
        """
        dmt = self.form == "dmt"
        momentum = self.batch_norm_momentum
        if momentum is None:
            momentum = self._own_momentum

        def activate(x):
            x = batch_normalization(portable)(
                momentum=momentum, epsilon=1e-5 if dmt else 1e-3
            )(x)
            if dmt:
                return keras.layers.ReLU()(x)
            return keras.layers.LeakyReLU(0.1)(x) if portable else LeakyReLU()(x)

        def convolve(x, filters, kernel, stride=1):
            # He initialization over the fan-out, not truncated: N(0, 2 / (k^2
            # filters)).
            deviation = (2.0 / (kernel * kernel * filters)) ** 0.5
            padding = "same"
            if dmt and kernel > 1 and stride > 1:
                # One pixel on each side; 'same' adds none above and left of even sizes.
                x, padding = keras.layers.ZeroPadding2D(kernel // 2)(x), "valid"
            return keras.layers.Conv2D(
                filters,
                kernel,
                stride,
                padding=padding,
                use_bias=not dmt,
                kernel_initializer=keras.initializers.RandomNormal(0.0, deviation),
            )(x)

        def block(x, filters, stride, first):
            activated = activate(x)
            changes = x.shape[-1] != filters
            shares_activation = changes if dmt else first
            if shares_activation:
                x = activated
            shortcut = convolve(x, filters, 1, stride) if changes else x
            x = convolve(activated, filters, 3, stride)
            x = convolve(activate(x), filters, 3)
            two = changes and not dmt  # convolutions with biases
            add = Add if two and not portable else keras.layers.Add
            return add()([shortcut, x])

        blocks = self.blocks
        images = keras.Input(input_shape, name="image")
        x = convolve(images, 16, 3)
        for stage in range(self.stages):
            filters = 16 * self.width << stage
            for index in range(blocks):
                stride = 2 if stage > 0 and index == 0 else 1
                x = block(x, filters, stride, first=stage == index == 0)
        x = keras.layers.GlobalAveragePooling2D(dtype="float32")(activate(x))
        start = "glorot_normal"
        if dmt:  # PyTorch's own for a dense layer: uniform in +-1 / sqrt(inputs).
            start = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
        logits = keras.layers.Dense(
            num_classes, kernel_initializer=start, dtype="float32", name="logits"
        )(x)
        return keras.Model(images, logits, name="wide_resnet")
