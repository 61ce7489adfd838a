"""From exceptions to messages and exit codes, in one place for all commands."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from typing import Callable, Optional, Sequence

from mixdmt_tf.errors import UserError

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
BROKEN_PIPE = 141  # 128 + SIGPIPE


def run(main: Callable[[Sequence[str]], Optional[int]], argv: Sequence[str]) -> int:
    """Calls a command's main function and says what went wrong, if something did.

    A `UserError` is shown as its message. Anything unexpected is a bug of ours and
    keeps its traceback.

    Args:
        main: takes the arguments, returns an exit code or None for 0.
        argv: the arguments without the program's name.

    Returns:
        The exit code: 0, 2 for a command line that is wrong, 1 for other errors, 130
        after Ctrl-C, 141 when nobody reads the output any more (`... | head`).
    """
    try:
        code = _run(main, argv)
        if sys.stdout is not None:  # as it is after `>&-`
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Python would flush once more at exit, and complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _run(main: Callable[[Sequence[str]], Optional[int]], argv: Sequence[str]) -> int:
    try:
        return main(argv) or 0
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
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            print(f"error: the disk is full: {error}", file=sys.stderr)
            print("Make room and run the same command again.", file=sys.stderr)
            return UserError.exit_code
        traceback.print_exc()
        print(
            "This is a bug in mixdmt_tf, not in your command: please report it with "
            "the command and the lines above.",
            file=sys.stderr,
        )
        return 1
