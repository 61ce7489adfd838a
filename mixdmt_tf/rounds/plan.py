"""Who teaches whom, from what, for how long: the outer loops of DMT as data.

Dynamic Mutual Training (arXiv:2004.08514), algorithms 1 and 2. A loop is a list of
stages, and each stage is a training run of its own. Nothing here imports TensorFlow.
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
        name: of its folder: 'base', 'round_3'; with two models 'base_a', 'round_3_b'.
        round: 0 for a base model, then 1, 2, ...
        model: 'a' or 'b'.
        teacher: the stage whose network gives the pseudo labels; None: labels alone.
        start: the stage with whose weights it begins; None: new random ones.
        fraction: share of the unlabelled images it learns from, in (0, 1]; 0 of a base
            model.
    """

    name: str
    round: int
    model: str
    teacher: Optional[str] = None
    start: Optional[str] = None
    fraction: float = 0.0


def fractions(text: str, rounds: int) -> Tuple[float, ...]:
    """Shares of the rounds from what `--fractions` says.

    Args:
        text: percentages with commas between them, or '' for equal steps up to 100.
        rounds: how many.

    Returns:
        `rounds` numbers in (0, 1].

    Raises:
        UsageError: if there are more or fewer, or one is no percentage.
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
            f"--fractions={text}: expected percentages above 0 and up to 100 with "
            "commas between them, such as 20,40,60,80,100"
        )
    if len(percentages) != rounds:
        raise UsageError(
            f"--fractions={text}: {len(percentages)} for {rounds} rounds.\n"
            f"Give one for each round, or --rounds={len(percentages)}."
        )
    return tuple(each / 100 for each in percentages)


def stage_lengths(steps: Optional[int], method: Mapping[str, Any]) -> Dict[str, Any]:
    """Number of rounds and steps of the stages, if all steps together are given.

    Args:
        steps: of all stages together; None if they have lengths of their own.
        method: settings of the method: `fractions`, `rounds`, `models`, `restart`,
            `base_steps`, `round_steps`.

    Returns:
        `rounds`, `base_steps`, `round_steps`; the latter None if passes over the data
        determine them.

    Raises:
        UsageError: if there are steps of the stages besides, and others.
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
            + "\nGive --steps alone, or --base_steps and --round_steps."
        )
    return found


def in_proportion(steps: int, method: Mapping[str, Any]) -> Dict[str, Any]:
    """As `stage_lengths`, where the method's lengths are only proportions.

    Args:
        steps: of all stages together.
        method: settings of the method.

    Returns:
        `rounds`, `base_steps`, `round_steps`: base and rounds as long in relation to
        each other as those that are given, if both are.
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
    """The runs of a loop, in their order.

    Args:
        shares: of the rounds, from `fractions`.
        models: 1, algorithm 1: each network learns from the one before. 2, algorithm 2:
            two networks learn from each other's last generation.
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
        # Algorithm 2, steps 13 to 16: B learns first, and A from the old B.
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
    """Length of a base model: sqrt(images / labels) times `epochs` passes.

    Appendix B. A pass takes ceil(labels / batch) steps, since the release keeps the
    last, smaller batch. A base model that learns from a part of the labels (Eq. 11)
    takes as many passes over it as one that learns from all of them.

    Args:
        epochs: passes that training with all labels would take.
        images: all training images.
        labels: labelled ones.
        batch: labelled images per step.
        part: labelled images that it learns from, if not from all.
    """
    passes = int(math.sqrt(images / labels) * epochs)
    return max(1, passes * math.ceil((part or labels) / batch))


def round_steps(epochs: float, pseudo_labels: int, batch: int) -> int:
    """Length of a round: passes over its pseudo-labelled images.

    Args:
        epochs: passes.
        pseudo_labels: images.
        batch: pseudo-labelled images per step.
    """
    return max(1, int(epochs * math.ceil(pseudo_labels / batch)))
