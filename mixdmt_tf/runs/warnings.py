"""What a run says of itself as it starts: doubtful settings, the time it takes."""

from __future__ import annotations

from typing import Any

from mixdmt_tf.equations import initial_share
from mixdmt_tf.progress import duration
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.pace import LONG, Pace

FORGOTTEN = 0.01  # of the initial weights in an average that is all but free of them


def average_warning(method: Any, steps: int) -> str:
    """One line if the run is too short for its average of the weights, '' if not.

    Args:
        method: the method's `Config`.
        steps: length of the run.
    """
    share = initial_share(method.ema_decay, method.ema_warmup, steps)
    if share <= FORGOTTEN or method.ema_warmup:  # which forgets in three steps
        return ""
    return (
        f"warning: after {steps:,} steps {100 * share:.1f} % of the averaged weights "
        f"are still the initial ones (--ema_decay={method.ema_decay:g}): set "
        "--ema_warmup, or a smaller --ema_decay"
    )


def time_needed(experiment: Experiment, pace: Pace, steps: int) -> str:
    """How long the steps that are left will take, and what to do if that is long.

    Args:
        experiment: of one training run.
        pace: of its first steps.
        steps: left.
    """
    each = pace.seconds_per_step or 0.0
    shown = f"{each:.2f} s" if each >= 0.1 else f"{1000 * each:.0f} ms"
    words = f"{steps:,} steps of {shown}, about {duration(each * steps)}"
    words += ", and evaluations"
    if each * steps <= LONG:
        return words
    return (
        f"{words}\nto train within an hour: --max_minutes=60 in another --workdir, or "
        f"a smaller network: --flagfile={small_budget(experiment)}"
    )


def small_budget(experiment: Experiment) -> str:
    """The flagfile that fits the method to a machine without a GPU."""
    in_rounds = experiment.method_class().loop == "rounds"
    if experiment.task == "classification":
        name = "cpu_dmt" if in_rounds else "cpu_rows"
    elif not in_rounds:
        name = "small_segmenter"
    elif hasattr(experiment.method, "gamma1"):
        name = "cpu_segmentation"
    else:
        name = "cpu_segmentation_rounds"
    return f"flags/base/{name}.flags"
