"""Somebody's own Keras network as the methods want it: images in -1 to 1 to logits."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any, Optional, Tuple

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.errors import ArgumentError
from mixdmt_tf.learners.pixels import BYTES, CANONICAL, Range
from mixdmt_tf.models.base import Network
from mixdmt_tf.models.copies import copied
from mixdmt_tf.models.encoders import efficientnet_lite
from mixdmt_tf.models.features import layers_in
from mixdmt_tf.models.keras_application import Preprocessing
from mixdmt_tf.models.layers.input_normalization import InputNormalization
from mixdmt_tf.models.pretrained_classifier import PretrainedClassifier
from mixdmt_tf.settings import setting

RANK = {"classification": 2, "segmentation": 4}  # of logits
LOOK = 64  # side of the images that a network of any size is tried with
SMALL = 0.1  # scales below are for pixels of 0 to 255, as 1/255 and 1/127.5 are


def logits_of(network: Any, num_classes: int, task: str) -> keras.Model:
    """The network up to its logits; one that ends in features gets a layer for classes.

    All layers are shared with the network that was given, but for a last layer that
    has softmax built in: its place takes a new one with the same weights.

    Args:
        network: a functional or sequential model with one input and one output.
        num_classes: C.
        task: 'classification' or 'segmentation'.

    Returns:
        Images to float32 logits [B, C], or of segmentation [B, H, W, C].

    Raises:
        ArgumentError: if it can't be used so.
    """
    _require_graph(network)
    if not isinstance(network, keras.Sequential) and any(
        isinstance(each, (dict, list)) for each in (network.input, network.output)
    ):
        # Of one tensor by its name, or in a list: what is called here wants it alone.
        network = keras.Model(network.inputs[0], network.outputs[0], name=network.name)
    last = network.layers[-1]
    ending = _activation(last)
    if ending == "sigmoid":
        raise ArgumentError(
            f"network: {last.name} ends in a sigmoid, and the methods tell classes "
            f"apart that exclude each other.\nEnd in Dense({max(2, num_classes)}) "
            "without activation."
        )
    linear = ending in ("linear", "softmax") and bool(last.weights)
    if isinstance(last, keras.layers.Softmax) or (
        ending == "softmax" and not last.weights
    ):
        network, linear = keras.Model(network.inputs[0], last.input), True
    elif ending == "softmax":
        config = {**last.get_config(), "activation": "linear"}
        plain = type(last).from_config(config)
        network = keras.Model(network.inputs[0], plain(last.input), name=network.name)
        plain.set_weights(last.get_weights())
    output = network.outputs[0]
    if len(output.shape) == RANK[task] and output.shape[-1] == num_classes:
        _require_logits(network)
        return _in_float32(network)
    if linear and len(output.shape) == RANK[task]:
        raise ArgumentError(
            f"network: {last.name} tells {output.shape[-1]} classes apart, and there "
            f"are num_classes={num_classes}"
        )
    return _in_float32(_with_head(network, num_classes, task))


def _require_graph(network: Any) -> None:
    """Refuses what has no graph of layers from one input to one output."""
    if not isinstance(network, keras.Model):
        raise ArgumentError(
            f"network: expected a keras.Model, got {type(network).__name__}"
        )
    try:
        inputs, outputs = network.inputs, network.outputs
    except (AttributeError, ValueError):  # Keras 3, not built
        inputs = outputs = None
    if not inputs or not outputs or not network.layers:
        raise ArgumentError(
            f"network: {network.name} doesn't know the shape of its images.\nBegin a "
            "Sequential model with keras.Input(shape); around a subclassed one put "
            "images = keras.Input(shape); keras.Model(images, network(images))."
        )
    if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0].shape) != 4:
        raise ArgumentError(
            f"network: {network.name} has {len(inputs)} inputs, the first of shape "
            f"{list(inputs[0].shape)}, and {len(outputs)} outputs; expected one of "
            "images [B, H, W, C], and one"
        )


def _activation(layer: Any) -> str:
    """The name of a layer's activation, '' if it has none."""
    found = getattr(layer, "activation", None)
    return getattr(found, "__name__", "") if callable(found) else ""


def _require_logits(network: keras.Model) -> None:
    """Refuses a network whose outputs are probabilities after all."""
    height, width, channels = network.input_shape[1:]
    shape = (2, height or LOOK, width or LOOK, channels)
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    outputs = np.asarray(network(images, training=False), np.float64)
    if (outputs >= 0).all() and np.allclose(outputs.sum(-1), 1, atol=1e-2):
        raise ArgumentError(
            f"network: the outputs of {network.name} are probabilities, made within "
            f"{network.layers[-1].name}; expected logits.\nLeave the softmax out."
        )


def _in_float32(network: keras.Model) -> keras.Model:
    """The network with float32 logits: under a mixed policy layers make half ones."""
    logits = network.outputs[0]
    if tf.as_dtype(logits.dtype) == tf.float32:
        return network
    logits = keras.layers.Activation("linear", dtype="float32", name="float32")(logits)
    return keras.Model(network.inputs[0], logits, name=network.name)


