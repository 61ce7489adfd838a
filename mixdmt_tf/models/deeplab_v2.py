"""DeepLab-v2 with a residual network: the segmentation network of DMT.

Chen et al. 2017, without conditional random fields and multiple scales, as Feng et al.
2020 (section 4.1) and nearly all semi-supervised papers run it: a dilated ResNet-101
(`mixdmt_tf/models/resnet.py`), one convolution to the classes for each atrous rate, all
on the same features, and their sum brought to the size of the image
(`mixdmt_tf/models/layers/upsampling.py`).

The paper's head has the rates 6, 12, 18 and 24. DMT's released code, and much related
code, declares the four convolutions but returns after adding two of them, so its
published results are for rates '6,12'.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, List, Optional, Tuple

import keras

from mixdmt_tf.errors import UsageError
from mixdmt_tf.files import expanded
from mixdmt_tf.models import resnet, weights
from mixdmt_tf.models.freezing import Freezing
from mixdmt_tf.models.layers.input_normalization import InputNormalization
from mixdmt_tf.models.layers.sums import Add
from mixdmt_tf.models.layers.upsampling import Upsampling
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class DeepLabV2(Freezing, resnet.ResNet):
    """Settings of the residual network, its head, and its input normalization."""

    head: ClassVar[Tuple[str, ...]] = ("aspp_",)
    interchangeable: ClassVar[Tuple[str, ...]] = (
        *("batch_norm_momentum", "pretrained", "pretrained_b", "normalization_b"),
        *("layout_b", "head_learning_rate_multiplier", "freeze", "freeze_batch_norm"),
    )

    rates: str = setting(
        "6,12,18,24",
        "atrous rates of the head's convolutions in features, separated by commas; "
        "DMT's release uses 6,12",
    )
    normalization: str = setting(
        "imagenet",
        "how images are normalized for the weights; none: values from -1 to 1; "
        "imagenet: torchvision's mean and deviation; caffe: BGR from 0 to 255 less the "
        "mean, as keras.applications has it for its ResNets; coco: the same with the "
        "mean of DeepLab's COCO weights",
        choices=("none", "imagenet", "caffe", "coco"),
    )
    head_learning_rate_multiplier: float = setting(
        1.0,
        "learning rate of the head over that of the backbone; 10 in the paper of "
        "DeepLab-v2, 1 in DMT",
        low=0.0,
    )

    freeze_batch_norm: bool = setting(
        False,
        "batch normalization keeps scales, shifts and running statistics, and uses "
        "them in training, as in the release of CutMix for segmentation",
    )

    pretrained: str = setting(
        "",
        "file of published weights to start from: .h5 of keras.applications for "
        "--layout=keras, .safetensors, .npz or .pth with torchvision's names for "
        "--layout=torch",
        harmless=True,
    )
    pretrained_b: str = setting(
        "",
        "the same for the second of two networks that teach each other, as COCO's "
        "weights for one and ImageNet's for the other; default: pretrained",
        harmless=True,
    )
    normalization_b: str = setting(
        "same",
        "normalization of the second of two networks",
        choices=("same", "none", "imagenet", "caffe", "coco"),
    )
    layout_b: str = setting(
        "same",
        "layout of the second of two networks",
        choices=("same", "torch", "keras"),
    )

    def __post_init__(self) -> None:
        """Raises a UsageError for values out of range."""
        super().__post_init__()
        self.check_freeze()
        _ = self.atrous_rates  # raises if they can't be read

    def second(self) -> DeepLabV2:
        """Returns the settings of the second of two networks that teach each other."""
        layout = self.layout if self.layout_b == "same" else self.layout_b
        moved = layout != self.layout
        normalization = self.normalization_b
        return dataclasses.replace(
            self,
            layout=layout,
            batch_norm_momentum=None if moved else self.batch_norm_momentum,
            pretrained=self.pretrained_b or self.pretrained,
            normalization=self.normalization
            if normalization == "same"
            else normalization,
        )

    def initialize(self, model: keras.Model) -> Optional[str]:
        """Loads the weights of the file `pretrained`; see `Network.initialize`."""
        if not self.pretrained:
            return None
        path = expanded(self.pretrained)
        return f"{path}: {weights.load(model, path)}"

    @property
    def atrous_rates(self) -> Tuple[int, ...]:
        """Parses the rates.

        Raises:
            UsageError: if they are not positive integers.
        """
        words = [word.strip() for word in self.rates.split(",")]
        rates = [int(w) if w.isascii() and w.isdigit() else 0 for w in words]
        # Larger rates make no sense, since images have fewer pixels.
        if not all(0 < rate < 10_000 for rate in rates):
            raise UsageError(
                f"rates={self.rates!r}: expected positive integers separated by "
                "commas, as 6,12,18,24"
            )
        return tuple(rates)

    def build_segmenter(
        self,
        image_shape: Tuple[Any, Any, int],
        num_classes: int,
        portable: bool = False,
    ) -> keras.Model:
        """Builds the network.

        Args:
            image_shape: (height, width, channels); a height or width of None makes a
                network for images of any size. Three channels unless `normalization` is
                'none'.
            num_classes: number of classes C.
            portable: has no effect here. Keras has no layer that upsamples with corners
                aligned, so a .keras file of this network needs this package in any
                case; a SavedModel does not.

        Returns:
            A functional model: float images [B, H, W, channels] in [-1, 1] to float32
            logits [B, H, W, C], whatever the precision policy.

        Raises:
            UsageError: if images without three channels would have to be normalized, or
                if the network has no layer of the name in `freeze`.
        """
        del portable
        images = x = keras.Input(image_shape, name="image")
        if self.normalization != "none":
            if image_shape[-1] != 3:
                raise UsageError(
                    f"normalization={self.normalization!r} is for images of 3 channels "
                    f"and these have {image_shape[-1]}; expected normalization=none"
                )
            x = InputNormalization(self.normalization, name="normalization")(x)
        x = resnet.features(self, x)
        # PyTorch's default initialization of biases: uniform in +-1 / sqrt(inputs).
        bound = (9 * int(x.shape[-1])) ** -0.5
        branches = [
            keras.layers.Conv2D(
                num_classes,
                3,
                padding="same",
                dilation_rate=rate,
                kernel_initializer=keras.initializers.VarianceScaling(
                    1 / 3, "fan_in", "uniform"
                ),
                bias_initializer=keras.initializers.RandomUniform(-bound, bound),
                name=f"aspp_{index}",
            )(x)
            for index, rate in enumerate(self.atrous_rates)
        ]
        logits = branches[0]
        if len(branches) > 1:
            logits = Add(name="aspp_sum", dtype="float32")(branches)
        logits = Upsampling(name="logits")([logits, images])
        model = keras.Model(images, logits, name="deeplab_v2")
        self.freeze_layers(model, self.encoder_layers(model))
        for layer in model.layers if self.freeze_batch_norm else ():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        return model


def head_variables(model: keras.Model) -> List[Any]:
    """Returns the variables that `head_learning_rate_multiplier` applies to.

    The network itself does not use the multiplier; the training code does.

    Args:
        model: built by `build_segmenter`.

    Returns:
        Kernel and bias of the convolution of each rate, in the order of the rates.
    """
    return [
        variable
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D) and layer.name.startswith("aspp_")
        for variable in layer.trainable_variables
    ]
