"""Errors whose messages are addressed to the user."""

from __future__ import annotations


class UserError(Exception):
    """What went wrong, what was expected and what to do, in one to three lines.

    The command line prints the message without a traceback and ends with `exit_code`.
    """

    exit_code = 1


class UsageError(UserError):
    """The flags or arguments themselves are wrong."""

    exit_code = 2


class ArgumentError(UsageError, ValueError):
    """An argument of a Python call is wrong.

    It is a `ValueError` too, so that programs can catch it without this package's own
    error classes.
    """
