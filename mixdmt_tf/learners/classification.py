"""The methods for image classification by name, as in `mixdmt_tf.classification.DMT`.

A name is created when it is first accessed (PEP 562).
"""

from __future__ import annotations

from typing import Any, Callable, List

from mixdmt_tf.learners import methods
from mixdmt_tf.settings import classes


def __getattr__(name: str) -> Callable[..., Any]:
    """Returns the function that makes models of a method, such as `DMT`."""
    globals()[name] = found = methods.maker("classification", name)
    return found


def __dir__() -> List[str]:
    """Lists the names of the module, including all methods."""
    names = classes("mixdmt_tf.algorithms.classification").values()
    return sorted({*globals(), *names})
