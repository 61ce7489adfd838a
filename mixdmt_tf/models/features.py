"""What a classifier tells classes from: what its last dense layer is given."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import keras

from mixdmt_tf.errors import UsageError


def layers_in(layer: keras.layers.Layer) -> List[Any]:
    """All layers in a model or layer, each before those in it, in their own order.

    Keras 3's own list has the layers of a model in the model backwards.
    """
    found = []
    for each in layer._flatten_layers(include_self=False, recursive=False):
        found += [each, *layers_in(each)]
    return found


def head(network: keras.Model) -> keras.layers.Dense:
    """The dense layer that makes the logits, `kernel` [D, C] and perhaps `bias` [C].

    Args:
        network: images [B, H, W, channels] to logits [B, C] by a dense layer at the
            end; a network within the network may have it.

    Raises:
        ValueError: if there is no dense layer.
    """
    for layer in reversed(layers_in(network)):
        if isinstance(layer, keras.layers.Dense):
            return layer
    raise ValueError(f"{network.name} has no dense layer whose input is its features")


def extractor(network: keras.Model, layer: str = "") -> keras.Model:
    """The network without its last dense layer, sharing all other weights.

    Args:
        network: see `head`.
        layer: name of the layer whose output is wanted instead; of feature maps the
            means over all pixels are.

    Returns:
        Images to features [B, D].

    Raises:
        UsageError: if the network has no layer of this name, or its output is none that
            images can be compared by.
    """
    layers, _ = _parted(network)
    last = layers[-1]
    if isinstance(last, keras.Model):  # it enlarges the images and asks another
        x = layers[-2].output if layers[1:] else network.inputs[0]
        return keras.Model(network.inputs, extractor(last, layer)(x))
    if layer:
        return keras.Model(network.inputs, _output(network, layer))
    return keras.Model(network.inputs, head(network).input)


def _parted(network: keras.Model) -> Tuple[List[Any], List[Any]]:
    """The layers up to the last one with weights, and those behind it, as a cast."""
    layers, behind = [*network.layers], []
    while layers[1:] and not layers[-1].weights:
        behind.insert(0, layers.pop())
    return layers, behind


def _ending(network: keras.Model) -> List[Any]:
    """What comes behind the last dense layer, also within a network in the network."""
    layers, behind = _parted(network)
    inner = layers[-1]
    return [*(_ending(inner) if isinstance(inner, keras.Model) else ()), *behind]


def _output(network: keras.Model, name: str) -> keras.KerasTensor:
    """Features [B, D] of a named layer of a network that has no other within it."""
    outputs = {
        name: layer.output
        for name, layer in _named(network).items()
        if len(getattr(layer.output, "shape", ())) in (2, 4)
    }
    if name not in outputs:
        raise UsageError(
            f"--ood_layer={name}: the network {network.name} has no layer of this name "
            f"whose output is features.\nExpected one of {', '.join(outputs)}."
        )
    x = outputs[name]
    if len(x.shape) == 4:
        x = keras.layers.GlobalAveragePooling2D(dtype="float32")(x)
    return x


def _named(network: keras.Model) -> Dict[str, keras.layers.Layer]:
    """The layers by name.

    Where Keras made the name, it counts on over all networks of a process: here it is
    that of the first one.
    """
    found: Dict[str, keras.layers.Layer] = {}
    for layer in network.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        base, _, number = layer.name.rpartition("_")
        kind = base if number.isdigit() else layer.name
        name = layer.name
        if kind.replace("_", "") == type(layer).__name__.lower():
            same = sum(type(each) is type(layer) for each in found.values())
            name = f"{kind}_{same}" if same else kind
        found[name] = layer
    return found


def with_features(network: keras.Model, layer: str = "") -> keras.Model:
    """The same network with two outputs, sharing all layers and weights.

    Args:
        network: see `head`.
        layer: see `extractor`.

    Returns:
        Images to features [B, D] and logits [B, C].
    """
    if layer:
        features = extractor(network, layer)
        return keras.Model(network.inputs, [features.output, network.output])
    features = extractor(network)
    logits = head(network)(features.output)
    for each in _ending(network):
        logits = each(logits)
    return keras.Model(network.inputs, [features.output, logits])
