"""Versions of packages and the machine, which may affect results."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Dict

from mixdmt_tf import __version__


def versions() -> Dict[str, str]:
    """Returns the versions of all packages that may affect results."""
    found = {"mixdmt_tf": __version__, "python": platform.python_version()}
    for name in ("tensorflow", "tensorflow-cpu", "keras", "numpy", "tensorflow-addons"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> str:
    """Describes this machine: system, processor and number of cores.

    If this process may use only some of the cores, both numbers are given.
    """
    all_cores, system = os.cpu_count() or 1, platform.platform()
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    cores = f"{all_cores} cores"
    if 0 < ours < all_cores:
        cores = f"{ours} of {cores}"
    return ", ".join(filter(None, [system, processor("model name"), cores]))


def processor(fact: str) -> str:
    """Returns a fact about the first processor from /proc/cpuinfo.

    Without that file, returns the processor's name for 'model name', else ''.

    Args:
        fact: the beginning of a line of /proc/cpuinfo, such as 'model name'.
    """
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            line = next((line for line in file if line.startswith(fact)), "")
    except OSError:
        return platform.processor() if fact == "model name" else ""
    return line.partition(":")[2].strip()
