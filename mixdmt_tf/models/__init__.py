"""Networks, one file each: the file's name is the value of `--network`.

A network's file defines a frozen dataclass named like the file, such as `WideResNet`,
which has the settings and builds the Keras model (`base.Network`).
"""

from __future__ import annotations

import importlib
from typing import Any

from mixdmt_tf.settings import class_named


def network(name: str) -> Any:
    """Imports and returns the class of `mixdmt_tf.models.<name>`.

    Args:
        name: the value of `--network`, such as 'wide_resnet'.
    """
    module = importlib.import_module(f"{__name__}.{name}")
    return getattr(module, class_named(module.__name__))
