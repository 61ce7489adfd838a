"""Support for addresses such as `gs://bucket/run` where commands take paths.

Commands work on local files: they lock them, rename them, and map them into memory. So
inputs at an address are fetched into the cache folder first, and outputs are sent: run
folders during training (`mirrors.py`), other files when the command ends. Paths are
passed through; the modules for addresses are imported when the first one is used.
"""

from __future__ import annotations

import contextlib
import functools
import pathlib
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Tuple

from mixdmt_tf import addresses, files
from mixdmt_tf.errors import UserError

if TYPE_CHECKING:
    from mixdmt_tf.mirrors import Mirror
    from mixdmt_tf.outputs import Output

Say = Callable[[str], None]

# Seconds between attempts to send at the end of a command, the last opportunity.
LAST_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)


class _Open(threading.local):
    """Addresses in use by the command of this thread; engines run several in threads.

    Attributes:
        fetched: local copies, by address.
        read: run folders opened for reading.
        outputs: outputs, by address.
        worked_in: folders that are kept synchronized.
    """

    def __init__(self) -> None:
        """Starts with no addresses."""
        self.fetched: Dict[str, pathlib.Path] = {}
        self.read: Dict[str, Mirror] = {}
        self.outputs: Dict[str, Output] = {}
        self.worked_in: List[Mirror] = []


_open = _Open()


def fetched(given: object) -> pathlib.Path:
    """Returns the local copy of a file or folder, fetched once per command.

    Raises:
        UserError: if nothing is at the address, or the store fails.
    """
    from mixdmt_tf.mirrors import Mirror

    address = addresses.normal(given)
    if address not in _open.fetched:
        mirror = Mirror(address, _warn)
        if mirror.store.is_folder():
            mirror.fetch()
        elif mirror.store.exists():
            with mirror.copy.alone():
                mirror.copy.take(mirror.store, [""])
        else:
            raise UserError(f"{address} is not there; expected a file or a folder.")
        _open.fetched[address] = mirror.copy.folder
    return _open.fetched[address]


def run_folder(given: object) -> pathlib.Path:
    """Opens a run folder for reading: returns its path, or that of its local copy.

    Files that a command writes into it are sent when the command ends.

    Raises:
        UserError: if the store fails.
    """
    if not addresses.is_address(given):
        return files.expanded(str(given))
    from mixdmt_tf.mirrors import Mirror

    address = addresses.normal(given)
    if address not in _open.read:
        mirror = Mirror(address, _warn)
        mirror.fetch()
        _open.read[address] = mirror
    return _open.read[address].copy.folder


@contextlib.contextmanager
def opened(given: object, say: Say = print) -> Iterator[pathlib.Path]:
    """Opens a folder to work in; this process owns an address until the context ends.

    Args:
        given: a path, or an address. An address is fetched, kept up to date by
            `update`, and sent when the context ends, even after an exception.
        say: receives warnings.

    Raises:
        UserError: if the address is in use, or the store keeps failing.
    """
    if not addresses.is_address(given):
        yield files.expanded(str(given))
        return
    from mixdmt_tf.mirrors import Mirror

    mirror = Mirror(addresses.normal(given), say)
    mirror.claim()
    try:
        mirror.fetch()
        _open.worked_in.append(mirror)
        try:
            yield mirror.copy.folder
        except BaseException:
            _send_or_say(mirror.send, mirror)
            raise
        finally:
            _open.worked_in.remove(mirror)
        _send(mirror.send, mirror)
    finally:
        with contextlib.suppress(UserError):
            mirror.release()


def update(folder: pathlib.Path, say: Say = print) -> None:
    """Sends changes if a folder is, or is in, a local copy of an address.

    If the store fails, sending is tried again the next time; the files are kept here.

    Raises:
        UserError: if another process has taken the address over.
    """
    if not _open.worked_in:
        return
    from mixdmt_tf import stores

    for mirror in _open.worked_in:
        if mirror.copy.folder in (folder, *folder.parents):
            try:
                mirror.send()
            except stores.Failure as error:
                say(
                    f"warning: not sent, to be tried again later: "
                    f"{str(error).splitlines()[0]}"
                )


def written(given: object, whole: bool = True) -> pathlib.Path:
    """Returns the local path for an output at a path or address.

    Outputs at an address are sent when the command ends.

    Args:
        given: the path or address of a file or folder.
        whole: whether to fetch the existing output, and files beside it that differ
            only in their extension; if not, only folders given to `bring` are fetched
            and sent.

    Raises:
        UsageError: if the address has no name in it.
        UserError: if the store fails.
    """
    if not addresses.is_address(given):
        return files.expanded(str(given))
    from mixdmt_tf.outputs import Output

    address = addresses.normal(given)
    if address not in _open.outputs:
        _open.outputs[address] = Output(address, _warn, shared=not whole)
        if whole:
            _open.outputs[address].bring("")
    return _open.outputs[address].path


def bring(folder: pathlib.Path) -> None:
    """Fetches a folder of an output that was opened with `whole=False`."""
    for each in _open.outputs.values():
        if each.path in folder.parents:
            each.bring(folder.relative_to(each.copy.folder).as_posix())


def shown(path: pathlib.Path) -> str:
    """Returns a path's name in messages: the address if it is in a local copy."""
    for each in (*_open.worked_in, *_open.read.values(), *_open.outputs.values()):
        if each.copy.folder in (path, *path.parents):
            name = path.relative_to(each.copy.folder).as_posix()
            return each.store.place("" if name == "." else name)
    return str(path)


def finish(failed: bool = False) -> None:
    """Sends the outputs of a command at its end.

    Args:
        failed: whether the command has failed already; errors are only printed then.

    Raises:
        UserError: if something could not be sent; names the folder that has it.
    """
    waiting: List[Tuple[Callable[[], Any], Any]] = [
        *((functools.partial(_add, each), each) for each in _open.read.values()),
        *((each.send, each) for each in _open.outputs.values()),
    ]
    for registry in (_open.fetched, _open.read, _open.outputs):
        registry.clear()
    errors = []
    for send, what in waiting:
        if failed:
            _send_or_say(send, what)
            continue
        try:
            _send(send, what)
        except UserError as error:  # go on: the others may succeed
            errors.append(error)
    for error in errors[1:]:
        _warn(str(error))
    if errors:
        raise errors[0]


def _add(mirror: Mirror) -> None:
    """Sends files written into a run folder that was opened for reading."""
    from mixdmt_tf.leases import InUse

    known, _ = mirror.copy.read_known()
    if mirror.is_used_here() or not mirror.copy.has_changed(known):
        return
    for pause in (*LAST_PAUSES, None):
        try:
            mirror.claim()
            break
        except InUse:  # perhaps by a process that has just ended
            if pause is None:
                raise
            time.sleep(pause)
    try:
        mirror.send()
    finally:
        mirror.release()


def _send(send: Callable[[], Any], what: Any) -> None:
    """Sends, with many attempts.

    Raises:
        UserError: if it fails; says where the files are.
    """
    what.store.pauses = LAST_PAUSES
    try:
        send()
    except UserError as error:
        first = str(error).splitlines()[0]
        raise UserError(
            f"{what.address} could not be brought up to date: {first}\n"
            f"Everything is in {what.copy.folder}: run the same command again later, "
            "or copy it from there."
        ) from error


def _send_or_say(send: Callable[[], Any], what: Any) -> None:
    """Sends, or prints where the files are."""
    try:
        send()
    except UserError as error:
        first = str(error).splitlines()[0]
        _warn(f"{what.address} could not be brought up to date: {first}")
        _warn(f"everything is in {what.copy.folder}")


def _warn(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
