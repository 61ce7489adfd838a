"""Default values of settings that depend on the length of the run.

The papers' values are meant for runs of hundreds of thousands of steps: running
statistics with a momentum of .999 remember 5,000 steps, and a ramp of 16,384 steps
never ends in a run of 1,000. Each function here returns the paper's value for the
paper's number of steps, and a value in the same proportion for shorter runs.

A setting of this kind is declared with `setting(None, ..., by_length=True)`, and the
`for_run(steps)` of its dataclass fills it in with `filled_in`; a value that was given
is kept.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple, Optional, TypeVar

Config = TypeVar("Config")

# A momentum is used in full if the run lasts this many spans of the running mean.
SPANS = 20
LONG = 20000  # steps, twenty spans of RealMix's .999
PUBLISHED = 524288  # steps, at which all values are those of the papers
LAMBDA_U_RAMP = 16384  # MixMatch's release, in a run of 524,288 steps
EVALUATIONS = 10
EVAL_EVERY = {"classification": 1024, "segmentation": 500}  # MixMatch's release, DMT's
STAGES = ("base_steps", "round_steps")  # settings of a run in rounds
ROUNDS = 5  # DMT's algorithms 1 and 2
STAGE = 300  # smallest number of steps of a stage in a run in rounds
CONTINUED = 150  # the same if it starts from the weights of the round before


def filled_in(config: Config, **values: Any) -> Config:
    """Returns a frozen dataclass with values for the named fields that are None."""
    missing = {k: v for k, v in values.items() if getattr(config, k) is None}
    return dataclasses.replace(config, **missing) if missing else config  # type: ignore


def batch_norm_momentum(longest: float, steps: int) -> float:
    """Returns the momentum of batch normalization's running statistics.

    A momentum m spans 1 / (1 - m) steps; here at most a twentieth of the run, so that
    exp(-20) of the initial statistics is left. A span is never below 10 steps (a
    momentum of .9), with which batches of a few images still give a useful mean.

    Args:
        longest: momentum in long runs; .999 for RealMix's network, reached at 20,000
            steps.
        steps: of the run.
    """
    span = max(10.0, steps / SPANS)
    return min(longest, round(1 - 1 / span, 4))


def running_decay(longest: float, steps: int) -> float:
    """Returns the decay of a method's running means, as of FreeMatch's thresholds.

    The means start from the values of an untrained network, and forget them in the same
    share of a run as batch normalization does.

    Args:
        longest: decay in long runs; .999 in the papers, reached at 20,000 steps.
        steps: of the run.
    """
    return batch_norm_momentum(longest, steps)


def ema_warmup(decay: float, steps: int) -> bool:
    """Returns whether the EMA decay starts low, as min(decay, (1+t) / (10+t)).

    It does in runs that are shorter than twenty time spans of the average. RealMix's
    .999 is used as published from 20,000 steps on, and UDA's .9999 from 200,000 on.

    Args:
        decay: of the EMA weights, 0 for none.
        steps: of the run.
    """
    # 1 - .9999 is a little less than .0001.
    return decay > 0 and round(steps * (1 - decay), 6) < SPANS


def lambda_u_ramp(steps: int) -> int:
    """Returns the ramp of MixMatch's lambda_u: 16,384 steps, or sqrt(16,384 T) if less.

    Two aims conflict in a run of T steps. The full weight of 75 should be reached
    before the run ends; but if it is reached in a few hundred steps, as on CIFAR-10
    with a ramp of 0.4 T, the network predicts the same class for every image, which the
    published slope avoids. The geometric mean of the published ramp and the length of
    the run is a compromise: a run of 1,000 steps ends at a quarter of lambda_u.

    Args:
        steps: of the run.
    """
    return min(LAMBDA_U_RAMP, round(math.sqrt(LAMBDA_U_RAMP * steps)))


def mixup_warmup(steps: int) -> float:
    """Returns the share of the run over which mixup's unlabelled loss weight grows.

    MixMatch's release has no such warm-up. In a run of 524,288 steps the pseudo labels
    of the first few hundred don't matter; in a short run mixup confirms them, and they
    stay, so the weight grows until the end.

    Args:
        steps: of the run.
    """
    return 1.0 if steps < LONG else 0.0


def one_pass(steps: int) -> bool:
    """Returns whether labelled and unlabelled images are batch-normalized together.

    They are in long runs, as in PixelSSL: 23,000 steps from published weights. In a few
    hundred steps from random weights, the noise of small batches' statistics keeps the
    network from memorizing a few labelled images: on synthetic scenes with 50 labels,
    raising the labelled images in a batch from 8 to 16 did as much harm.

    Args:
        steps: of the run.
    """
    return steps >= LONG


def learning_rate(rate: float, meant_for: Optional[int], steps: int) -> float:
    """Scales a learning rate down in runs longer than those it is meant for.

    How far a run moves away from published weights is, with Adam, about its learning
    rate times its steps: on CIFAR-10 with 250 labels, supervised training has an error
    of 28.6 % after 500 steps of 16 images at 0.0003 and 31.8 % after 1,500; after 1,500
    steps of 32 images at 0.0001 it is 27.6 %.

    Args:
        rate: learning rate of runs of at most `meant_for` steps.
        meant_for: number of steps; None: the rate is for runs of any length.
        steps: of the run.
    """
    return rate if meant_for is None else rate * min(1.0, meant_for / steps)


def eval_every(task: str, steps: int) -> int:
    """Returns the steps between evaluations and checkpoints, ten in a short run.

    Args:
        task: 'classification' or 'segmentation'.
        steps: of the run.
    """
    return max(1, min(EVAL_EVERY[task], steps // EVALUATIONS))


class Rounds(NamedTuple):
    """How a run in rounds divides its steps."""

    rounds: int
    base_steps: int
    round_steps: int


def rounds(steps: int, models: int, restart: bool, given: int = 0) -> Rounds:
    """Divides the steps of a run in rounds among its stages.

    If each round restarts training (algorithm 1 of DMT, arXiv:2004.08514), all stages
    are equally long; if it continues the round before (algorithm 2), half of the steps
    are for the base models. There are five rounds, as in the papers, if the stages are
    long enough to learn something, and fewer in a short run.

    Args:
        steps: of all stages of all models together.
        models: 1 or 2.
        restart: whether each round restarts training.
        given: number of rounds, 0 to choose it by the number of steps.
    """
    each = max(1, steps // models)  # steps of one model
    if restart:
        number = given or min(ROUNDS, max(1, each // STAGE - 1))
        stage = max(1, each // (number + 1))
        return Rounds(number, stage, stage)
    number = given or min(ROUNDS, max(1, each // 2 // CONTINUED))
    return Rounds(number, max(1, each // 2), max(1, each // 2 // number))
