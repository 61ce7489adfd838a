"""From exceptions to messages and exit codes, in one place for all commands."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
import traceback
import types
from typing import Any, Callable, Optional, Sequence, TextIO

from mixdmt_tf import remote
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import FULL
from mixdmt_tf.progress import CLEAR

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
BROKEN_PIPE = 141  # 128 + SIGPIPE
# Errors of the system for places that a command may not use.
DENIED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG)
# Errors for a file in the place of a folder, or the reverse.
MISPLACED = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


def run(main: Callable[[Sequence[str]], Optional[int]], argv: Sequence[str]) -> int:
    """Calls a command's main function and prints a message if it fails.

    A `UserError` is shown as its message. Anything unexpected is a bug in this package
    and keeps its traceback.

    Args:
        main: takes the arguments, returns an exit code or None for 0.
        argv: the arguments without the program's name.

    Returns:
        The exit code: 0; 2 for an invalid command line; 1 for other errors; 130 after
        Ctrl-C; 141 if the output was closed (`... | head`).
    """
    _answer_interrupts()
    try:
        with contextlib.ExitStack() as stack:
            out, err = (_shown(each, stack) for each in (sys.stdout, sys.stderr))
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(err))
            code = _run(main, argv)
        if sys.stdout is not None:  # as it is after `>&-`
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Python would flush once more at exit, and complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


class _Shown:
    """A stream that escapes control characters, which a file's name may contain.

    It also escapes characters that the stream's encoding lacks.
    """

    escapes = {
        code: ascii(chr(code))[1:-1]
        for code in (*range(32), *range(127, 160))
        if chr(code) not in "\n\t"
    }
    clear = CLEAR.translate(escapes)

    def __init__(self, stream: TextIO):
        """Stores the stream."""
        self.stream = stream

    def write(self, text: str) -> int:
        """Writes the escaped text."""
        shown = text.translate(self.escapes).replace(self.clear, CLEAR)
        try:
            return self.stream.write(shown)
        except UnicodeEncodeError:  # not UTF-8, or a file's name is undecodable
            code = self.stream.encoding
            return self.stream.write(
                shown.encode(code, "backslashreplace").decode(code)
            )

    def __getattr__(self, name: str) -> Any:
        """Delegates everything else to the stream."""
        return getattr(self.stream, name)


def _shown(stream: Optional[TextIO], stack: contextlib.ExitStack) -> Any:
    """Wraps a stream in `_Shown`; None, as after `>&-`, becomes the null device."""
    if stream is None:
        stream = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
    return _Shown(stream)


def _answer_interrupts() -> None:
    """Makes Ctrl-C raise KeyboardInterrupt; until here it ends the process."""
    if threading.current_thread() is threading.main_thread():
        if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
            signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: Optional[types.FrameType]) -> None:
    """Raises KeyboardInterrupt, or ends the process if a module is being imported.

    C extensions such as NumPy's turn an interrupted import into an ImportError, which
    would look like a broken installation.
    """
    while frame is not None:
        if frame.f_globals.get("__name__") == "importlib._bootstrap":
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        frame = frame.f_back
    raise KeyboardInterrupt


def _is_nowhere() -> bool:
    """Whether the working folder of the command was removed."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _sending(
    main: Callable[[Sequence[str]], Optional[int]], argv: Sequence[str]
) -> int:
    """Calls a command and uploads the files that it has written for addresses."""
    try:
        code = main(argv) or 0
    except BaseException:
        remote.finish(failed=True)
        raise
    remote.finish(failed=code != 0)
    return code


def _run(main: Callable[[Sequence[str]], Optional[int]], argv: Sequence[str]) -> int:
    try:
        return _sending(main, argv)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except SystemExit as request:
        if isinstance(request.code, str):
            print(request.code, file=sys.stderr)
            return 1
        return request.code or 0
    except BrokenPipeError:
        raise
    except Exception as error:
        # TensorFlow's errors have the system's message, but not its error number.
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        if full or FULL in str(error):
            print(f"error: the disk is full: {error}", file=sys.stderr)
            print("Make room and run the same command again.", file=sys.stderr)
            return UserError.exit_code
        refused = (*DENIED, *MISPLACED)
        if isinstance(error, OSError) and error.filename and error.errno in refused:
            print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
            allow = "Allow access to it, or name" if error.errno in DENIED else "Name"
            print(f"{allow} another place.", file=sys.stderr)
            return UserError.exit_code
        if isinstance(error, FileNotFoundError) and _is_nowhere():
            print("error: the working folder has been removed.", file=sys.stderr)
            print("Run the command in another one.", file=sys.stderr)
            return UserError.exit_code
        traceback.print_exc()
        print(
            "This is a bug in mixdmt_tf, not in your command: please report it with "
            "the command and the lines above.",
            file=sys.stderr,
        )
        return 1
