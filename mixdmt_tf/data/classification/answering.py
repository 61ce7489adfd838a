"""Checks in a separate process whether a server responds.

Looking up a host name has no timeout, so the look-up may have to be abandoned. With an
abandoned thread, Ctrl-C would crash, because OpenSSL crashes if it runs while Python
exits. As this file is run as a program, it imports nothing of the package.
"""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request

SECONDS = 8.0


def answers(url: str, seconds: float = SECONDS) -> bool:
    """Whether a server sends any response, through the user's proxies.

    Args:
        url: URL to request.
        seconds: how long to wait for a response.
    """
    command = [sys.executable, "-I", __file__, url, str(seconds)]
    try:
        asked = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # hides its traceback: both get a Ctrl-C
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def ask(url: str, seconds: float) -> bool:
    """Sends the request in this process; looking up the host name may block."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return True
    except urllib.error.HTTPError:
        return True  # the server responds; fetching will show if it has the file
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(0 if ask(sys.argv[1], float(sys.argv[2])) else 1)
