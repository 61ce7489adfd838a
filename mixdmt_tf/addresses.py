"""Addresses of stores, such as `gs://bucket/run`, told apart from paths.

Nothing here imports TensorFlow, which opens them (`stores.py`).
"""

from __future__ import annotations

import importlib.util
import pathlib
import re

from mixdmt_tf.errors import UsageError

# As people write it, and as `pathlib` makes it.
_ADDRESS = re.compile(
    r"(gs|s3a?|hdfs|viewfs|har|az|abfss?|https?|ram)://?([^/].*)|(file):/+([^/].*)",
    re.DOTALL,
)
# What TensorFlow opens by itself; the package tensorflow-io brings the others.
BUILT_IN = ("gs", "ram", "file")
# What has folders, which must be made; elsewhere names may have slashes in them.
WITH_FOLDERS = ("file", "ram", "hdfs", "viewfs", "har")


def is_address(given: object) -> bool:
    """Whether what was given as a path is an address."""
    return _ADDRESS.fullmatch(str(given)) is not None


def normal(given: object) -> str:
    """An address in the form `scheme://...`, without slashes at its end.

    Args:
        given: what `is_address`.
    """
    found = _ADDRESS.fullmatch(str(given))
    if found is None:
        raise ValueError(f"{given!r} is no address")
    scheme, rest, file, path = found.groups()
    address = f"file:///{path}" if file else f"{scheme}://{rest}"
    return address.rstrip("/")


def scheme_of(address: str) -> str:
    """'gs' of `gs://bucket/run`."""
    return address.partition(":")[0]


def name_of(address: str) -> str:
    """The last part of an address, as of a path."""
    return address.rpartition("/")[2]


def below(address: object, name: str) -> str:
    """The address, or path, of what is called `name` in a folder."""
    if not is_address(address):
        return str(pathlib.Path(str(address), name))
    return f"{normal(address)}/{name}"


def require_openable(given: object, flag: str = "") -> None:
    """Refuses an address that nothing that is installed could open.

    Args:
        given: an address or a path.
        flag: that it was given with.

    Raises:
        UsageError: saying what to install.
    """
    if not is_address(given):
        return
    address = normal(given)
    scheme = scheme_of(address)
    if scheme in BUILT_IN or importlib.util.find_spec("tensorflow_io"):
        return
    raise cannot_open(f"--{flag}={address}" if flag else address, scheme)


def cannot_open(given: str, scheme: str) -> UsageError:
    """What is said of an address that TensorFlow cannot open."""
    return UsageError(
        f"{given}: TensorFlow opens {scheme}:// only with the package tensorflow-io.\n"
        "With TensorFlow 2.15 install it: pip install tensorflow-io==0.36.0; none fits "
        "2.21.\nOr mount the store (s3fs, gcsfuse), and give the folder where it is "
        "mounted."
    )
