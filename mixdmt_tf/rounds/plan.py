"""The plan of a run in rounds: its stages, their teachers, data and lengths.

Dynamic Mutual Training (arXiv:2004.08514), algorithms 1 and 2. A loop is a list of
stages, and each stage is a training run of its own. This module does not import
TensorFlow.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Dict, List, Mapping, Optional, Tuple

from mixdmt_tf import lengths
from mixdmt_tf.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Stage:
    """One training run of a loop.

    Attributes:
        name: name of its folder: 'base', 'round_3'; with two models 'base_a',
            'round_3_b'.
        round: 0 for a base model, then 1, 2, ...
        model: 'a' or 'b'.
        teacher: the stage whose network gives the pseudo labels; None for a base model.
        start: the stage whose weights training starts from; None for new random ones.
        fraction: share of the unlabelled images that it learns from, in (0, 1]; 0 for a
            base model.
    """

    name: str
    round: int
    model: str
    teacher: Optional[str] = None
    start: Optional[str] = None
    fraction: float = 0.0


def fractions(text: str, rounds: int) -> Tuple[float, ...]:
    """Parses `--fractions`.

    Args:
        text: percentages separated by commas, or '' for equal steps up to 100.
        rounds: number of rounds.

    Returns:
        The share of each round, in (0, 1].

    Raises:
        UsageError: if there are not as many as rounds, or one is not a percentage.
    """
    if not text.strip():
        return tuple((i + 1) / rounds for i in range(rounds))
    words = [word.strip() for word in text.split(",")]
    try:
        percentages = [float(word) for word in words]
    except ValueError:
        percentages = [math.nan]
    if not all(0 < each <= 100 for each in percentages):
        raise UsageError(
            f"--fractions={text}: expected percentages above 0 and up to 100, "
            "separated by commas, such as 20,40,60,80,100"
        )
    if len(percentages) != rounds:
        raise UsageError(
            f"--fractions={text}: {len(percentages)} for {rounds} rounds.\n"
            f"Give one for each round, or --rounds={len(percentages)}."
        )
    return tuple(each / 100 for each in percentages)


def stage_lengths(steps: Optional[int], method: Mapping[str, Any]) -> Dict[str, Any]:
    """Returns the number of rounds and the steps of the stages.

    Args:
        steps: steps of all stages together, to be divided among them; None if the
            stages have their own lengths.
        method: settings of the method: `fractions`, `rounds`, `models`, `restart`,
            `base_steps`, `round_steps`.

    Returns:
        `rounds`, `base_steps`, `round_steps`. The steps are None if passes over the
        data determine them.

    Raises:
        UsageError: if `base_steps` or `round_steps` are also given and contradict
            `steps`.
    """
    text = method["fractions"].strip()
    number = method["rounds"] or (len(text.split(",")) if text else 0)
    own = {name: method[name] for name in lengths.STAGES}
    if steps is None:
        return {"rounds": number or lengths.ROUNDS, **own}
    divided = lengths.rounds(steps, method["models"], method["restart"], number)
    found: Dict[str, Any] = divided._asdict()
    wrong = {k: v for k, v in own.items() if v not in (None, found[k])}
    if wrong:
        raise UsageError(
            f"--steps={steps} are divided among all stages: --base_steps="
            f"{divided.base_steps} --round_steps={divided.round_steps}; the run has "
            + " ".join(f"--{name}={value}" for name, value in wrong.items())
            + "\nGive --steps alone, or --base_steps and --round_steps. A run that has "
            "begun keeps its lengths: for others give another --workdir."
        )
    return found


def in_proportion(steps: int, method: Mapping[str, Any]) -> Dict[str, Any]:
    """Like `stage_lengths`, but treats `base_steps` and `round_steps` as proportions.

    Args:
        steps: steps of all stages together.
        method: settings of the method.

    Returns:
        `rounds`, `base_steps`, `round_steps`. If the method gives both lengths, their
        ratio is kept.
    """
    base, each = method["base_steps"], method["round_steps"]
    if base is None or each is None:
        return stage_lengths(steps, {**method, **dict.fromkeys(lengths.STAGES)})
    number = stage_lengths(None, method)["rounds"]
    part = steps / (method["models"] * (base + number * each))
    return {
        "rounds": number,
        "base_steps": max(1, round(part * base)),
        "round_steps": max(1, round(part * each)),
    }


def stages(shares: Tuple[float, ...], models: int, restart: bool) -> Tuple[Stage, ...]:
    """Returns the stages of a loop in the order of their training.

    Args:
        shares: share of unlabelled images of each round, from `fractions`.
        models: 1 for algorithm 1: each network learns from the previous one. 2 for
            algorithm 2: two networks learn from each other's last generation.
        restart: whether each round begins with new random weights.
    """
    if models == 1:
        found = [Stage("base", 0, "a")]
        for i, share in enumerate(shares, start=1):
            before = found[-1].name
            start = None if restart else before
            found.append(Stage(f"round_{i}", i, "a", before, start, share))
        return tuple(found)
    found = [Stage("base_a", 0, "a"), Stage("base_b", 0, "b")]
    last = {"a": "base_a", "b": "base_b"}
    for i, share in enumerate(shares, start=1):
        pair: List[Stage] = []
        # Algorithm 2, steps 13 to 16: B learns first; A learns from the old B.
        for model, teacher in (("b", "a"), ("a", "b")):
            start = None if restart else last[model]
            name = f"round_{i}_{model}"
            pair.append(Stage(name, i, model, last[teacher], start, share))
        found += pair
        last = {each.model: each.name for each in pair}
    return tuple(found)


def base_steps(
    epochs: float, images: int, labels: int, batch: int, part: Optional[int] = None
) -> int:
    """Returns the steps of a base model: sqrt(images / labels) times `epochs` passes.

    Appendix B. A pass takes ceil(labels / batch) steps, since the authors' released
    code keeps the last, smaller batch. A base model that learns from a part of the
    labels (Eq. 11) takes as many passes over this part as one that learns from all
    labels.

    Args:
        epochs: passes that training with all images labelled would take.
        images: number of training images.
        labels: number of labelled images.
        batch: labelled images per step.
        part: number of labelled images that it learns from, if not all.
    """
    passes = int(math.sqrt(images / labels) * epochs)
    return max(1, passes * math.ceil((part or labels) / batch))


def round_steps(epochs: float, pseudo_labels: int, batch: int) -> int:
    """Returns the steps of a round.

    Args:
        epochs: passes over the pseudo-labelled images.
        pseudo_labels: number of pseudo-labelled images.
        batch: pseudo-labelled images per step.
    """
    return max(1, int(epochs * math.ceil(pseudo_labels / batch)))
