"""Methods for image classification, one file each, named as `--algorithm` is.

Their classes are attributes of this package: `classification.RealMix`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Type

from mixdmt_tf import algorithms
from mixdmt_tf.settings import classes

if TYPE_CHECKING:  # imports TensorFlow
    from mixdmt_tf.algorithms.base import Algorithm


def __getattr__(name: str) -> Type[Algorithm]:
    """Returns a method by its class name, such as `DMT`, imported on first access."""
    return algorithms.method_called("classification", name)


def __dir__() -> List[str]:
    """Lists the names of the package, including all of its methods."""
    return sorted({*globals(), *classes(__name__).values()})
