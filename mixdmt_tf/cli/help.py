"""The text of `--help`."""

from __future__ import annotations

import shutil
import textwrap
from typing import Iterable, List, Sequence, Tuple

from mixdmt_tf.settings import Setting, to_text

_COLUMN = 30
_WIDEST = 100
# Of a command with more flags than MANY, `--help` shows these.
MANY = 30
FIRST = (
    *("dry_run", "dataset", "data_dir", "labels", "validation"),
    *("algorithm", "network", "steps", "max_minutes", "batch", "seed"),
    *("compare_supervised", "workdir"),
)


def text(
    program: str,
    summary: str,
    groups: Iterable[Tuple[str, Iterable[Setting]]],
    arguments: Sequence[str] = (),
    full: bool = False,
) -> str:
    """Formats the description of a command and its flags.

    Args:
        program: name of the command.
        summary: what it does, in a sentence or a few paragraphs.
        groups: title and settings of each group of flags.
        arguments: names of the arguments that aren't flags.
        full: show all flags, even if there are many.

    Returns:
        Lines of `--name=default` with the help and, in brackets, the allowed values.
    """
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    usage = " ".join([f"usage: {program}", *arguments, "[--flag=value ...]"])
    lines = [summary.strip(), "", usage]
    sections = [(title, tuple(settings)) for title, settings in groups]
    number = sum(len(settings) for _, settings in sections)
    many = number > MANY
    for title, settings in sections:
        shown = [s for s in settings if full or not many or s.name in FIRST]
        lines += ["", title] if shown else []
        for setting in shown:
            flag = f"--{setting.name}={to_text(setting.default)}"
            lines += _entry(flag, setting.help + _allowed(setting), width)
    lines += ["", "every command"]
    lines += _entry(
        "--flagfile=FILE",
        "read flags from this file, one --name=value per line; lines that begin with # "
        "are comments; flags of the command line win. Those of flags/ are found by "
        "name from anywhere: --flagfile=quickstart",
        width,
    )
    two = f"show the flags to begin with, and all {number}"
    lines += _entry("--help, -h, --helpfull", two if many else "show this", width)
    lines += _entry("--version", "show the version", width)
    lines += ["", "Shown are the defaults. --name and --noname are true and false."]
    if many and not full:
        titles = ", ".join(title for title, _ in sections)
        lines += textwrap.wrap(f"--helpfull shows all {number} flags: {titles}.", width)
    return "\n".join(lines) + "\n"


def _allowed(setting: Setting) -> str:
    bounded = setting.low is not None or setting.high is not None
    if setting.choices is None and not bounded and setting.type in ("bool", "str"):
        return ""
    return f" [{setting.expected}]"


def _entry(flag: str, explanation: str, width: int) -> List[str]:
    """Formats a flag, with its explanation beside it, or below if there is no room."""
    lines = textwrap.wrap(
        explanation,
        width=max(width, _COLUMN + 20),
        initial_indent=" " * _COLUMN,
        subsequent_indent=" " * _COLUMN,
        break_on_hyphens=False,
    )
    if len(flag) + 4 > _COLUMN or not lines:
        return [f"  {flag}", *lines]
    return [f"  {flag}".ljust(_COLUMN) + lines[0].lstrip(), *lines[1:]]
