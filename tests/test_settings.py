"""Settings: what is allowed, and that source text and class say the same."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Optional

import pytest

from mixdmt_tf import algorithms
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import (
    DeclarationError,
    Setting,
    check,
    classes,
    declared,
    modules,
    nearest,
    setting,
    settings_of,
)
from mixdmt_tf.source_text import defines

ALGORITHMS = "mixdmt_tf.algorithms"
REAL = [
    f"mixdmt_tf.{layer}.{name}"
    for layer in (
        "data.classification",
        "data.segmentation",
        "models",
        "algorithms.parts",
        "algorithms.classification",
        "algorithms.segmentation",
        "runs",
    )
    for name in modules(f"mixdmt_tf.{layer}", "Config")
    if defines(f"mixdmt_tf.{layer}.{name}", "Config")
]


@pytest.mark.parametrize("module", REAL)
def test_source_and_class_say_the_same(module):
    config = importlib.import_module(module).Config
    assert declared(module) == settings_of(config)
    assert [each.name for each in declared(module)] == [
        field.name for field in dataclasses.fields(config)
    ]
    check(declared(module), config())


def test_there_are_real_declarations():
    assert "mixdmt_tf.algorithms.classification.realmix" in REAL


METHODS = [
    (task, name)
    for task in ("classification", "segmentation")
    for name in classes(f"mixdmt_tf.algorithms.{task}")
]


@pytest.mark.parametrize("task, name", METHODS)
def test_source_and_method_say_the_same(task, name):
    config = algorithms.method(task, name).config_class
    assert declared(f"mixdmt_tf.algorithms.{task}.{name}") == settings_of(config)


@pytest.mark.parametrize("task, name", METHODS)
def test_what_all_methods_have_means_the_same_in_each(task, name):
    """Another default brings a note at most; range and choices stay what they are."""
    of_method = {each.name: each for each in declared(f"{ALGORITHMS}.{task}.{name}")}
    for each in declared(f"{ALGORITHMS}.base"):
        other = of_method[each.name]
        assert other.help.startswith(each.help)
        same = dataclasses.replace(other, default=each.default, help=each.help)
        assert same == each


def depth(config_class):
    """Dataclasses on the longest way from the outermost base."""
    bases = filter(dataclasses.is_dataclass, config_class.__bases__)
    return 1 + max(map(depth, bases), default=0)


def test_no_chain_of_configs_is_longer_than_three():
    configs = [importlib.import_module(module).Config for module in REAL]
    configs += [algorithms.method(*method).config_class for method in METHODS]
    depths = {each: depth(each) for each in configs}
    assert not {each for each, levels in depths.items() if levels > 3}
    assert depths[algorithms.method("classification", "realmix").config_class] == 3


COUNT = Setting("count", "int", low=1, high=5)
RATE = Setting("rate", "float", low=0)
SWITCH = Setting("switch", "bool")
NAME = Setting("name", "str", choices=("linear", "log"))
LIMIT = Setting("limit", "int", optional=True)


@pytest.mark.parametrize(
    "which, good, bad",
    [
        (COUNT, [1, 5], [0, 6, 1.0, True, "1", None]),
        (RATE, [0, 0.0, 3, 1e300], [-1e-9, float("nan"), float("inf"), True, "0"]),
        (SWITCH, [True, False], [0, 1, None, "true"]),
        (NAME, ["log"], ["Log", "", None, 1]),
        (LIMIT, [None, -3, 2**63 - 1], [2**63, 10**400, 0.5, False]),
    ],
)
def test_accepts(which, good, bad):
    assert [value for value in good if not which.accepts(value)] == []
    assert [value for value in bad if which.accepts(value)] == []


@pytest.mark.parametrize(
    "which, words",
    [
        (COUNT, "an integer from 1 to 5"),
        (RATE, "a finite number >= 0"),
        (SWITCH, "true or false"),
        (NAME, "one of linear, log"),
        (LIMIT, "an integer, or none"),
        (Setting("x", "float", high=1), "a finite number <= 1"),
        (Setting("x", "str"), "text"),
    ],
)
def test_expected(which, words):
    assert which.expected == words


@dataclasses.dataclass(frozen=True)
class Checked:
    """A dataclass that checks itself."""

    rate: float = setting(0.5, "a share", low=0, high=1)
    schedule: Optional[str] = setting(None, "a name", choices=("linear", "log"))

    def __post_init__(self) -> None:
        """Refuses wrong values."""
        check(settings_of(type(self)), self)


def test_check_names_the_value_and_what_is_expected():
    assert Checked(rate=1.0, schedule="log").rate == 1
    with pytest.raises(UsageError, match="^rate=nan: expected a finite number from 0"):
        Checked(rate=float("nan"))
    with pytest.raises(UsageError) as caught:
        Checked(schedule="linaer")
    assert str(caught.value) == (
        "schedule='linaer': expected one of linear, log, or none\n"
        "did you mean 'linear'?"
    )


def test_settings_of_refuses_fields_that_are_no_settings():
    @dataclasses.dataclass
    class Other:
        plain: int = 3

    with pytest.raises(DeclarationError, match=r"Other\.plain"):
        settings_of(Other)


def test_settings_of_reads_real_annotations_too():
    made = dataclasses.make_dataclass(
        "Made",
        [("a", int, setting(1, "a")), ("b", Optional[str], setting(None, "b"))],
    )
    assert settings_of(made) == (
        Setting("a", "int", False, 1, "a"),
        Setting("b", "str", True, None, "b"),
    )


def test_nearest():
    assert nearest("cifar", ["svhn", "cifar10"]) == "cifar10"
    assert nearest("CIFAR10", ["cifar100", "cifar10"]) == "cifar10"
    assert nearest("tsa", ["x", "TSA"]) == "TSA"
    assert nearest("xyz", ["svhn", "cifar10"]) is None
