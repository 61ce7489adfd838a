"""One value as text: absl's parser and serializer for a declared setting.

absl's own parsers accept NaN as a number and 0x10 as an integer, and show Python's
error messages. These accept what the declaration allows and say what is expected.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Optional, Union

from absl import flags

from mixdmt_tf.settings import Setting, Value, nearest, to_text

# ASCII only: int() and float() would also accept other digits, underscores and blanks.
_NUMBERS = {
    "int": re.compile(r"[+-]?[0-9]+"),
    "float": re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"),
}
_BOOLS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_BOOLS_ELSEWHERE = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_LONGEST_INTEGER = 20  # characters of 64 bits; for more, int() is slow or fails
_LONGEST_SHOWN = 80
# Control characters, undecodable bytes, line and paragraph separators.
_UNWRITABLE = {"Cc", "Cs", "Zl", "Zp"}


class Parser(flags.ArgumentParser):  # type: ignore[misc, type-arg, unused-ignore]
    """Converts text to the value of a setting."""

    def __init__(self, setting: Setting) -> None:
        """Stores the declaration of the setting."""
        super().__init__()
        self.setting = setting
        self.syntactic_help = setting.expected

    def flag_type(self) -> str:
        """Returns the name of the type, for absl."""
        return self.setting.type

    def parse(self, argument: Union[str, Value]) -> Value:
        """Converts text to a value.

        Surrounding blanks are ignored. For an optional setting, '' and 'none' mean
        None.

        Args:
            argument: text; or a value, which absl passes for the default.

        Raises:
            ValueError: if the text is invalid; the message says what is expected.
        """
        if not isinstance(argument, str):
            return argument
        text = argument.strip()
        if self.setting.optional and text.lower() in ("", "none"):
            return None
        if text.lower() in self.setting.words:
            return text.lower()
        value = _convert(self.setting.type, text)
        if value is None or not self.setting.accepts(value):
            size = " that fits into 64 bits" if _is_huge(self.setting, text) else ""
            raise ValueError(f"expected {self.setting.expected}{size}")
        if isinstance(value, str) and self.setting.choices is None:
            _check_writable(value)
        return value


class Serializer(flags.ArgumentSerializer):  # type: ignore[misc, type-arg, unused-ignore]
    """Converts a value to text that `Parser` reads back as the same value."""

    def serialize(self, value: Value) -> str:
        """Returns the text; floats keep every bit."""
        return to_text(value)


def shown(text: str) -> str:
    """Shortens and escapes a user's text for messages on any terminal."""
    if 0 < len(text) <= _LONGEST_SHOWN and text.isprintable():
        return text
    return ascii(text[:_LONGEST_SHOWN])


def suggest(setting: Setting, text: str) -> Optional[str]:
    """Returns the allowed value nearest to a refused text; None if none is near."""
    text = text.strip()
    if setting.type == "bool":
        return _BOOLS_ELSEWHERE.get(text.lower()) or nearest(text, ("true", "false"))
    if setting.type == "str":
        words = [to_text(choice) for choice in setting.choices or ()]
        return nearest(text, [*words, "none"] if setting.optional else words)
    try:
        # People write numbers as 0,5 or 10,000 or 10_000.
        number = float(text.replace(",", "." if setting.type == "float" else ""))
    except ValueError:
        return nearest(text, setting.words)
    if not math.isfinite(number):
        return None
    near: Value = math.floor(number + 0.5) if setting.type == "int" else number
    if setting.low is not None and number < setting.low:
        near = setting.low
    if setting.high is not None and number > setting.high:
        near = setting.high
    if setting.choices:
        near = min(setting.choices, key=lambda choice: abs(float(choice or 0) - number))
    return to_text(near) if setting.accepts(near) else None


def _convert(kind: str, text: str) -> Value:
    """Converts text to the type; None if it can't be converted."""
    if kind == "str":
        return text
    if kind == "bool":
        return _BOOLS.get(text.lower())
    if not _NUMBERS[kind].fullmatch(text):
        return None
    if kind == "float":
        return float(text)
    return int(text) if len(text) <= _LONGEST_INTEGER else None


def _is_huge(setting: Setting, text: str) -> bool:
    is_integer = (
        setting.type == "int"
        and setting.high is None
        and _NUMBERS["int"].fullmatch(text)
    )
    return bool(is_integer) and len(text) >= _LONGEST_INTEGER - 1


def _check_writable(text: str) -> None:
    """Refuses text that can't be written to a flagfile and read back."""
    if any(unicodedata.category(character) in _UNWRITABLE for character in text):
        raise ValueError("expected text without line breaks or control characters")
    if " --" in text or " # " in text:
        raise ValueError(
            "expected one value; another flag or a # comment has a line of its own"
        )
