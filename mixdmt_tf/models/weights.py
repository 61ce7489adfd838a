"""Loads published weights into a network: Keras's by layer, PyTorch's by name.

- `.h5`: ImageNet weights as keras.applications publishes them, for the layout 'keras'.
  Layers are matched by name, their weights by position, as Keras does. Layers that
  Keras named, such as 'conv2d_7', are matched by their order.
- `.safetensors`, `.pth` and `.npz`: tensors under the names of a network of PyTorch,
  such as torchvision's (`layer1.0.conv1.weight`) for the layout 'torch', with or
  without a prefix such as `backbone.`. Dots and underscores are treated alike; the last
  layer is called `fc` there and `logits` here. The head of DeepLab-v2 may have the
  names of DMT's release (`classifier.0.convs.0.weight`) or of the COCO weights before
  it (`layer5.conv2d_list.0.weight`).

Files are untrusted: they are read completely and checked before any weight changes.
"""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import re
from typing import Any, Dict, Iterable, List, Set, Tuple

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.errors import UserError
from mixdmt_tf.models.copies import settle
from mixdmt_tf.models.weight_files import SOURCES, read

_TORCH_NAMES = {
    "kernel": "weight",
    "depthwise_kernel": "weight",
    "gamma": "weight",
    "bias": "bias",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_WRAPPERS = re.compile(
    r"^(?:(?:module|model|network|backbone|encoder|state_dict|Scale)\.)+"
)
_NUMBER = re.compile(r"_\d+$")  # at the end of a name that Keras made
_HEADS = re.compile(r"^(?:layer5\.conv2d_list|classifier\.0\.convs)(?=\.\d+\.)")


@dataclasses.dataclass(frozen=True)
class Report:
    """Result of loading a file.

    Attributes:
        loaded: weights of the network with values from the file, as 'layer/kernel'.
        missing: weights of the network that are not in the file.
        unused: names in the file without a weight in the network; PyTorch's counters
            of batches (`num_batches_tracked`) are not listed.
        mismatched: weights of the network that have another shape in the file, each
            with both shapes. They were not changed.
    """

    loaded: Tuple[str, ...]
    missing: Tuple[str, ...]
    unused: Tuple[str, ...]
    mismatched: Tuple[str, ...]

    def __str__(self) -> str:
        """Returns a line with the number loaded, and one for each non-empty list."""
        lines = [f"{len(self.loaded)} weights loaded"]
        for title, names in (
            ("not in the file", self.missing),
            ("not in the network", self.unused),
            ("of another shape", self.mismatched),
        ):
            if names:
                lines.append(f"{len(names)} {title}: {', '.join(names)}")
        return "\n".join(lines)


def load(network: keras.Model, path: pathlib.Path) -> Report:
    """Loads weights from a file into a network where names and shapes agree.

    From files other than .h5, only weights of convolutions, dense layers and batch
    normalization are loaded.

    Args:
        network: a network with layer names as in `mixdmt_tf/models/resnet.py` and
            `deeplab_v2.py`.
        path: .h5, .safetensors, .pth or .npz.

    Returns:
        What was loaded and what did not match.

    Raises:
        UserError: if the file is missing, damaged, no file of weights, a pickle, has
            values that are not finite, or has no matching weights. The network is
            unchanged.
    """
    path = pathlib.Path(path)
    tensors = read(path)
    by_position = path.suffix.lower() == ".h5"
    slots = _slots(network, by_position)
    layers = {name.split(" ")[0].rpartition(".")[0] for name in tensors}
    theirs = _ranked(layers, _kinds(network))
    assignments: List[Tuple[str, Any, np.ndarray]] = []
    mismatched, unused = [], []
    taken: Dict[str, str] = {}
    for name, value in tensors.items():
        key = _canonical(name)
        if by_position:
            layer, _, position = name.split(" ")[0].rpartition(".")
            key = f"{theirs[layer]}.{position}"
        if key not in slots:
            if not name.endswith("num_batches_tracked"):
                unused.append(name)
            continue
        if key in taken:
            raise UserError(
                f"{path}: {taken[key]} and {name} are for the same weight;\n"
                "expected the tensors of one network"
            )
        taken[key] = name
        own, variable = slots[key]
        if not by_position:
            value = _as_keras(value, own)
        if value.shape != tuple(variable.shape):
            mismatched.append(f"{own}: {value.shape}, not {tuple(variable.shape)}")
            continue
        with np.errstate(over="ignore"):  # becomes an infinity
            value = value.astype(np.float32)
        if not np.all(np.isfinite(value)):
            raise UserError(
                f"{path}: {name} has values that are no finite float32 numbers;\n"
                "the file is damaged or its training diverged"
            )
        assignments.append((own, variable, value))
    if not assignments:
        ours = [own for own, _ in slots.values()]
        raise UserError(
            f"{path}: none of its {len(tensors)} tensors fits the network "
            f"{network.name}: "
            + (mismatched or [f"{unused[:1]} in the file, {ours[:1]} here"])[0]
            + f".\n{SOURCES}"
        )
    for _, variable, value in assignments:
        variable.assign(tf.cast(value, variable.dtype))  # counters are integers
    settle(network)
    return Report(
        tuple(own for own, _, _ in assignments),
        tuple(own for key, (own, _) in slots.items() if key not in taken),
        tuple(unused),
        tuple(mismatched),
    )


def _slots(network: keras.Model, by_position: bool) -> Dict[str, Tuple[str, Any]]:
    """Returns each weight's name in reports and variable, by its name in files.

    Names in files are 'conv1_conv.0' if weights are matched by position, and
    'layer1.0.conv1.weight' otherwise.
    """
    slots: Dict[str, Tuple[str, Any]] = {}
    ranked = _ranked(_with_weights(network), _kinds(network))
    kinds = (
        *(keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense),
        keras.layers.BatchNormalization,
    )
    for layer in network._flatten_layers():
        if isinstance(layer, keras.Model):
            continue  # its layers are listed themselves
        if not by_position and not isinstance(layer, kinds):
            continue  # names of other layers' weights have no equivalent
        for position, variable in enumerate(layer.weights):
            own = variable.name.split("/")[-1].split(":")[0]
            if isinstance(layer, keras.layers.DepthwiseConv2D) and own == "kernel":
                own = "depthwise_kernel"  # its name in Keras 2
            key = f"{ranked[layer.name]}.{position}"
            if not by_position:
                key = _canonical(f"{layer.name}.{_TORCH_NAMES.get(own, own)}")
            slots[key] = (f"{layer.name}/{own}", variable)
    return slots


def _with_weights(network: keras.Model) -> Dict[str, keras.layers.Layer]:
    """Returns the layers that have weights of their own, by name."""
    layers = (e for e in network._flatten_layers() if not isinstance(e, keras.Model))
    return {layer.name: layer for layer in layers if layer.weights}


def _kinds(network: keras.Model) -> Set[str]:
    """Returns the beginnings of names that Keras made, such as 'conv2d' of conv2d_7."""
    found = set()
    for layer in _with_weights(network).values():
        kind = _NUMBER.sub("", layer.name)
        if kind.replace("_", "") == type(layer).__name__.lower():
            found.add(kind)
    return found


def _ranked(names: Iterable[str], kinds: Set[str]) -> Dict[str, str]:
    """Returns names with numbers as they are in a network that was built first.

    Keras counts over all networks of a process, so that the same layer may be named
    'conv2d' or 'conv2d_94'.
    """
    ranked, seen = {}, collections.Counter[str]()
    for name in sorted(names, key=lambda name: (len(name), name)):
        kind = _NUMBER.sub("", name)
        ranked[name] = name
        if kind in kinds:
            ranked[name] = f"{kind}#{seen[kind]}"
            seen[kind] += 1
    return ranked


def _as_keras(value: np.ndarray, own: str) -> np.ndarray:
    """Transposes a PyTorch tensor to Keras's order of axes."""
    if value.ndim == 4:  # OIHW to HWIO; a depthwise kernel has one input, Keras's last
        depthwise = own.endswith("/depthwise_kernel")
        return value.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
    return value.T if value.ndim == 2 else value


def _canonical(name: str) -> str:
    """Strips a tensor's name of known prefixes; the head becomes 'aspp'."""
    bare = _HEADS.sub("aspp", _WRAPPERS.sub("", name))
    return re.sub(r"^fc\.", "logits.", re.sub(r"[._]+", ".", bare).strip("."))
