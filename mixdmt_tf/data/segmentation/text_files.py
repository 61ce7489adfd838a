"""Reads lists from text files: names of images or classes."""

from __future__ import annotations

import pathlib
from typing import Tuple

from mixdmt_tf import bounds
from mixdmt_tf.data import image_files
from mixdmt_tf.errors import UserError


def read_lines(path: pathlib.Path) -> Tuple[str, ...]:
    """Reads the lines of a text file, without blank lines.

    Raises:
        UserError: if it can't be read or is not text.
    """
    try:
        content = bounds.read_bytes(path, bounds.TEXT_BYTES)
        text = content.decode("utf-8-sig")
    except bounds.TooLarge as error:
        raise UserError(f"{image_files.printable(path)} is {error}") from None
    except OSError as error:
        raise UserError(
            f"{image_files.printable(path)} can't be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError:
        raise UserError(f"{image_files.printable(path)} is not text in UTF-8") from None
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def read_class_names(path: pathlib.Path) -> Tuple[str, ...]:
    """Reads class names, one on each line, starting with class 0.

    Raises:
        UserError: if there are fewer than 2 or more than 255, or one occurs twice or
            has control characters.
    """
    names = read_lines(path)
    problem = ""
    if not 2 <= len(names) <= 255:
        problem = f"{len(names)} names; expected 2 to 255, one on each line"
    elif not all(map(str.isprintable, names)):
        wrong = next(name for name in names if not name.isprintable())
        problem = f"{image_files.printable(wrong)} has control characters"
    elif len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        problem = f"{image_files.printable(twice)} occurs twice"
    if problem:
        raise UserError(f"{image_files.printable(path)}: {problem}")
    return names
