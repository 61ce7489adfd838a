"""Networks, one file each: the file's name is the value of `--network`.

A network module has a frozen dataclass `Config` and a function
`build(config, input_shape, num_classes, portable=False) -> keras.Model`.
"""

from __future__ import annotations

import importlib
from typing import Any


def network(name: str) -> Any:
    """The module `mixdmt_tf.models.<name>`, imported when it is asked for."""
    return importlib.import_module(f"{__name__}.{name}")
