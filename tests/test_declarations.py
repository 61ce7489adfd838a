"""Declarations of settings, read from source text without importing anything."""

from __future__ import annotations

import importlib
import sys

import pytest

from mixdmt_tf import source_text
from mixdmt_tf.settings import (
    DeclarationError,
    Setting,
    assumed,
    class_named,
    classes,
    declared,
    modules,
    settings_of,
)
from mixdmt_tf.source_text import class_attribute

HEADER = """\
import dataclasses
from typing import ClassVar, Optional, Union
from mixdmt_tf.settings import override, setting

@dataclasses.dataclass(frozen=True)
class Config:
"""


def test_every_type_and_keyword(package):
    package(
        all_of_them=HEADER
        + """\
    shared: ClassVar[int] = 3
    constant = 4
    count: int = setting(-3, "how many", low=-5, high=10)
    rate: float = setting(-1e-8, help="a " "share", low=-1)
    switch: bool = setting(default=False, help="on or off", harmless=True)
    name: str = setting("b", "a name", choices=("a", "b"))
    limit: Optional[int] = setting(None, "a limit")
    word: Optional[str] = setting("x", "a word")

    @property
    def double(self) -> int:
        return 2 * self.count
"""
    )
    assert declared("made.all_of_them") == (
        Setting("count", "int", False, -3, "how many", low=-5, high=10),
        Setting("rate", "float", False, -1e-8, "a share", low=-1),
        Setting("switch", "bool", False, False, "on or off", harmless=True),
        Setting("name", "str", False, "b", "a name", choices=("a", "b")),
        Setting("limit", "int", True, None, "a limit"),
        Setting("word", "str", True, "x", "a word"),
    )


@pytest.mark.parametrize(
    "imports, base",
    [
        ("from made import base", "base.Config"),
        ("from made import base as ground", "ground.Config"),
        ("import made.base", "made.base.Config"),
        ("import made.base as ground", "ground.Config"),
        ("from made.base import Config", "Config"),
        ("from made.base import Config as Ground", "Ground"),
    ],
)
def test_inherited_fields_keep_their_place(package, imports, base):
    package(
        base=HEADER
        + '    a: int = setting(1, "a")\n'
        + '    b: int = setting(2, "b")\n',
        derived=f"""\
{imports}
import dataclasses
from mixdmt_tf.settings import setting

@dataclasses.dataclass(frozen=True)
class Config({base}):
    c: int = setting(3, "c")
    a: float = setting(0.5, "another a")
""",
        __init__="",
    )
    read = declared("made.derived")
    assert [(each.name, each.default) for each in read] == [
        ("a", 0.5),
        ("b", 2),
        ("c", 3),
    ]
    assert "made.derived" not in sys.modules
    assert read == settings_of(importlib.import_module("made.derived").Config)


