"""Single values as text."""

from __future__ import annotations

import pytest

from mixdmt_tf.cli.values import Parser, Serializer, shown, suggest
from mixdmt_tf.settings import Setting

INT = Setting("x", "int")
FLOAT = Setting("x", "float")
BOOL = Setting("x", "bool")
TEXT = Setting("x", "str")
RATE = Setting("x", "float", optional=True, low=0.0, high=1.0, words=("auto",))


def optional(kind: str) -> Setting:
    """A setting that may be None."""
    return Setting("x", kind, optional=True)


@pytest.mark.parametrize(
    "setting, text, value",
    [
        (INT, "250", 250),
        (INT, "-3", -3),
        (INT, "+3", 3),
        (INT, " 007 ", 7),
        (INT, "-9223372036854775807", -(2**63) + 1),
        (FLOAT, "1", 1.0),
        (FLOAT, "1e-3", 0.001),
        (FLOAT, "-.5", -0.5),
        (FLOAT, "2.", 2.0),
        (BOOL, "true", True),
        (BOOL, "True", True),
        (BOOL, "1", True),
        (BOOL, "f", False),
        (TEXT, " two words ", "two words"),
        (TEXT, "", ""),
        (TEXT, "none", "none"),
        (TEXT, "a=b", "a=b"),
        (optional("int"), "none", None),
        (optional("str"), "", None),
        (optional("str"), "None", None),
        (optional("float"), "3", 3.0),
        (RATE, "auto", "auto"),
        (RATE, "AUTO", "auto"),
        (RATE, ".5", 0.5),
        (RATE, "none", None),
    ],
)
def test_good_values(setting, text, value):
    parsed = Parser(setting).parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    "setting, text",
    [
        (RATE, "2"),
        (RATE, "automatic"),
        (INT, "1e3"),
        (INT, "2.5"),
        (INT, "1_000"),
        (INT, "0x10"),
        (INT, "\u0661\u0662"),  # Arabic digits, which int() takes
        (INT, ""),
        (INT, "none"),
        (INT, "9223372036854775808"),
        (INT, "9" * 5000),
        (FLOAT, "nan"),
        (FLOAT, "-inf"),
        (FLOAT, "1e999"),
        (FLOAT, "1_0.0"),
        (FLOAT, "."),
        (FLOAT, "e5"),
        (BOOL, "yes"),
        (BOOL, ""),
        (TEXT, "two\nlines"),
        (TEXT, "bell\a"),
        (TEXT, "undecodable \udcff"),
        (TEXT, "runs/a --labels=3"),
        (TEXT, "runs/a # the first"),
    ],
)
def test_bad_values(setting, text):
    with pytest.raises(ValueError, match="^expected "):
        Parser(setting).parse(text)


def test_a_huge_integer_is_told_why():
    with pytest.raises(ValueError, match="an integer that fits into 64 bits"):
        Parser(INT).parse("9" * 30)


@pytest.mark.parametrize(
    "value",
    [0.1, 1 / 3, 2e-3, 1e-300, -0.0, 75.0, 3, -(2**62), True, False, None, "a b", ""],
)
def test_text_gives_the_value_back(value):
    kind = "str" if value is None else type(value).__name__
    parser = Parser(Setting("x", kind, optional=value is None))
    assert repr(parser.parse(Serializer().serialize(value))) == repr(value)


@pytest.mark.parametrize(
    "setting, text, near",
    [
        (INT, "1e3", "1000"),
        (INT, "2.5", "3"),
        (INT, "10,000", "10000"),
        (INT, "10_000", "10000"),
        (INT, "nan", None),
        (INT, "many", None),
        (Setting("x", "int", low=1), "0", "1"),
        (Setting("x", "int", high=9), "1e3", "9"),
        (FLOAT, "0,5", "0.5"),
        (FLOAT, "inf", None),
        (Setting("x", "float", low=0.0, high=1.0), "1.5", "1.0"),
        (BOOL, "yes", "true"),
        (BOOL, "off", "false"),
        (BOOL, "flase", "false"),
        (TEXT, "x", None),
        (Setting("x", "str", choices=("linear", "log")), "Linaer", "linear"),
        (Setting("x", "str", True, choices=("log",)), "nonee", "none"),
        (Setting("x", "int", choices=(28, 40)), "29", "28"),
    ],
)
def test_suggestions(setting, text, near):
    assert suggest(setting, text) == near


def test_shown_fits_a_message():
    assert shown("runs/a") == "runs/a"
    assert shown("a\n\x1b[31m") == r"'a\n\x1b[31m'"
    assert len(shown("x" * 10000)) < 100
    assert shown("") == "''"
