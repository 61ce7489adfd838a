"""How long a run is: steps, steps of its stages, or minutes.

Flagfiles have steps that match their other settings. `--max_minutes` on the command
line replaces them; the lengths of the stages of a run in rounds are then proportions.
This module does not import TensorFlow.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Mapping, Optional

from mixdmt_tf.cli import flags
from mixdmt_tf.errors import UsageError
from mixdmt_tf.lengths import STAGES
from mixdmt_tf.settings import Value, to_text

STEPS = "steps"
MINUTES = "max_minutes"


def settled(parsed: flags.Parsed) -> flags.Parsed:
    """Resolves conflicts between lengths and `--max_minutes`.

    The one given later counts: the command line comes after flagfiles, a flagfile after
    those that it names. If both are in one file, such as the `flags.txt` of a run, the
    lengths are those that were determined for these minutes.

    Raises:
        UsageError: if both are on the command line.
    """
    values = {k: v for each in parsed.values.values() for k, v in each.items()}
    if values.get(MINUTES) is None:
        return parsed
    lengths = [
        name
        for name in parsed.places
        if name in (STEPS, *STAGES) and values.get(name) is not None
    ]
    if not lengths:
        return parsed
    latest = lengths[-1]
    file, files = parsed.places[MINUTES], [parsed.places[name] for name in lengths]
    if not file and "" in files:
        name = lengths[files.index("")]
        raise UsageError(
            f"--{MINUTES}={to_text(values[MINUTES])} and --{name}="
            f"{to_text(values[name])} both say how long the run is.\n"
            "Keep one of them on the command line."
        )
    order = [*parsed.places]
    if file not in files and order.index(MINUTES) > order.index(latest):
        # Drop the flagfile's steps for the default, which may depend on the method.
        defaults = {s.name: s.default for each in parsed.groups for s in each.settings}
        return _changed(parsed, STEPS, defaults[STEPS]) if STEPS in lengths else parsed
    if values[STEPS] is not None:  # steps take precedence anyway; keep the minutes
        return parsed
    return _changed(parsed, MINUTES, None)


def _changed(parsed: flags.Parsed, name: str, value: Value) -> flags.Parsed:
    run: Dict[str, Value] = {**parsed.values["run"], name: value}
    return dataclasses.replace(parsed, values={**parsed.values, "run": run})


def require(
    steps: Optional[int], method: Mapping[str, Any], pseudo_labels: str
) -> None:
    """Checks that the lengths of a run fit together.

    Args:
        steps: steps of the whole run, if given.
        method: the method's settings; methods in rounds have `fractions`.
        pseudo_labels: pseudo labels for training a single round, if given.

    Raises:
        UsageError: if they don't; the message says what to give instead.
    """
    if "fractions" not in method:
        return
    if pseudo_labels:
        if steps is None and method["round_steps"] is None:
            raise UsageError(
                "--pseudo_labels trains one round: give its --steps or --round_steps, "
                "or --max_minutes."
            )
        return
    from mixdmt_tf.rounds import plan

    plan.fractions(method["fractions"], plan.stage_lengths(steps, method)["rounds"])
