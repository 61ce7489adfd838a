"""Telling addresses of stores, such as `gs://bucket/run`, from paths.

TensorFlow opens the addresses (`stores.py`); this module does not import it.
"""

from __future__ import annotations

import importlib.util
import pathlib
import re

from mixdmt_tf.errors import UsageError

# As users write an address, and as `pathlib` changes it (one slash).
_ADDRESS = re.compile(
    r"(gs|s3a?|hdfs|viewfs|har|az|abfss?|https?|ram)://?([^/].*)|(file):/+([^/].*)",
    re.DOTALL,
)
# Schemes that TensorFlow opens by itself; the others need the package tensorflow-io.
BUILT_IN = ("gs", "ram", "file")
# Schemes with real folders, which must be created; elsewhere names contain slashes.
WITH_FOLDERS = ("file", "ram", "hdfs", "viewfs", "har")


def is_address(given: object) -> bool:
    """Returns whether a value given as a path is an address."""
    return _ADDRESS.fullmatch(str(given)) is not None


def normal(given: object) -> str:
    """Returns an address in the form `scheme://...`, without trailing slashes.

    Args:
        given: a value for which `is_address` is true.
    """
    found = _ADDRESS.fullmatch(str(given))
    if found is None:
        raise ValueError(f"{given!r} is no address")
    scheme, rest, file, path = found.groups()
    address = f"file:///{path}" if file else f"{scheme}://{rest}"
    return address.rstrip("/")


def scheme_of(address: str) -> str:
    """Returns the scheme of an address: 'gs' for `gs://bucket/run`."""
    return address.partition(":")[0]


def name_of(address: str) -> str:
    """Returns the last component of an address."""
    return address.rpartition("/")[2]


def below(address: object, name: str) -> str:
    """Joins a folder's address or path and the name of an entry in it."""
    if not is_address(address):
        return str(pathlib.Path(str(address), name))
    return f"{normal(address)}/{name}"


def require_openable(given: object, flag: str = "") -> None:
    """Raises an error for an address that no installed package can open.

    Args:
        given: an address or a path.
        flag: name of the flag that it was given with, '' for none.

    Raises:
        UsageError: if it cannot be opened; the message says what to install.
    """
    if not is_address(given):
        return
    address = normal(given)
    scheme = scheme_of(address)
    if scheme in BUILT_IN or importlib.util.find_spec("tensorflow_io"):
        return
    raise cannot_open(f"--{flag}={address}" if flag else address, scheme)


def cannot_open(given: str, scheme: str) -> UsageError:
    """Returns the error for an address that TensorFlow cannot open."""
    return UsageError(
        f"{given}: TensorFlow opens {scheme}:// only with the package tensorflow-io.\n"
        "With TensorFlow 2.15 install it: pip install tensorflow-io==0.36.0; none fits "
        "2.21.\nOr mount the store (s3fs, gcsfuse), and give the folder where it is "
        "mounted."
    )
