"""Total and available memory of this machine or container.

Linux grants more memory than there is, and kills the process that uses it without a
message. So large allocations are compared with these numbers first.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
from typing import Dict

_SYSTEM = pathlib.Path("/proc/meminfo")
_GROUPS = pathlib.Path("/sys/fs/cgroup")
# Files with a container's limit, usage and statistics, in version 2 and version 1 of
# cgroups. The limit is "max" if there is none.
_CONTAINERS = (
    ("memory.max", "memory.current", "memory.stat"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
    ),
)


def total() -> int:
    """Returns the bytes of memory of this machine, or of this container."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for limit, _, _ in _CONTAINERS:
        with contextlib.suppress(OSError, ValueError):
            found.append(int((_GROUPS / limit).read_text()))
    return min(found)


def available() -> int:
    """Returns the available bytes of memory, including reclaimable file cache."""
    found = [total()]
    with contextlib.suppress(OSError, ValueError, KeyError):
        found.append(1024 * _numbers(_SYSTEM)["MemAvailable:"])
    for limit, used, parts in _CONTAINERS:
        with contextlib.suppress(OSError, ValueError, KeyError):
            cached = _numbers(_GROUPS / parts)["inactive_file"]
            taken = int((_GROUPS / used).read_text()) - cached
            found.append(max(0, int((_GROUPS / limit).read_text()) - taken))
    return min(found)


def _numbers(path: pathlib.Path) -> Dict[str, int]:
    """Parses a system file with a name and a number on each line."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) > 1}
