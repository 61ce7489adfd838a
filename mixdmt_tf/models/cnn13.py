"""The 13-layer network of Mean Teacher, VAT, Dual Student and Deep Co-Training.

Laine and Aila 2017, table 5: three 3x3 convolutions of 128 filters, three of 256, each
three followed by 2x2 max pooling and dropout; a 3x3 convolution of 512 without padding,
1x1 convolutions of 256 and 128, the mean over positions, a dense layer. Leaky ReLU 0.1.

The variant is that of VAT (Miyato et al. 2018, 'Conv-Large'; `cnn.py` of its release):
batch normalization between convolution and activation takes the place of weight
normalization and of the convolutions' biases; He's initialization over the fan-in. The
momentum and epsilon of batch normalization are those of Dual Student and Deep
Co-Training (PyTorch's: .9 and 1e-5). For ten classes of 32x32x3 images there are
3,121,802 trainable parameters. MixMatch's release has a CNN-13 of the same layers, but
with biases, slope 0.2, normalization behind the activation, and no dropout.

Left out: Gaussian noise on the images, the mean-only batch normalization of Laine and
Aila, and the second dense layer that Mean Teacher and Dual Student have.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Tuple

import keras

from mixdmt_tf.models.base import Network
from mixdmt_tf.models.layers.activations import LeakyReLU
from mixdmt_tf.models.layers.dropout import Dropout
from mixdmt_tf.models.layers.normalization import batch_normalization
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class CNN13(Network):
    """Size of the network, and its dropout."""

    interchangeable: ClassVar[Tuple[str, ...]] = ("batch_norm_momentum", "dropout")

    filters: int = setting(
        128,
        "filters of the first convolutions; later ones have 2 and 4 times them",
        low=1,
        high=4096,
    )
    dropout: float = setting(
        0.0,
        "share of values dropped after both poolings (.5 in the papers); the mask "
        "follows from the images of the pass, so runs repeat and resume exactly; VAT "
        "needs 0, since its two passes would drop different values",
        low=0.0,
        high=0.99,
    )
    batch_norm_momentum: float = setting(
        0.9,
        "momentum of batch normalization's running statistics (.99 in VAT's release)",
        low=0.0,
        high=1.0,
    )

    def build(
        self,
        input_shape: Tuple[int, int, int],
        num_classes: int,
        portable: bool = False,
    ) -> keras.Model:
        """Builds the network.

        Images whose sides are not multiples of four are pooled with a border that is
        ignored. If less than 3x3 is left after both poolings (images below 9x9), the
        convolution without padding gets padding.

        Args:
            input_shape: (height, width, channels) of the images.
            num_classes: number of classes C.
            portable: use stock Keras layers only, so that a saved model loads without
                this package. The weights and the values of a forward pass are the same,
                but for the masks of dropout, which are then Keras's own.

        Returns:
            A functional model: float images [B, H, W, channels] in [-1, 1] to float32
            logits [B, C], whatever the precision policy.
        """
        images = keras.Input(input_shape, name="image")

        def convolve(x, filters, kernel, padding="same"):
            x = keras.layers.Conv2D(
                self.filters * filters,
                kernel,
                padding=padding,
                use_bias=False,
                kernel_initializer="he_normal",
            )(x)
            x = batch_normalization(portable)(
                momentum=self.batch_norm_momentum, epsilon=1e-5
            )(x)
            return keras.layers.LeakyReLU(0.1)(x) if portable else LeakyReLU()(x)

        def pool_and_drop(x, place):
            x = keras.layers.MaxPooling2D(2, padding="same")(x)
            if not self.dropout:
                return x
            if portable:
                return keras.layers.Dropout(self.dropout)(x)
            return Dropout(self.dropout, place)([x, images])

        x = images
        for place, filters in enumerate((1, 2)):
            for _ in range(3):
                x = convolve(x, filters, 3)
            x = pool_and_drop(x, place)
        x = convolve(x, 4, 3, "valid" if min(x.shape[1:3]) >= 3 else "same")
        x = convolve(x, 2, 1)
        x = convolve(x, 1, 1)
        x = keras.layers.GlobalAveragePooling2D(dtype="float32")(x)
        logits = keras.layers.Dense(
            num_classes, kernel_initializer="he_normal", dtype="float32", name="logits"
        )(x)
        return keras.Model(images, logits, name="cnn13")
