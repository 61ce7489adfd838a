"""How long a run is: steps, steps of its stages, or minutes.

Flagfiles have steps that go with their other settings. `--max_minutes` on the command
line takes their place; of the stages of a run in rounds, only the proportions are left.
Nothing here imports TensorFlow.
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
    """A command line in which either lengths or `--max_minutes` count.

    What is given later counts: the command line after flagfiles, a flagfile after those
    that it names. In one file, as the `flags.txt` of a run, they are the lengths that
    were found for these minutes.

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
        # Without the flagfile's: the default, which a method may bring.
        defaults = {s.name: s.default for each in parsed.groups for s in each.settings}
        return _changed(parsed, STEPS, defaults[STEPS]) if STEPS in lengths else parsed
    if values[STEPS] is not None:  # which counts by itself, and the minutes are kept
        return parsed
    return _changed(parsed, MINUTES, None)


def _changed(parsed: flags.Parsed, name: str, value: Value) -> flags.Parsed:
    run: Dict[str, Value] = {**parsed.values["run"], name: value}
    return dataclasses.replace(parsed, values={**parsed.values, "run": run})


def require(
    steps: Optional[int], method: Mapping[str, Any], pseudo_labels: str
) -> None:
    """Refuses lengths that don't go together.

    Args:
        steps: of the whole run, if given.
        method: the method's settings; those trained in rounds have `fractions`.
        pseudo_labels: of the one round to train, if there is only one.

    Raises:
        UsageError: saying what to give instead.
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
