"""Messages at the start of a run: doubtful settings and the expected duration."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from mixdmt_tf.equations import initial_share
from mixdmt_tf.progress import duration
from mixdmt_tf.runs import small_machines
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.pace import LONG, Pace
from mixdmt_tf.settings import assumed

HOUR = 3600.0  # seconds; messages say how many steps fit into an hour
FORGOTTEN = 0.01  # share of the initial weights in the average that is negligible


def average_warning(method: Any, steps: int) -> str:
    """Returns a warning if the run is too short for its EMA weights, else ''.

    Args:
        method: the method's `Config`.
        steps: number of training steps of the run.
    """
    share = initial_share(method.ema_decay, method.ema_warmup, steps)
    if share <= FORGOTTEN or method.ema_warmup:  # warm-up forgets in three steps
        return ""
    return (
        f"warning: after {steps:,} steps {100 * share:.1f} % of the averaged weights "
        f"are still the initial ones (--ema_decay={method.ema_decay:g}): set "
        "--ema_warmup, or a smaller --ema_decay"
    )


def images_per_step(experiment: Experiment) -> int:
    """Returns the labelled and unlabelled images of a step, a measure of its cost."""
    recipe = experiment.method_class().recipe(experiment.method)
    return experiment.run.batch * recipe.images_per_label


def before_the_first_step(
    experiment: Experiment, steps: int, images: int, seconds: float, fitting: int
) -> str:
    """Describes the expected duration of a run with the default length.

    Args:
        experiment: settings of the whole run, as given.
        steps: steps of all its stages.
        images: images of all these steps.
        seconds: expected duration on this machine, including evaluations.
        fitting: number of steps that fit into an hour.

    Returns:
        A line; a second one with a suggestion if the run takes more than an hour.
    """
    said = (
        f"{steps:,} steps with {images:,} images, the default, take about "
        f"{duration(seconds)} on this machine, by a few that were timed"
    )
    if seconds <= HOUR:
        return said
    if not tf.config.list_physical_devices("GPU"):
        said += "; they are meant for GPUs"
    return f"{said}\nin an hour fit {fitting:,} steps: {_within_an_hour(experiment)}"


def time_needed(experiment: Experiment, pace: Pace, steps: int) -> str:
    """Describes how long the remaining steps take, and how to shorten a long run.

    Args:
        experiment: settings of one training run.
        pace: measured durations of its first steps.
        steps: number of remaining steps.
    """
    each = pace.seconds_per_step or 0.0
    shown = f"{each:.2f} s" if each >= 0.1 else f"{1000 * each:.0f} ms"
    words = f"{steps:,} steps of {shown}, about {duration(each * steps)}"
    words += ", and evaluations"
    whole = each * (steps + pace.later / images_per_step(experiment))
    if pace.later:
        words += f"; about {duration(whole)} with all that follows"
    if whole <= LONG:
        return words
    shorter = _within_an_hour(pace.whole or experiment)
    return f"{words}\nto train within an hour: {shorter}"


def _within_an_hour(experiment: Experiment) -> str:
    """Suggests flags for a run that is done within an hour."""
    flags = small_budget(experiment)
    kind = "a smaller network" if "--flagfile" in flags else "what fits this machine"
    return f"--max_minutes=60 in another --workdir, or {kind}: {flags}"


def small_budget(experiment: Experiment) -> str:
    """Returns flags that fit the method to a machine without a GPU.

    For data sets with the default `--network=auto`, this is that flag, which sets
    matching settings and a length. For others it is a flagfile, and its network if the
    run has another one.
    """
    task, algorithm = experiment.task, experiment.algorithm
    method = f"mixdmt_tf.algorithms.{task}.{algorithm}"
    dataset = f"mixdmt_tf.data.{task}.datasets.{experiment.data.dataset}"
    if assumed(method, dataset).get("network") == "auto":
        return "--network=auto"
    network = small_machines.NETWORKS[task][1]
    file = small_machines.flagfile(task, network, algorithm, vars(experiment.method))
    # Not the variant with crops, which is for photographs.
    flags = f"--flagfile=flags/{file.replace('_minutes', '')}.flags"
    return flags + f" --network={network}" * (experiment.run.network != network)
