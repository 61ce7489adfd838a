"""Lets the scripts in this folder run from a checkout, without activating anything.

Each of them is `if __name__ == "__main__": run("mixdmt_tf.cli.<command>")`.

Even Python 3.6 has to be able to read this file, to be told that it is too old.
"""

import signal

# Ctrl-C ends the process without a traceback until the command can answer it.
signal.signal(signal.SIGINT, signal.SIG_DFL)

import importlib  # noqa: E402
import importlib.util  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

OLDEST_PYTHON = (3, 9)
NEEDED = ("absl", "keras", "numpy", "tensorflow")


def run(module: str, **options: object) -> None:
    """Calls `main(argv, **options)` of a module of the package and exits with its code.

    The package is the one beside this folder. It runs in the checkout's `.venv`, which
    `make install` makes; without one, in the Python that is running now.
    """
    checkout = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = os.path.join(checkout, ".venv")
    _enter(environment)
    problem = _problem()
    if problem:
        sys.exit("{}: run `make install` in {}".format(problem, checkout))
    sys.path.insert(0, checkout)
    sys.exit(importlib.import_module(module).main(sys.argv[1:], **options))


def _enter(environment: str) -> None:
    """Starts this very command again in a virtual environment, unless we are in it."""
    python = os.path.join(environment, "bin", "python")
    # Without pyvenv.cfg its Python would not know that it is inside: an endless loop.
    complete = os.path.isfile(os.path.join(environment, "pyvenv.cfg"))
    inside = os.path.realpath(sys.prefix) == os.path.realpath(environment)
    if complete and os.access(python, os.X_OK) and not inside:
        os.execv(python, [python] + sys.argv)


def _problem() -> str:
    """What keeps this Python from running the package, or ''."""
    if sys.version_info < OLDEST_PYTHON:
        return "mixdmt_tf needs Python {}.{} or newer, and this is {}.{}".format(
            *(OLDEST_PYTHON + tuple(sys.version_info[:2]))
        )
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return "{} lacks what mixdmt_tf needs ({})".format(
            sys.executable, ", ".join(missing)
        )
    return ""
