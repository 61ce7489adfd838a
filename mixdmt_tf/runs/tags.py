"""Where TensorBoard shows a number: what matters first, curves of each class last.

TensorBoard sorts tags by their names, so folders begin with a digit.
"""

from __future__ import annotations

SCORE, LOSS, GUESSES = "1 score", "2 loss", "3 pseudo labels"
ROUNDS, SCHEDULE, IMAGES = "4 rounds", "5 schedule and speed", "6 images"
CLASSES = "9 each class"

# What a training step reports of the labels that it guessed, and of what it does with
# them; all else that is no loss is part of a schedule.
_OF_GUESSES = (
    *("guess_", "confidence", "kept", "sure", "weight", "agree", "negative"),
    *("positive", "ood_kept", "ood_precision", "accuracy", "recall", "precision"),
    *("tsa_kept", "foreground"),
)


def of_step(name: str) -> str:
    """The folder of what a training step reports under this name."""
    if name.startswith("loss"):
        return LOSS
    return GUESSES if name.startswith(_OF_GUESSES) else SCHEDULE


def step_tag(name: str) -> str:
    """The tag of what a training step reports under this name."""
    return f"{of_step(name)}/{name}"


def score_tag(measure: str, name: str) -> str:
    """The tag of a score.

    Args:
        measure: such as 'error'.
        name: of the set of images, with '_raw' behind it for raw weights.
    """
    images, raw, _ = name.partition("_raw")
    weights = ", raw weights" if raw else ""
    return f"{SCORE}/{measure}, {images}{weights}"


def class_tag(measure: str, images: str, name: str) -> str:
    """The tag of a score of one class; 'class 7' for one whose name is a number."""
    shown = f"class {name}" if name.isdigit() else name
    return f"{CLASSES}, {measure} on {images}/{shown}"
