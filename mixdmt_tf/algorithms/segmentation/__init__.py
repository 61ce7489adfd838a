"""Methods for semantic segmentation, one file each, named as `--algorithm` is.

They are trained by the same step as those for classification (`algorithms/base.py`): a
term of the loss then has one value for each pixel, and ignored pixels do not count.

The package has their classes by name: `segmentation.DMT`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Type

from mixdmt_tf import algorithms
from mixdmt_tf.settings import classes

if TYPE_CHECKING:  # imports TensorFlow
    from mixdmt_tf.algorithms.base import Algorithm


def __getattr__(name: str) -> Type[Algorithm]:
    """A method by the name of its class, such as `DMT`, imported when touched."""
    return algorithms.method_called("segmentation", name)


def __dir__() -> List[str]:
    """What the package has, and all of its methods."""
    return sorted({*globals(), *classes(__name__).values()})
