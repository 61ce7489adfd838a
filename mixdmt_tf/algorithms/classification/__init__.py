"""Methods for image classification, one file each, named as `--algorithm` is.

The package has their classes by name: `classification.RealMix`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Type

from mixdmt_tf import algorithms
from mixdmt_tf.settings import classes

if TYPE_CHECKING:  # imports TensorFlow
    from mixdmt_tf.algorithms.base import Algorithm


def __getattr__(name: str) -> Type[Algorithm]:
    """A method by the name of its class, such as `DMT`, imported when touched."""
    return algorithms.method_called("classification", name)


def __dir__() -> List[str]:
    """What the package has, and all of its methods."""
    return sorted({*globals(), *classes(__name__).values()})
