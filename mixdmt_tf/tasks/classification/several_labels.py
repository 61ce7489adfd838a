"""Which methods learn several labels an image, known before TensorFlow is imported."""

from __future__ import annotations

from typing import Any, Mapping, Tuple

from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import class_named, classes
from mixdmt_tf.source_text import class_attribute, literal

PACKAGE = "mixdmt_tf.algorithms.classification"


def methods() -> Tuple[str, ...]:
    """Names of the methods that do."""
    return tuple(
        name
        for name in classes(PACKAGE)
        if class_attribute(
            f"{PACKAGE}.{name}", class_named(f"{PACKAGE}.{name}"), "several_labels"
        )
    )


def has(dataset: str) -> bool:
    """Whether images of a data set have several labels."""
    module = f"mixdmt_tf.data.classification.datasets.{dataset}"
    return bool(literal(module, "SEVERAL_LABELS"))


def require(algorithm: str, settings: Mapping[str, Any] = {}) -> None:
    """Refuses a method, or settings of it, that such images are not for.

    Args:
        algorithm: its name.
        settings: of the method.

    Raises:
        UsageError: naming those that are.
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
            f"--ood_rate={rate}: the mask of images of no class has no meaning where "
            "images have several labels.\nLeave --ood_rate and --ood_score out."
        )
