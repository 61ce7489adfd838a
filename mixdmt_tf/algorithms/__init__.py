"""Training algorithms, one file each: the file's name is the value of `--algorithm`.

An algorithm module has a frozen dataclass `Config(base.Config)` and a subclass of
`base.Algorithm` called `Method`.
"""

from __future__ import annotations

import importlib
from typing import Any


def algorithm(name: str) -> Any:
    """The module `mixdmt_tf.algorithms.<name>`, imported when it is asked for."""
    return importlib.import_module(f"{__name__}.{name}")
