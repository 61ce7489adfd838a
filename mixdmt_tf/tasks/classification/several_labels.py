"""Finds methods for several labels per image, without importing TensorFlow."""

from __future__ import annotations

from typing import Any, Mapping, Tuple

from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import class_named, classes
from mixdmt_tf.source_text import class_attribute, literal

PACKAGE = "mixdmt_tf.algorithms.classification"


def methods() -> Tuple[str, ...]:
    """Returns the names of the methods that learn several labels per image."""
    return tuple(
        name
        for name in classes(PACKAGE)
        if class_attribute(
            f"{PACKAGE}.{name}", class_named(f"{PACKAGE}.{name}"), "several_labels"
        )
    )


def has(dataset: str) -> bool:
    """Returns whether images of a data set have several labels."""
    module = f"mixdmt_tf.data.classification.datasets.{dataset}"
    return bool(literal(module, "SEVERAL_LABELS"))


# Methods, and their settings that are defined for one class an image alone.
_OF_ONE_CLASS = (
    ("realmix", "ood_confidence", "guess"),
    ("pseudo_label", "reduction", "released"),
)


def require(algorithm: str, settings: Mapping[str, Any] = {}) -> None:
    """Checks that a method and its settings support several labels per image.

    Args:
        algorithm: name of the method.
        settings: of the method.

    Raises:
        UsageError: if they don't; names the methods that do.
    """
    possible = methods()
    if algorithm not in possible:
        raise UsageError(
            f"--algorithm={algorithm} learns one class an image, and these images have "
            f"several labels.\nExpected one of {', '.join(possible)}."
        )
    rate, score = settings.get("ood_rate"), settings.get("ood_score")
    if rate or score == "oracle":
        raise UsageError(
            f"--ood_rate={rate}: the mask of images of no class makes no sense if "
            "images have several labels.\nLeave --ood_rate and --ood_score out."
        )
    for name, setting, value in _OF_ONE_CLASS:
        if algorithm == name and settings.get(setting) == value:
            raise UsageError(
                f"--{setting}={value} is for images with one class each, and these "
                "have several labels.\nLeave it out."
            )
