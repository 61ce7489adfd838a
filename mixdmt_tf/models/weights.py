"""Published weights for a network: Keras's by layer, PyTorch's by their names.

- `.h5`: ImageNet weights as keras.applications publishes them, for the layout 'keras'.
  Layers are matched by name, their weights by position, as Keras does.
- `.safetensors`, `.pth` and `.npz`: tensors under the names of a network of PyTorch,
  such as torchvision's (`layer1.0.conv1.weight`) for the layout 'torch', with or
  without a prefix such as `backbone.`. Dots and underscores are the same here; classes
  are told apart by `fc` there and `logits` here. The head of DeepLab-v2 may have the
  names of DMT's release (`classifier.0.convs.0.weight`) or of the COCO weights before
  it (`layer5.conv2d_list.0.weight`).

A file is a stranger's: it is read whole and checked before any weight changes.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from typing import Any, Dict, List, Tuple

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
_HEADS = re.compile(r"^(?:layer5\.conv2d_list|classifier\.0\.convs)(?=\.\d+\.)")


@dataclasses.dataclass(frozen=True)
class Report:
    """What came of loading a file.

    Attributes:
        loaded: weights of the network that have the file's values, as 'layer/kernel'.
        missing: weights of the network that the file has nothing for.
        unused: names in the file that the network has no place for; PyTorch's counters
            of batches (`num_batches_tracked`) are not listed.
        mismatched: weights of the network that the file has in another shape, each with
            both shapes. They were left as they were.
    """

    loaded: Tuple[str, ...]
    missing: Tuple[str, ...]
    unused: Tuple[str, ...]
    mismatched: Tuple[str, ...]

    def __str__(self) -> str:
        """A line with the number loaded, and one for each list that isn't empty."""
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
    """Gives a network the weights of a file, as far as names and shapes agree.

    From files other than .h5 convolutions, dense layers and batch normalizations take
    part.

    Args:
        network: its layers are called as in `mixdmt_tf/models/resnet.py` and
            `deeplab_v2.py`.
        path: .h5, .safetensors, .pth or .npz.

    Returns:
        What was loaded and what did not match.

    Raises:
        UserError: if the file is missing, damaged, no file of weights, a pickle, holds
            values that are not finite, or fits in no place. The network is unchanged.
    """
    path = pathlib.Path(path)
    tensors = read(path)
    by_position = path.suffix.lower() == ".h5"
    slots = _slots(network, by_position)
    assignments: List[Tuple[str, Any, np.ndarray]] = []
    mismatched, unused = [], []
    taken: Dict[str, str] = {}
    for name, value in tensors.items():
        key = name.split(" ")[0] if by_position else _canonical(name)
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
    """Name in reports and variable of each weight, by the name that files have for it.

    That is 'conv1_conv.0' for files that go by position, 'layer1.0.conv1.weight' for
    others.
    """
    slots: Dict[str, Tuple[str, Any]] = {}
    kinds = (
        *(keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense),
        keras.layers.BatchNormalization,
    )
    for layer in network._flatten_layers():
        if isinstance(layer, keras.Model):
            continue  # its layers are there as well
        if not by_position and not isinstance(layer, kinds):
            continue  # names of other layers' weights have no equivalent
        for position, variable in enumerate(layer.weights):
            own = variable.name.split("/")[-1].split(":")[0]
            if isinstance(layer, keras.layers.DepthwiseConv2D) and own == "kernel":
                own = "depthwise_kernel"  # its name in Keras 2
            key = f"{layer.name}.{position}"
            if not by_position:
                key = _canonical(f"{layer.name}.{_TORCH_NAMES.get(own, own)}")
            slots[key] = (f"{layer.name}/{own}", variable)
    return slots


def _as_keras(value: np.ndarray, own: str) -> np.ndarray:
    """A tensor of PyTorch with its axes in Keras's order."""
    if value.ndim == 4:  # OIHW to HWIO; a depthwise kernel has one input, Keras's last
        depthwise = own.endswith("/depthwise_kernel")
        return value.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
    return value.T if value.ndim == 2 else value


def _canonical(name: str) -> str:
    """A tensor's name without what programs put before it; the head's is 'aspp'."""
    bare = _HEADS.sub("aspp", _WRAPPERS.sub("", name))
    return re.sub(r"^fc\.", "logits.", re.sub(r"[._]+", ".", bare).strip("."))
