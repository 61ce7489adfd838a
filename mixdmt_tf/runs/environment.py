"""Versions and machine: what else may change a number."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Dict

from mixdmt_tf import __version__


def versions() -> Dict[str, str]:
    """Versions of everything that may change a number."""
    found = {"mixdmt_tf": __version__, "python": platform.python_version()}
    for name in ("tensorflow", "tensorflow-cpu", "keras", "numpy", "tensorflow-addons"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> str:
    """System, processor and number of cores of the machine that we are on."""
    return f"{platform.platform()}, {os.cpu_count()} cores"
