"""A table of figures on the terminal, and as JSON with the machine they are of."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
from typing import Any, Dict, List, Optional

Row = Dict[str, Any]


def parser(text: Optional[str], rounds: int) -> argparse.ArgumentParser:
    """The arguments that all benchmarks have.

    Args:
        text: the benchmark's docstring.
        rounds: how often each thing is timed, if nobody says otherwise.
    """
    found = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("--rounds", type=int, default=rounds, help="calls of each")
    add_json(found)
    return found


def add_json(parser: argparse.ArgumentParser) -> None:
    """The argument of benchmarks that have no rounds."""
    parser.add_argument("--json", help="file that gets the figures and the machine")


def show(rows: List[Row], path: Optional[str], **more: Any) -> None:
    """Prints rows, which have the same keys, as a Markdown table.

    Args:
        rows: text and numbers, of which the first of a row says what it is about.
        path: of a JSON file that gets them too, with machine, threads, versions and
            command.
        **more: what else belongs into that file.
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
    """Three significant digits of a number."""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
