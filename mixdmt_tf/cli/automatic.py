"""`--network=auto`: a network, settings and a length that fit the data and the machine.

`runs/small_machines.py` chooses the network and a flagfile of the package with matching
settings. Flags that are given on the command line or in a flagfile keep their values.
This module does not import TensorFlow.
"""

from __future__ import annotations

import dataclasses
from typing import AbstractSet, Any, Callable, Dict, List, Mapping

from mixdmt_tf.cli import flags
from mixdmt_tf.errors import UsageError
from mixdmt_tf.lengths import STAGES
from mixdmt_tf.runs import small_machines
from mixdmt_tf.settings import Value, declared, to_text

AUTO = "auto"
# If one of the first is given, the user has own settings for updates: none of _UPDATES
# is chosen then.
_OWN_RATE = ("learning_rate", "base_learning_rate", "optimizer")
_UPDATES = (
    *_OWN_RATE,
    "learning_rate_steps",
    "learning_rate_schedule",
    "encoder_learning_rate_multiplier",
    "weight_decay",
    "weight_decay_form",
)

Read = Callable[[List[str]], flags.Parsed]


def filled_in(parsed: flags.Parsed, task: str, read: Read) -> flags.Parsed:
    """Replaces `--network=auto` by a network and matching settings.

    Args:
        parsed: a command line with `--network=auto`, parsed with the flags of
            `small_machines.network(task)`.
        task: 'classification' or 'segmentation'.
        read: reads a command line as flags of the same command.

    Raises:
        UsageError: for flags of a network that cannot take these images.
    """
    values = {name: dict(group) for name, group in parsed.values.items()}
    channels: Any = values["data"].get("channels")
    usual = small_machines.network(task)
    network = small_machines.network(task, channels)
    if network != usual:
        _require_none_of(usual, parsed, channels)
        own = declared(f"mixdmt_tf.models.{network}")
        values["network"] = {each.name: each.default for each in own}
    method, run = values["method"], values["run"]
    given = {
        name
        for group in values.values()
        for name, value in group.items()
        if name in parsed.given and value is not None
    }
    chosen: Dict[str, Value] = {"network": network}
    at_once = run["steps"] is not None and "steps" not in given
    if not at_once:
        name = small_machines.flagfile(task, network, str(run["algorithm"]), method)
        selected = [f"--{k}={v}" for k, v in parsed.chosen.items() if k != "network"]
        file = read([*selected, f"--flagfile={name}"])
        if file.chosen["network"] != network:
            file.values.pop("network")
        chosen.update(_that_goes_with(file, given, task))
        if task == "classification" and "image_size" in chosen:
            chosen["image_size"] = AUTO  # depends on the images
    for group in values.values():
        group.update({k: v for k, v in chosen.items() if k in group})
    return dataclasses.replace(parsed, values=values, automatic=chosen)


def _that_goes_with(
    file: flags.Parsed, given: AbstractSet[str], task: str
) -> Dict[str, Value]:
    """Returns the flags of a flagfile that don't contradict the given flags."""
    left_out = {*given, "network", "algorithm", "dataset"}
    if given & {"steps", "max_minutes", *STAGES}:
        left_out.add("steps")
        settings = [each for group in file.groups for each in group.settings]
        # Rounds and their lengths stay: steps are divided among them, and with minutes
        # they are proportions.
        left_out |= {e.name for e in settings if e.by_length} - {"rounds", *STAGES}
    if "steps" in given:  # they are divided among the stages
        left_out.update(STAGES)
    if given & {"rounds", "fractions"}:
        left_out.update(("rounds", "fractions"))
    # Of segmentation in rounds, one rate says nothing about that of the other stage.
    other = task == "segmentation" and "base_learning_rate" in file.given
    if given & {*_OWN_RATE} and ("optimizer" in given or not other):
        left_out.update(_UPDATES)
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
            f"--{flag} belongs to --network={name}, but --network=auto chooses another "
            f"one for images of {channels} channels.\nGive --network={name}, or leave "
            f"--{flag} out."
        )


def shown(parsed: flags.Parsed, found: Mapping[str, str]) -> str:
    """Formats the chosen settings as a flagfile that repeats them; '' without any.

    Args:
        parsed: from `filled_in`, or any other command line.
        found: values that were determined since, as text by flag.
    """
    if not parsed.automatic:
        return ""
    lines = ["# --network=auto, as a flagfile that repeats it:"]
    for name, value in parsed.automatic.items():
        lines.append(f"--{name}={found.get(name, to_text(value))}")
    return "\n".join(lines) + "\n"
