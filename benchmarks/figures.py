"""Prints a table of figures, and writes it as JSON with facts about the machine."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
from typing import Any, Dict, List, Optional

Row = Dict[str, Any]


def parser(text: Optional[str], rounds: int) -> argparse.ArgumentParser:
    """Creates a parser with the arguments of all benchmarks.

    Args:
        text: the benchmark's docstring.
        rounds: how often each function is timed by default.
    """
    found = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("--rounds", type=int, default=rounds, help="calls of each")
    add_json(found)
    return found


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds the argument of all benchmarks, including those without rounds."""
    parser.add_argument("--json", help="file that gets the figures and the machine")


def show(rows: List[Row], path: Optional[str], **more: Any) -> None:
    """Prints rows, which have the same keys, as a Markdown table.

    Args:
        rows: text and numbers; the first value of a row is its title.
        path: of a JSON file to write the rows to, with machine, threads, versions and
            command; None for no file.
        **more: further entries for that file.
    """
    names = list(rows[0])
    cells = [names, *([_text(row[name]) for name in names] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    cells.insert(1, ["-" * width for width in widths])
    for row in cells:
        line = " | ".join(cell.ljust(w) for cell, w in zip(row, widths))
        print(f"| {line} |", flush=True)
    if path:
        from mixdmt_tf.runs import environment  # imports TensorFlow

        facts = {
            "command": " ".join(sys.argv),
            "machine": environment.machine(),
            "threads": os.environ.get("TF_NUM_INTRAOP_THREADS", "all"),
            "versions": environment.versions(),
            "rows": rows,
            **more,
        }
        pathlib.Path(path).write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def _text(value: Any) -> str:
    """Formats a value, numbers with three significant digits."""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