def _with_head(network: keras.Model, num_classes: int, task: str) -> keras.Model:
    """Features to logits by one new layer, called 'logits'."""
    x = network.outputs[0]
    if task == "classification":
        if len(x.shape) == 4:
            x = keras.layers.GlobalAveragePooling2D(dtype="float32")(x)
        if len(x.shape) != 2:
            raise ArgumentError(
                f"network: outputs are {list(x.shape)}; expected logits or features "
                "[B, D], or feature maps [B, h, w, D]"
            )
        logits = PretrainedClassifier().logits(x, num_classes)
    else:
        if len(x.shape) != 4:
            raise ArgumentError(
                f"network: outputs are {list(x.shape)}; expected logits [B, H, W, "
                f"{num_classes}] or feature maps [B, h, w, D]"
            )
        from mixdmt_tf.models.layers.upsampling import Upsampling

        x = keras.layers.Conv2D(num_classes, 1, dtype="float32", name="logits")(x)
        logits = Upsampling(name="to_image")([x, network.inputs[0]])
    return keras.Model(network.inputs[0], logits, name=network.name)


def own_range(network: keras.Model) -> Optional[Range]:
    """Finds the range of pixels that the first layers of a network are made for.

    Returns:
        0 to 255 if it begins with a layer that rescales that, -1 to 1 if it begins with
        a layer of this package that rescales that, and None if nothing shows it.
    """
    for layer in network.layers:
        if isinstance(layer, keras.layers.Rescaling):
            if float(np.max(np.abs(layer.scale))) < SMALL:
                return BYTES
            return CANONICAL if np.all(layer.scale == efficientnet_lite.SCALE) else None
        if isinstance(layer, keras.layers.Normalization):
            return BYTES
        if isinstance(layer, (InputNormalization, Preprocessing)):
            return CANONICAL
        if isinstance(layer, keras.Model):
            found = own_range(layer)
            if found is not None:
                return found
        if layer.weights:
            return None
    return None


def multiple_of(network: keras.Model) -> int:
    """What the sides of an image have to be multiples of; 1 if any will do.

    A U-Net that halves images twice, and puts halves beside what it has enlarged, takes
    multiples of four. It is found by trying.

    Args:
        network: images of any size to logits of that size.

    Raises:
        ArgumentError: if no size below a hundred will do.
    """
    height, width, channels = network.input_shape[1:]
    if height is not None or width is not None:
        return 1
    for multiple in (1, 2, 4, 8, 16, 32):
        side = multiple * (LOOK // multiple + 1)  # an odd multiple
        try:
            found = network(np.zeros((1, side, side, channels), np.float32)).shape
        except Exception:  # TensorFlow's or Keras's, of shapes that don't fit
            continue
        if tuple(found[1:3]) == (side, side):
            return multiple
    raise ArgumentError(
        f"network: {network.name} makes no logits of the size of its images.\nEnd in "
        "an enlargement, or give it features instead of logits."
    )


def taking(network: keras.Model, own: Range) -> keras.Model:
    """The network as a model of images in -1 to 1.

    Args:
        network: from images in its own range.
        own: that range.
    """
    if own == CANONICAL:
        return network
    low, high = own
    images = keras.Input(network.input_shape[1:], name="image")
    scale, offset = (high - low) / 2.0, (high + low) / 2.0
    x = keras.layers.Rescaling(scale, offset, dtype="float32", name="own_range")(images)
    return keras.Model(images, network(x), name=f"{network.name}_of_images")


def _digest(network: keras.Model) -> str:
    """The digest of a network's layers, in hex.

    Names do not count: Keras makes them by counting over all networks of a process.
    """
    names = {e.name: n for n, e in enumerate([network, *layers_in(network)])}

    def unnamed(value: Any, named: bool = False) -> Any:
        if isinstance(value, dict):
            return {key: unnamed(each, key == "name") for key, each in value.items()}
        if isinstance(value, list):  # such as a layer's inputs
            return [unnamed(each, True) for each in value]
        return names.get(value, value) if named and isinstance(value, str) else value

    text = json.dumps(unnamed(json.loads(network.to_json())), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def as_settings(
    network: keras.Model, pretrained: bool, multiple: Optional[int] = None
) -> Network:
    """The network in the form in which runs build theirs: copies of it.

    Args:
        network: images in -1 to 1 to logits.
        pretrained: whether copies begin with its weights, but for the last layer.
        multiple: of segmentation, see `multiple_of`.
    """
    text = _digest(network)
    layers = [each.name for each in layers_in(network) if each.weights]
    own_head = next((n for n in layers if n == "logits"), layers[-1])

    @dataclasses.dataclass(frozen=True)
    class Given(Network):
        """A Keras model that was given, by what its layers are."""

        architecture: str = setting("", "digest of its layers")
        head = (own_head,)

        def build(
            self, input_shape: Tuple[Any, ...], num_classes: int, portable: bool = False
        ) -> keras.Model:
            """A copy with new weights but for frozen ones; arguments of `Network`."""
            del num_classes, portable
            taken = network.input_shape[1:]
            if tuple(input_shape) != taken and taken[:2] != (None, None):
                raise ArgumentError(
                    f"network: it takes images of {list(taken)} alone.\nBegin it with "
                    "keras.Input((None, None, 3)), for images of any size."
                )
            return copied(network)

        build_segmenter = build

        def initialize(self, model: keras.Model) -> Optional[str]:
            """Gives a copy the weights of what was given, if it was pretrained."""
            if not pretrained:
                return None
            given = {id(w): v for w, v in zip(network.weights, network.get_weights())}
            for own, theirs in zip(model._flatten_layers(), network._flatten_layers()):
                if theirs.name in self.head:
                    for one, other in zip(theirs.weights, own.get_weights()):
                        given[id(one)] = other
            model.set_weights([given[id(w)] for w in network.weights])
            return f"the weights of {network.name}, but for {', '.join(self.head)}"

    if pretrained:
        Given.pretrained = "given"
    if multiple is not None:  # what images are brought to where they are scored
        Given.output_stride, Given.rest = multiple, 0
    return Given(text)
