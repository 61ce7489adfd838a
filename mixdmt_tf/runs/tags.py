"""TensorBoard tags, in order of importance: scores first, single classes last.

TensorBoard sorts tags by name, so the names of groups begin with a digit.
"""

from __future__ import annotations

SCORE, LOSS, GUESSES = "1 score", "2 loss", "3 pseudo labels"
ROUNDS, SCHEDULE, IMAGES = "4 rounds", "5 schedule and speed", "6 images"
FINE_GRAINED = "7 fine-grained accuracy"
CLASSES = "9 each class"

# Prefixes of the numbers that a training step reports about pseudo labels and their
# use. All other numbers that are not losses belong to a schedule.
_OF_GUESSES = (
    *("guess_", "confidence", "kept", "sure", "weight", "agree", "negative"),
    *("positive", "ood_kept", "ood_precision", "accuracy", "recall", "precision"),
    *("tsa_kept", "foreground"),
)


def of_step(name: str) -> str:
    """Returns the group of a number that a training step reports."""
    if name.startswith("loss"):
        return LOSS
    return GUESSES if name.startswith(_OF_GUESSES) else SCHEDULE


def step_tag(name: str) -> str:
    """Returns the tag of a number that a training step reports."""
    return f"{of_step(name)}/{name}"


def score_tag(measure: str, name: str) -> str:
    """Returns the tag of the main score.

    Args:
        measure: 'error' or 'mean IoU'.
        name: name of the set of images, followed by '_raw' for raw weights.
    """
    return f"{SCORE}/{measure}, {_of_images(name)}"


def number_tag(kind: str, name: str) -> str:
    """Returns the tag of a number that an evaluation computes.

    Args:
        kind: its column in `metrics.csv`, such as 'error'.
        name: as for `score_tag`.
    """
    if kind == "fine_grained":
        return fine_grained_tag(name)
    return score_tag(kind, name)


def fine_grained_tag(name: str) -> str:
    """Returns the tag of the fine-grained accuracy; `name` is as for `score_tag`."""
    return f"{FINE_GRAINED}/{_of_images(name)}"


def _of_images(name: str) -> str:
    images, raw, _ = name.partition("_raw")
    return f"{images}, raw weights" if raw else images


def class_tag(measure: str, images: str, name: str) -> str:
    """Returns the tag of a class's score; a numeric name is shown as 'class 7'."""
    shown = f"class {name}" if name.isdigit() else name
    return f"{CLASSES}, {measure} on {images}/{shown}"
