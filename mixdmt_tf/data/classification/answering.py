"""Whether a server answers, asked in a process of its own.

Looking up a host's name knows no timeout, so something has to be left behind. A thread
would make Ctrl-C crash: OpenSSL does where it is at work while Python ends. As it is a
program, this file imports nothing of the package.
"""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request

SECONDS = 8.0


def answers(url: str, seconds: float = SECONDS) -> bool:
    """Whether a server says anything at all, asked through the user's proxies.

    Args:
        url: what the server would be asked for.
        seconds: how long to wait for it.
    """
    command = [sys.executable, "-I", __file__, url, str(seconds)]
    try:
        asked = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # the traceback of a Ctrl-C, which both get
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def ask(url: str, seconds: float) -> bool:
    """Asks in this process, where a name that nobody resolves is waited for."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return True
    except urllib.error.HTTPError:
        return True  # it is there; whether it has the file is found out by fetching
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(0 if ask(sys.argv[1], float(sys.argv[2])) else 1)
