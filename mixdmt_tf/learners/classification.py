"""The methods for image classification by name, as in `mixdmt_tf.classification.DMT`.

A name is made when it is touched for the first time (PEP 562).
"""

from __future__ import annotations

from typing import Any, Callable, List

from mixdmt_tf.learners import methods
from mixdmt_tf.settings import classes


def __getattr__(name: str) -> Callable[..., Any]:
    """The function that makes models of a method, such as `DMT`."""
    globals()[name] = found = methods.maker("classification", name)
    return found


def __dir__() -> List[str]:
    """What the module has, and all methods."""
    names = classes("mixdmt_tf.algorithms.classification").values()
    return sorted({*globals(), *names})
