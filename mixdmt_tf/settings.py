"""Settings: hyper-parameters declared once, with type, default, help and range.

Each layer declares its settings as a frozen dataclass called `Config`:

    @dataclasses.dataclass(frozen=True)
    class Config:
        temperature: float = setting(0.5, "T of sharpening, section 3.2", low=0)
        schedule: Optional[str] = setting(None, "of TSA", choices=("log", "exp"))

A derived class changes a default with `override`. Settings that several families of
classes share are dataclasses of their own, combined as base classes. No chain of them
is longer than three.

All other code reads these declarations. The command line reads them with `declared`,
from the source text: importing an algorithm imports TensorFlow, which takes seconds,
too long for `--help` or a mistyped flag. This is why every argument of `setting` must
be a literal. Python code that has imported the class uses `settings_of`.

Defaults that a method sets for other layers (its network, its batch) are a literal in
its file as well; `assumed` reads it:

    >>> assumed("mixdmt_tf.algorithms.classification.dual_student")
    {"network": "cnn13", "batch": 50}
"""

from __future__ import annotations

import dataclasses
import difflib
from typing import Any, Dict, Iterable, Mapping, Optional, Tuple

from mixdmt_tf.declarations import (
    Declaration,
    Override,
    Setting,
    Value,
    assumed,
    declared,
    kind_of,
    merged,
)
from mixdmt_tf.errors import UsageError
from mixdmt_tf.source_text import DeclarationError, class_named, classes, modules

__all__ = [
    "DeclarationError",
    "Setting",
    "Value",
    "assumed",
    "check",
    "class_named",
    "classes",
    "declared",
    "flagfile",
    "modules",
    "nearest",
    "override",
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
    by_length: bool = False,
    words: Tuple[str, ...] = (),
) -> Any:
    """Declares one setting: a dataclass field that carries its own help and range.

    All arguments have to be literals (see the module's docstring).

    Args:
        default: value of type int, float, bool or str, or None if it is Optional.
        help: one sentence for `--help`, with unit and section of the paper.
        choices: the allowed values, if they are few.
        low: smallest allowed number.
        high: largest allowed number.
        harmless: whether it may change between a run and its resumption, as logging
            settings may.
        by_length: whether None means a value that follows from the run's length, filled
            in by the dataclass's `for_run` (`mixdmt_tf.lengths`).
        words: words allowed in place of a number, such as 'auto'; the field's type is
            then Union[float, str, None] or Union[int, str, None].

    Returns:
        A `dataclasses.field`.
    """
    metadata = {
        "help": help,
        "choices": choices,
        "low": low,
        "high": high,
        "harmless": harmless,
        "by_length": by_length,
        "words": words,
    }
    return dataclasses.field(default=default, metadata=metadata)


def override(default: Value, note: str = "") -> Any:
    """Declares a new default for a setting of a base class.

    Help, choices and range stay those of the base's `setting`:

        class Config(base.Config):
            learning_rate: float = override(0.03, "SVHN: 0.01")

    Args:
        default: a literal of the setting's type.
        note: remark on this value; added to the help in parentheses.

    Returns:
        A `dataclasses.field`.
    """
    return dataclasses.field(default=default, metadata={"note": note})


def check(settings: Iterable[Setting], config: Any) -> None:
    """Validates the values of a dataclass that was built in Python.

    A `Config` that checks its values on construction has

        def __post_init__(self) -> None:
            check(settings_of(type(self)), self)

    Args:
        settings: what to check.
        config: an object with one attribute for each of them.

    Raises:
        UsageError: if a value isn't allowed; names the first one, what is expected, and
            the most similar choice.
    """
    for each in settings:
        value = getattr(config, each.name)
        if not each.accepts(value):
            message = f"{each.name}={value!r}: expected {each.expected}"
            near = nearest(str(value), map(str, each.choices or ()))
            raise UsageError(message + (f"\ndid you mean {near!r}?" if near else ""))


def to_text(value: Value) -> str:
    """Formats a value as in flags: 0.1, true, none, cifar10."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def flagfile(sections: Iterable[Tuple[str, Mapping[str, Value]]]) -> str:
    """Returns the text of a flagfile: each title as a comment, then its settings.

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
    """Returns the most similar of `words` to a mistyped `word`, or None."""
    by_lower_case = {each.lower(): each for each in words}
    close = difflib.get_close_matches(word.lower(), by_lower_case, n=1)
    return by_lower_case[close[0]] if close else None


def settings_of(config_class: type) -> Tuple[Setting, ...]:
    """Returns the settings of an imported dataclass, in the order of its fields.

    Raises:
        DeclarationError: if a field isn't a `setting` or has another type.
    """
    fields: Dict[int, Declaration] = {}  # a class has the fields of its bases as well
    for each in filter(dataclasses.is_dataclass, reversed(config_class.__mro__)):
        for field in dataclasses.fields(each):
            if id(field) not in fields:
                fields[id(field)] = _declaration(each, field)
    return merged(fields.values())


def _declaration(owner: type, field: Any) -> Declaration:
    where = f"{owner.__module__}.{owner.__qualname__}.{field.name}"
    annotation = field.type
    if isinstance(annotation, type):  # int; a string, or Optional[int], otherwise
        annotation = annotation.__name__
    made: Any = {"note": Override, "help": Setting}.get(next(iter(field.metadata), ""))
    if made is None:
        raise DeclarationError(f"{where}: expected a default made by setting(...)")
    kind, optional = kind_of(str(annotation), where)
    return where, made(field.name, kind, optional, field.default, **field.metadata)
