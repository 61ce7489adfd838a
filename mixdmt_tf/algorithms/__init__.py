"""Training algorithms: `base.py` has the one training step, each method is one file.

`classification/` and `segmentation/` hold the methods of each task, `parts/` what
several of them share. A method's module has a frozen dataclass `Config` and its class.
"""

from __future__ import annotations

import importlib
from typing import Any


def module(task: str, name: str) -> Any:
    """The module `mixdmt_tf.algorithms.<task>.<name>`, imported when asked for.

    Args:
        task: 'classification' or 'segmentation'.
        name: the value of `--algorithm`.
    """
    return importlib.import_module(f"{__name__}.{task}.{name}")
