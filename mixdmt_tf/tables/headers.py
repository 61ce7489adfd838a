"""What a flagfile opens with: paper and row, published numbers, cost, command."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from typing import Dict, Optional, Tuple

from mixdmt_tf.errors import UserError
from mixdmt_tf.tables.measures import MEASURES, Measure

_PUBLISHED = [measure.header for measure in MEASURES]
_HEADER = re.compile(rf"# (Paper|{'|'.join(_PUBLISHED)}|Cost|Command|First): (.*)")
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)(?: ?± ?(\d+(?:\.\d+)?))?(?: ?%)?")
_WORDS = ("not recoverable", "not published", "none")
_PLACE = re.compile(r"(.*), row (.+?)\.?")
# Stands for a file in '# Command: ...', by the flag of the network that gets it.
_WEIGHTS = re.compile(r"--(pretrained(?:_b)?)=(\S+)")
WEIGHTS = ("coco", "imagenet")  # kinds of published weights
_COST = re.compile(r"(?:about )?(\d+(?:\.\d+)?) (second|minute|hour|day)s?\b")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


@dataclasses.dataclass(frozen=True)
class Published:
    """One number of a paper.

    Attributes:
        text: as it is shown: '47.32 ± 4.71', 'not recoverable'.
        value: in percent, None if there is none.
        std: standard deviation in percent, None if there is none.
    """

    text: str
    value: Optional[float] = None
    std: Optional[float] = None


def read_header(path: pathlib.Path, measure: Measure) -> Dict[str, str]:
    """The lines '# Paper: ...' and so on that a flagfile opens with, by their names.

    Args:
        path: of the flagfile.
        measure: what the published numbers must be.

    Raises:
        UserError: if the file or a line that it must have is missing, or if it has
            published numbers of another measure.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"can't read {path}: {reason}") from None
    header: Dict[str, str] = {}
    for line in lines:
        if not line.startswith("#"):
            break
        match = _HEADER.fullmatch(line.rstrip())
        if match:
            header[match[1]] = match[2].strip()
    for each in _PUBLISHED:
        if each in header and each != measure.header:
            raise UserError(
                f"{path} opens with a line '# {each}: ...'\n"
                f"expected '# {measure.header}: ...' alone, to go with 'shown' in "
                "table.ini"
            )
    missing = [each for each in ("Paper", measure.header) if each not in header]
    if missing:
        raise UserError(f"{path} does not open with a line '# {missing[0]}: ...'")
    return header


def published(text: str, columns: Tuple[str, ...]) -> Dict[str, Published]:
    """Parses '250: 47.32 ± 4.71; 500: not recoverable', or a lone number or words.

    Remarks in parentheses are passed over. Columns that aren't named have no number.

    Args:
        text: what follows '# Published error:' or '# Published mean IoU:'.
        columns: values of the column flag; ('',) in a table of one column.

    Raises:
        ValueError: in words, what is wrong.
    """
    text = re.sub(r"\([^)]*\)", "", text).strip()
    if text in _WORDS:
        return dict.fromkeys(columns, Published(text))
    found: Dict[str, Published] = {}
    for part in text.split(";"):
        column, colon, value = part.rpartition(":")
        column, value = column.strip(), " ".join(value.split())
        if column not in columns:
            expected = f"one of {', '.join(columns)} and a colon before the number"
            raise ValueError(
                f"expected {expected if columns != ('',) else 'no colon'}, got "
                f"'{part.strip()}'"
            )
        match = _NUMBER.fullmatch(value)
        if match:
            std = float(match[2]) if match[2] else None
            found[column] = Published(value.rstrip(" %"), float(match[1]), std)
        elif value in _WORDS:
            found[column] = Published(value)
        else:
            words = "', '".join(_WORDS)
            raise ValueError(f"'{value}': expected 1.23, 1.23 ± 0.45, '{words}'")
    return {column: found.get(column, Published("none")) for column in columns}


def place(path: pathlib.Path, text: str) -> Tuple[str, bool]:
    """What the paper calls a row, and whether its table lacks it.

    Args:
        path: of the flagfile.
        text: what follows '# Paper:', such as 'RealMix (arXiv:1912.08766), table 2, row
            VAT.' or, of a row that was put beside the paper's, '..., beside table 2,
            row UDA.'

    Raises:
        UserError: if no row is named.
    """
    match = _PLACE.fullmatch(text)
    if match is None:
        raise UserError(
            f"{path}: '# Paper: {text}' names no row\n"
            "expected '# Paper: ..., table N, row LABEL.'"
        )
    return match[2], ", beside " in match[1]


def weights(path: pathlib.Path, command: str) -> Dict[str, str]:
    """Kinds of published weights that a row's networks start from, by their flags.

    Args:
        path: of the flagfile.
        command: what follows '# Command:', such as
            'bin/train --pretrained=COCO --pretrained_b=IMAGENET'.

    Returns:
        Such as {'pretrained': 'coco', 'pretrained_b': 'imagenet'}.

    Raises:
        UserError: if a kind is none of `WEIGHTS`.
    """
    found: Dict[str, str] = dict(_WEIGHTS.findall(command))
    for flag, kind in found.items():
        if kind.lower() not in WEIGHTS:
            expected = " or ".join(f"--{flag}={each.upper()}" for each in WEIGHTS)
            raise UserError(
                f"{path}: '# Command: ... --{flag}={kind}'\nexpected {expected}"
            )
    return {flag: kind.lower() for flag, kind in found.items()}


def cost(text: str) -> Optional[float]:
    """Seconds, from '12 minutes on 2 CPU cores.'; None if no time stands there."""
    match = _COST.match(text)
    return float(match[1]) * _SECONDS[match[2]] if match else None
