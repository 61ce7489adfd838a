"""Methods for scenes, one file each: `--algorithm` of a data set in `data/scenes/`.

They are trained by the same step as those for images (`algorithms/base.py`): a term of
the loss then has one value for each pixel, and pixels that are ignored don't count.
"""

from __future__ import annotations

import importlib
from typing import Any


def algorithm(name: str) -> Any:
    """The module `mixdmt_tf.algorithms.scenes.<name>`, imported when asked for."""
    return importlib.import_module(f"{__name__}.{name}")
