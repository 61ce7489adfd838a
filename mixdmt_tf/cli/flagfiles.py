"""The flagfiles and tables that come with the package, and where a named one is.

In a checkout they are in `flags/`; a wheel holds that folder inside the package.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Optional

import mixdmt_tf

SUFFIX = ".flags"


def folder() -> Path:
    """Returns the folder of the flagfiles that come with the package."""
    package = Path(mixdmt_tf.__file__).resolve().parent
    inside = package / "flags"
    return inside if inside.is_dir() else package.parent / "flags"


def names() -> List[str]:
    """Returns their names for `--flagfile=`: 'quickstart', 'base/cpu', 'dmt/voc_8'."""
    root = folder()
    paths = root.rglob(f"*{SUFFIX}")
    return sorted(p.relative_to(root).as_posix()[: -len(SUFFIX)] for p in paths)


def find(name: str, beside: Optional[Path] = None) -> Path:
    """Finds the file of a `--flagfile`.

    The suffix '.flags' may be left out. A file of the user takes precedence over one of
    the package, which is found from any working folder, with or without 'flags/'.

    Args:
        name: a path or the name of a flagfile of the package.
        beside: folder of the flagfile that names this one; it is searched first.

    Returns:
        A path that exists, or the given one.
    """
    given = Path(os.path.expanduser(name))
    own = given.parts[:1] == ("flags",) and len(given.parts) > 1
    places = [given, folder() / (given.relative_to("flags") if own else given)]
    if beside is not None:
        places.insert(0, beside / given)
    for place in places:
        for path in (str(place), f"{place}{SUFFIX}"):
            # Not is_file(), since pipes are allowed.
            if os.path.exists(path) and not os.path.isdir(path):
                return Path(path)
    return given
