"""Defaults that a class overrides, settings of several bases, and a parent's."""

from __future__ import annotations

import dataclasses
import importlib

import pytest

from mixdmt_tf.settings import (
    DeclarationError,
    Setting,
    assumed,
    declared,
    settings_of,
)
from tests.test_declarations import HEADER

PARTS = """\
import dataclasses
from made import base
from mixdmt_tf.settings import override, setting

@dataclasses.dataclass(frozen=True)
class First:
    d: int = setting(4, "d")
    a: int = override(5)

@dataclasses.dataclass(frozen=True)
class Second:
    c: str = setting("x", "c", choices=("x", "y"))
    a: int = override(7, "7 of Second")

@dataclasses.dataclass(frozen=True)
class Config(First, Second, base.Config):
    b: int = override(3, "so that b is 3")
"""
BASE = (
    HEADER
    + '    a: int = setting(1, "a", low=0, high=9, harmless=True)\n'
    + '    b: int = setting(2, "b")\n'
)


def test_an_override_inherits_all_but_the_default(package):
    package(base=BASE, derived=PARTS, __init__="")
    read = declared("made.derived")
    assert read == (
        Setting("a", "int", False, 5, "a", low=0, high=9, harmless=True),
        Setting("b", "int", False, 3, "b (so that b is 3)"),
        Setting("c", "str", False, "x", "c", choices=("x", "y")),
        Setting("d", "int", False, 4, "d"),
    )
    config = importlib.import_module("made.derived").Config
    assert settings_of(config) == read
    assert dataclasses.asdict(config()) == {each.name: each.default for each in read}


@pytest.mark.parametrize(
    "field, expected",
    [
        ("b: int = override(10)", "the default 10 is not an integer from 0 to 9"),
        (
            "b: float = override(1.0)",
            "no base declares a setting of this name and",
        ),
        ("c: int = override(1)", "no base declares"),
    ],
)
def test_a_bad_override_is_refused_in_source_and_class(package, field, expected):
    package(
        base=BASE.replace('"b"', '"b", low=0, high=9'),
        bad=PARTS.replace('b: int = override(3, "so that b is 3")', field).replace(
            "First, Second, ", ""
        ),
        __init__="",
    )
    for read in (
        lambda: declared("made.bad"),
        lambda: settings_of(importlib.import_module("made.bad").Config),
    ):
        with pytest.raises(DeclarationError) as caught:
            read()
        assert expected in str(caught.value)


def test_bases_with_a_base_in_common_are_refused(package):
    package(base=BASE, bad=PARTS.replace("class Second:", "class Second(base.Config):"))
    with pytest.raises(DeclarationError, match="bad.py:16: .* a base in common"):
        declared("made.bad")


def test_a_method_without_a_config_has_its_parents(package):
    package(
        base=BASE,
        parent="from made import base\nassumes = {'batch': 2, 'network': 'x'}\n"
        "class Config(base.Config):\n    pass\nclass Parent:\n    pass\n",
        child="from made import parent\nclass Child(parent.Parent):\n    pass\n",
        grand_child="from made.child import Child\nassumes = {'batch': 3}\n"
        "class GrandChild(Child):\n    pass\n",
        city="assumes = {'grand_child': {'a': 4}, 'child': {'a': 5, 'b': 6}}",
    )
    assert declared("made.grand_child") == declared("made.base")
    assert assumed("made.grand_child") == {"batch": 3, "network": "x"}
    expected = {"batch": 3, "network": "x", "a": 4, "b": 6}
    assert assumed("made.grand_child", "made.city") == expected
