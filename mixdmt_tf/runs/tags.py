"""Where TensorBoard shows a number: what matters first, curves of each class last.

TensorBoard sorts tags by their names, so folders begin with a digit.
"""

from __future__ import annotations

SCORE, LOSS, GUESSES = "1 score", "2 loss", "3 pseudo labels"
ROUNDS, SCHEDULE, IMAGES = "4 rounds", "5 schedule and speed", "6 images"
FINE_GRAINED = "7 fine-grained accuracy"
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
    """The tag of what counts.

    Args:
        measure: 'error' or 'mean IoU'.
        name: of the set of images, with '_raw' behind it for raw weights.
    """
    return f"{SCORE}/{measure}, {_of_images(name)}"


def number_tag(kind: str, name: str) -> str:
    """The tag of a number that an evaluation finds.

    Args:
        kind: its column in `metrics.csv`, such as 'error'.
        name: as of `score_tag`.
    """
    if kind == "fine_grained":
        return fine_grained_tag(name)
    return score_tag(kind, name)


def fine_grained_tag(name: str) -> str:
    """The tag of the accuracy of fine-grained testing; argument of `score_tag`."""
    return f"{FINE_GRAINED}/{_of_images(name)}"


def _of_images(name: str) -> str:
    images, raw, _ = name.partition("_raw")
    return f"{images}, raw weights" if raw else images


def class_tag(measure: str, images: str, name: str) -> str:
    """The tag of a score of one class; 'class 7' for one whose name is a number."""
    shown = f"class {name}" if name.isdigit() else name
    return f"{CLASSES}, {measure} on {images}/{shown}"
