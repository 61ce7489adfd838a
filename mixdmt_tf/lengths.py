"""Settings that belong to a length, as functions of the number of steps.

The papers' values belong to runs of hundreds of thousands of steps: running statistics
with a momentum of .999 remember 5,000 steps, and a ramp of 16,384 steps never ends in a
run of 1,000. Each function here gives the paper's value at the paper's length and what
stands in the same relation to shorter runs below it.

A setting of this kind is declared with `setting(None, ..., by_length=True)`, and the
`for_run(steps)` of its dataclass fills it in with `filled_in`; a value that was given
stays.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple, Optional, TypeVar

Config = TypeVar("Config")

# Of so many spans of a running mean a run has to consist before it may forget slowly.
SPANS = 20
LONG = 20000  # steps, twenty spans of RealMix's .999
PUBLISHED = 524288  # steps, at which all values are the papers'
LAMBDA_U_RAMP = 16384  # MixMatch's release, of 524,288 steps
EVALUATIONS = 10
EVAL_EVERY = {"classification": 1024, "segmentation": 500}  # MixMatch's release, DMT's
STAGES = ("base_steps", "round_steps")  # settings of a run in rounds
ROUNDS = 5  # DMT's algorithms 1 and 2
STAGE = 300  # steps that a stage of a run in rounds has at least
CONTINUED = 150  # of one that begins with the weights of the round before


def filled_in(config: Config, **values: Any) -> Config:
    """A frozen dataclass with values for those of the named fields that are None."""
    missing = {k: v for k, v in values.items() if getattr(config, k) is None}
    return dataclasses.replace(config, **missing) if missing else config  # type: ignore


def batch_norm_momentum(longest: float, steps: int) -> float:
    """Momentum of batch normalization's running statistics.

    A momentum m spans 1 / (1 - m) steps; here at most a twentieth of the run, so that
    exp(-20) of the initial statistics is left. A span is never below 10 steps: .9, with
    which batches of a few images still give a useful mean.

    Args:
        longest: of long runs, .999 of RealMix's network (from 20,000 steps on).
        steps: of the run.
    """
    span = max(10.0, steps / SPANS)
    return min(longest, round(1 - 1 / span, 4))


def running_decay(longest: float, steps: int) -> float:
    """Decay of a method's running means, such as those of FreeMatch's thresholds.

    They begin with what they would be of an untrained network, and forget it in the
    same share of a run as batch normalization does.

    Args:
        longest: of long runs, .999 of the papers (from 20,000 steps on).
        steps: of the run.
    """
    return batch_norm_momentum(longest, steps)


def ema_warmup(decay: float, steps: int) -> bool:
    """Whether the decay of averaged weights begins low, as min(decay, (1+t) / (10+t)).

    It does in runs of less than twenty spans of the average. RealMix's .999 is used as
    published from 20,000 steps on, and UDA's .9999 from 200,000 on.

    Args:
        decay: of the average, 0 for none.
        steps: of the run.
    """
    # 1 - .9999 is a little less than .0001.
    return decay > 0 and round(steps * (1 - decay), 6) < SPANS


def lambda_u_ramp(steps: int) -> int:
    """Steps over which MixMatch's lambda_u grows: 16,384, or sqrt(16,384 T) if shorter.

    Two things pull apart in a run of T steps. The full weight of 75 is wanted before
    the run ends; but reached in a few hundred steps, as on CIFAR-10 with a ramp of 0.4
    T, it makes a network say the same of every image, which the published slope does
    not. This is the geometric mean of the published ramp and one over the whole run: a
    run of 1,000 steps ends at a quarter of lambda_u.

    Args:
        steps: of the run.
    """
    return min(LAMBDA_U_RAMP, round(math.sqrt(LAMBDA_U_RAMP * steps)))


def mixup_warmup(steps: int) -> float:
    """Share of the run over which the weight of mixup's unlabelled loss grows.

    MixMatch's release has none. In a run of 524,288 steps the guesses of the first few
    hundred don't matter; in a short one mixup confirms them, and they stay, so that the
    weight grows to the end.

    Args:
        steps: of the run.
    """
    return 1.0 if steps < LONG else 0.0


def one_pass(steps: int) -> bool:
    """Whether a teacher's network normalizes labelled and unlabelled images together.

    It does where PixelSSL did, in 23,000 steps from published weights. In a few hundred
    steps from random weights the noise of small batches' statistics is what keeps a
    network from learning a few labelled images by heart: on synthetic scenes with 50
    labels, 16 labelled images in a batch in place of 8 cost as much.

    Args:
        steps: of the run.
    """
    return steps >= LONG


def learning_rate(rate: float, meant_for: Optional[int], steps: int) -> float:
    """Learning rate of a run that must not go further than a run of another length.

    Published weights are lost by the way that a run goes, which with Adam is about its
    learning rate times its steps: on CIFAR-10 with 250 labels, labels alone err 28.6 %
    after 500 steps of 16 images at 0.0003 and 31.8 % after 1,500; after 1,500 steps of
    32 images at 0.0001 it is 27.6 %.

    Args:
        rate: of runs of `meant_for` steps and fewer.
        meant_for: steps; None: of runs of any length.
        steps: of the run.
    """
    return rate if meant_for is None else rate * min(1.0, meant_for / steps)


def eval_every(task: str, steps: int) -> int:
    """Steps between evaluations, and between checkpoints: ten of each in a short run.

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

    Where each round begins anew (algorithm 1 of DMT, arXiv:2004.08514) all stages are
    equally long; where it continues the round before (algorithm 2) half of the steps
    are the base models'. There are the papers' five rounds if the stages come out long
    enough to learn something, and fewer in a short run.

    Args:
        steps: of all stages of all models together.
        models: 1 or 2.
        restart: whether each round begins anew.
        given: number of rounds, 0 to have it chosen.
    """
    each = max(1, steps // models)  # steps of one model
    if restart:
        number = given or min(ROUNDS, max(1, each // STAGE - 1))
        stage = max(1, each // (number + 1))
        return Rounds(number, stage, stage)
    number = given or min(ROUNDS, max(1, each // 2 // CONTINUED))
    return Rounds(number, max(1, each // 2), max(1, each // 2 // number))
