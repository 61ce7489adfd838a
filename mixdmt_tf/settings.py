"""Settings: hyper-parameters declared once, with type, default, help and range.

A layer declares its settings as a frozen dataclass that it calls `Config`:

    @dataclasses.dataclass(frozen=True)
    class Config:
        temperature: float = setting(0.5, "T of sharpening, section 3.2", low=0)
        schedule: Optional[str] = setting(None, "of TSA", choices=("log", "exp"))

Everybody else reads that declaration. The command line reads it with `declared`, from
the source text: importing an algorithm means importing TensorFlow, which takes seconds
that `--help` and a mistyped flag don't have. For that, every argument of `setting` is a
literal. Python code that has the class at hand reads it with `settings_of`.

What a method wants of the other layers (its network, its batch) is a literal in its
file as well; `assumed` reads it:

    assumed("mixdmt_tf.algorithms.dual_student")  # {"network": "cnn13", "batch": 50}
"""

from __future__ import annotations

import dataclasses
import difflib
from typing import Any, Iterable, Mapping, Optional, Tuple

from mixdmt_tf.declarations import Setting, Value, assumed, declared, kind_of
from mixdmt_tf.errors import UsageError
from mixdmt_tf.source_text import DeclarationError, modules

__all__ = [
    "DeclarationError",
    "Setting",
    "Value",
    "assumed",
    "check",
    "declared",
    "flagfile",
    "modules",
    "nearest",
    "setting",
    "settings_of",
    "to_text",
]


def setting(
    default: Value,
    help: str,
    *,
    choices: Optional[Tuple[Value, ...]] = None,
    low: Optional[float] = None,
    high: Optional[float] = None,
    harmless: bool = False,
) -> Any:
    """Declares one setting: a dataclass field that carries its own help and range.

    All arguments have to be literals (see the module's docstring).

    Args:
        default: value of type int, float, bool or str, or None if it is Optional.
        help: one sentence for `--help`, with unit and section of the paper.
        choices: the allowed values, if they are few.
        low: smallest allowed number.
        high: largest allowed number.
        harmless: may change between a run and its resumption, as logging may.

    Returns:
        A `dataclasses.field`.
    """
    metadata = {
        "help": help,
        "choices": choices,
        "low": low,
        "high": high,
        "harmless": harmless,
    }
    return dataclasses.field(default=default, metadata=metadata)


def check(settings: Iterable[Setting], config: Any) -> None:
    """Refuses a dataclass that was built in Python with values that aren't allowed.

    A `Config` that wants its values checked on construction has

        def __post_init__(self) -> None:
            check(settings_of(type(self)), self)

    Args:
        settings: what to check.
        config: an object with one attribute for each of them.

    Raises:
        UsageError: naming the first wrong value, what is expected, and the nearest
            right name among choices.
    """
    for each in settings:
        value = getattr(config, each.name)
        if not each.accepts(value):
            message = f"{each.name}={value!r}: expected {each.expected}"
            near = nearest(str(value), map(str, each.choices or ()))
            raise UsageError(message + (f"\ndid you mean {near!r}?" if near else ""))


def to_text(value: Value) -> str:
    """Writes a value as flags are written: 0.1, true, none, cifar10."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def flagfile(sections: Iterable[Tuple[str, Mapping[str, Value]]]) -> str:
    """The text of a flagfile: titles as comments, below each its settings.

    Args:
        sections: (title, values by name of the setting).
    """
    parts = [
        "\n".join(
            [f"# {title}", *(f"--{name}={to_text(v)}" for name, v in values.items())]
        )
        for title, values in sections
    ]
    return "\n\n".join(parts) + "\n"


def nearest(word: str, words: Iterable[str]) -> Optional[str]:
    """The one of `words` that somebody who wrote `word` probably meant, or None."""
    by_lower_case = {each.lower(): each for each in words}
    close = difflib.get_close_matches(word.lower(), by_lower_case, n=1)
    return by_lower_case[close[0]] if close else None


def settings_of(config_class: type) -> Tuple[Setting, ...]:
    """Settings of a dataclass that is at hand, in the order of its fields.

    Raises:
        DeclarationError: if a field isn't a `setting` or has another type.
    """
    settings = []
    for field in dataclasses.fields(config_class):
        where = f"{config_class.__module__}.{config_class.__qualname__}.{field.name}"
        if "harmless" not in field.metadata:
            raise DeclarationError(f"{where}: expected a default made by setting(...)")
        annotation: Any = field.type
        if isinstance(annotation, type):  # int; a string, or Optional[int], otherwise
            annotation = annotation.__name__
        kind, optional = kind_of(str(annotation), where)
        default: Any = field.default
        settings.append(Setting(field.name, kind, optional, default, **field.metadata))
    return tuple(settings)
