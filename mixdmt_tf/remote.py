"""Addresses such as `gs://bucket/run` where commands take paths.

Commands work on local files: they lock them, rename them, and map them into memory.
What is at an address is fetched into the cache folder before, and what a command writes
is sent: run folders while it trains (`mirrors.py`), other files when it ends. Paths are
passed through; what addresses need is imported when the first one is met.
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

# Seconds between the attempts at the end of a command, when there is no next time.
LAST_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)


class _Open(threading.local):
    """What a command has to do with addresses; engines run several in threads.

    Attributes:
        fetched: local copies, by address.
        read: run folders that were opened to be read.
        outputs: what is written.
        worked_in: folders that are kept in step.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self.fetched: Dict[str, pathlib.Path] = {}
        self.read: Dict[str, Mirror] = {}
        self.outputs: Dict[str, Output] = {}
        self.worked_in: List[Mirror] = []


_open = _Open()


def fetched(given: object) -> pathlib.Path:
    """The local copy of a file or folder at an address, fetched once in a command.

    Raises:
        UserError: if there is none, or the store fails.
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
    """A run folder to be read: a path as it is, of an address the local copy.

    What a command writes into it is sent when the command ends.

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
    """A folder to work in; at an address, it is this process's until the context ends.

    Args:
        given: a path, or an address, whose copy is fetched, kept in step by `update`,
            and sent when the context ends, however it ends.
        say: receives sentences about what is not as it should be.

    Raises:
        UserError: if the address is in use, or the store fails to the end.
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
    """Brings the address up to date that a folder, or one around it, is a copy of.

    A store that fails is tried again the next time; until then everything is here.

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
    """Where to write what is for a path, or an address.

    What is for an address is sent when the command ends.

    Args:
        given: the path or address of a file or folder.
        whole: fetch what is there, and what is beside it under the same name with
            another ending; otherwise only the folders are fetched and sent that `bring`
            names.

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
    """Fetches what the address has of a folder in an output that was not fetched."""
    for each in _open.outputs.values():
        if each.path in folder.parents:
            each.bring(folder.relative_to(each.copy.folder).as_posix())


def shown(path: pathlib.Path) -> str:
    """What a path is called in messages: its address, if it is within a copy of one."""
    for each in (*_open.worked_in, *_open.read.values(), *_open.outputs.values()):
        if each.copy.folder in (path, *path.parents):
            name = path.relative_to(each.copy.folder).as_posix()
            return each.store.place("" if name == "." else name)
    return str(path)


def finish(failed: bool = False) -> None:
    """Sends what a command has written, at its end.

    Args:
        failed: the command has failed already: what cannot be sent is only said.

    Raises:
        UserError: naming the folder that has what could not be sent.
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
        except UserError as error:  # others may have what can be sent
            errors.append(error)
    for error in errors[1:]:
        _warn(str(error))
    if errors:
        raise errors[0]


def _add(mirror: Mirror) -> None:
    """Sends what a command wrote into a run folder that it opened to read."""
    from mixdmt_tf.leases import InUse

    known, _ = mirror.copy.read_known()
    if mirror.is_used_here() or not mirror.copy.has_changed(known):
        return
    for pause in (*LAST_PAUSES, None):
        try:
            mirror.claim()
            break
        except InUse:  # perhaps by one that ended a moment before
            if pause is None:
                raise
            time.sleep(pause)
    try:
        mirror.send()
    finally:
        mirror.release()


def _send(send: Callable[[], Any], what: Any) -> None:
    """Sends, with patience.

    Raises:
        UserError: saying where everything is.
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
    """Sends, or says where everything is."""
    try:
        send()
    except UserError as error:
        first = str(error).splitlines()[0]
        _warn(f"{what.address} could not be brought up to date: {first}")
        _warn(f"everything is in {what.copy.folder}")


def _warn(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
