"""Methods for image classification, one file each, named as `--algorithm` is."""

from __future__ import annotations

import importlib
from typing import Any


def algorithm(name: str) -> Any:
    """The module of this method, imported when it is asked for."""
    return importlib.import_module(f"{__name__}.{name}")