def test_a_number_may_be_a_word_instead(package):
    package(
        rate=HEADER
        + """\
    rate: Union[float, str, None] = setting(None, "r", low=0.0, words=("auto",))
""",
        __init__="",
    )
    (read,) = declared("made.rate")
    assert [read.accepts(value) for value in (0.5, "auto", None, "often", -0.5)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert read.expected == "a finite number >= 0.0, or auto or none"
    assert (read,) == settings_of(importlib.import_module("made.rate").Config)


def test_base_of_the_same_file(package):
    package(
        both=HEADER.replace("Config", "Common")
        + """\
    a: int = setting(1, "a")

@dataclasses.dataclass(frozen=True)
class Config(Common):
    b: int = setting(2, "b")
"""
    )
    assert [each.name for each in declared("made.both")] == ["a", "b"]
    assert [each.name for each in declared("made.both", "Common")] == ["a"]


def test_classes_are_found_by_the_name_of_their_file(package):
    package(
        pi_model="class Config: pass\n\nclass PiModel(base.Algorithm):\n    pass",
        uda="class UDA: pass",
        helper="class Help: pass\n    class Helper: pass\nHELPER = 1",
        _private="class Private: pass",
    )
    assert classes("made") == {"pi_model": "PiModel", "uda": "UDA"}
    assert class_named("made.pi_model") == "PiModel"


def test_attributes_of_classes_are_those_of_the_nearest_base_that_has_them(package):
    package(
        base="import keras\n"
        "class Base(keras.Model):\n    several: bool = False\n    none: int",
        uda="from made import base\nclass UDA(base.Base):\n    several = True",
        vat="from made import uda\nclass VAT(uda.UDA):\n    other = (1, 2)",
        ict="from made import uda\nclass ICT(uda.UDA):\n    several = False",
    )
    found = {
        name: class_attribute(f"made.{name.lower()}", name, "several")
        for name in ("UDA", "VAT", "ICT")
    }
    assert found == {"UDA": True, "VAT": True, "ICT": False}
    assert class_attribute("made.base", "Base", "several") is False
    assert class_attribute("made.vat", "VAT", "other") == (1, 2)
    assert class_attribute("made.base", "Base", "none") is None


def bringing(base, values):
    return f"""\
from made import {base}
assumes = {values}

class Config({base}.Config):
    pass
"""


def test_defaults_that_a_method_brings(package):
    package(
        root="class Config:\n    pass\n",
        family=bringing("root", {"network": "small", "batch": 8}),
        plain="from made import family\nclass Config(family.Config):\n    pass\n",
        special=bringing("plain", {"batch": 2, "limit": None}),
        city="assumes = {'special': {'rate': 0.5}, "
        "'family': {'rate': 1.0, 'batch': 3}}",
        village="x = 3",
        __init__="",
    )
    both = {"network": "small", "batch": 8}
    assert assumed("made.root") == {}
    assert assumed("made.family") == assumed("made.plain") == both
    own = {"network": "small", "batch": 2, "limit": None}
    assert assumed("made.special") == assumed("made.special", "made.village") == own
    assert assumed("made.root", "made.city") == {}
    assert assumed("made.plain", "made.city") == {**both, "batch": 3, "rate": 1.0}
    # What a method's own file says counts more than what is said of its family.
    expected = {**own, "rate": 0.5}
    assert assumed("made.special", "made.city") == expected
    assert not any(name.startswith("made.") for name in sys.modules)


def test_what_is_brought_has_to_be_literal(package):
    package(bad="SIZE = 3\nassumes = {'batch': SIZE}\nclass Config:\n    pass\n")
    with pytest.raises(DeclarationError, match=r"bad.py:2: assumes: .* literals only"):
        assumed("made.bad")


FIRST_LINE = HEADER.count("\n") + 1


@pytest.mark.parametrize(
    "field, expected",
    [
        ("a: int = setting(2 * 3, 'product')", "literals only"),
        ("a: int = setting(DEFAULT, 'a constant')", "literals only"),
        ("a: str = setting('x', f'formatted')", "literals only"),
        ("a: int = setting(1, 'a', low=LOW)", "literals only"),
        ("a: list = setting(1, 'a list')", "the type is list"),
        ("a: Optional[list] = setting(None, 'a')", "the type is Optional[list]"),
        ("a: int = 3", "expected setting("),
        ("a: int", "expected setting("),
        ("a = setting(1, 'no type')", "without a type"),
        ("a: int = setting(1)", "expected setting("),
        ("a: int = setting(1, 'a', None)", "expected setting("),
        ("a: int = setting()", "expected setting("),
        ("a: int = override()", "override(default, note)"),
        ("a: int = override(1, 'a', 'b')", "override(default, note)"),
        ("a: int = override(1, low=0)", "override(default, note)"),
        ("a: int = override(1)", "no base declares"),
        ("a = override(1)", "without a type"),
        ("a: int = setting(1, 'a', lowest=0)", "expected setting("),
        ("a: int = setting(1.0, 'a')", "1.0 is not an integer"),
        ("a: int = setting(True, 'a')", "True is not an integer"),
        ("a: float = setting(1, 'a')", "write 1.0"),
        ("a: int = setting(0, 'a', low=1)", "0 is not an integer >= 1"),
        ("a: str = setting('z', 'a', choices=('x', 'y'))", "not one of x, y"),
        ("a: int = setting(None, 'a')", "None is not an integer"),
    ],
)
def test_a_bad_declaration_names_file_and_line(package, field, expected):
    folder = package(bad=f"{HEADER}    {field}\n")
    with pytest.raises(DeclarationError) as caught:
        declared("made.bad")
    assert str(caught.value).startswith(f"{folder / 'bad.py'}:{FIRST_LINE}: ")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "source, expected",
    [
        ("class Config(unknown.Config): pass", "bad.py:1: can't tell where"),
        ("x = 3", "expected a class Config"),
        ("import absent\nclass Config(absent.Config): pass", "no source file"),
    ],
)
def test_a_class_that_cannot_be_found(package, source, expected):
    package(bad=source)
    with pytest.raises(DeclarationError) as caught:
        declared("made.bad")
    assert expected in str(caught.value)


def test_modules_are_found_by_file_name(package):
    package(
        b_net="def build(): pass",
        a_net="x = 1\ndef build(\n): pass",
        helper="def build_more(): pass\n        def build(): pass",
        _private="def build(): pass",
        __init__="def build(): pass",
    )
    assert modules("made", "build") == ("a_net", "b_net")


def test_modules_that_inherit_a_definition_are_found(package):
    """Of the class that bears the file's name, and within the package only."""
    package(
        a_net="class ANet:\n    def build(self): pass",
        b_net="from made import a_net\nclass BNet(a_net.ANet): pass",
        c_net="from made.b_net import BNet\nclass CNet(BNet): pass",
        other="from made.b_net import BNet\nclass Another(BNet): pass",
        dict="import collections.abc\nclass Dict(collections.abc.Mapping): pass",
        adam="import keras\nclass Adam(keras.optimizers.Adam): pass",
    )
    assert modules("made", "build") == ("a_net", "b_net", "c_net")


def test_files_that_changed_are_read_again_when_asked(package):
    folder = package(network="class Network:\n    def build(self): pass\n")
    assert modules("made", "build") == ("network",)
    (folder / "network.py").write_text("class Network: pass\n", "utf-8")
    (folder / "other.py").write_text("def build(): pass\n", "utf-8")
    assert modules("made", "build") == ("network",)
    source_text.forget()
    assert modules("made", "build") == ("other",)
    assert dict(classes("made")) == {"network": "Network"}
