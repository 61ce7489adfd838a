"""Reads the declarations of settings from source text, without importing anything.

`mixdmt_tf.settings` is the public interface of this module: import from there.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import math
import re
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Tuple, Union

from mixdmt_tf.source_text import (
    DeclarationError,
    chain,
    homes_of_config,
    kept,
    literal,
)

Value = Union[int, float, bool, str, None]

_KINDS = "int|float|bool|str"
_ANNOTATION = re.compile(
    rf"({_KINDS})|(?:typing\.)?Optional\[({_KINDS})\]|({_KINDS}) \| None"
    r"|(?:typing\.)?Union\[(int|float), str, None(?:Type)?\]"
)
_PYTHON_TYPES: Dict[str, Any] = {"int": int, "float": (int, float), "bool": bool}
_NOUNS = {"int": "an integer", "float": "a finite number", "str": "text"}
# Largest value of a TensorFlow int64.
_LARGEST_INTEGER = 2**63 - 1


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting as declared.

    Attributes:
        name: field name and, with two dashes before it, flag name.
        type: 'int', 'float', 'bool' or 'str'.
        optional: whether None is allowed.
        default: the value if none is given.
        help: one sentence.
        choices: the allowed values, or None.
        low: smallest allowed number, or None.
        high: largest allowed number, or None.
        harmless: whether it may change between a run and its resumption.
        by_length: whether None means a value that follows from the run's length.
        words: words allowed in place of a number, such as 'auto'.
    """

    name: str
    type: str
    optional: bool = False
    default: Value = None
    help: str = ""
    choices: Optional[Tuple[Value, ...]] = None
    low: Optional[float] = None
    high: Optional[float] = None
    harmless: bool = False
    by_length: bool = False
    words: Tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """Allowed values in words: 'an integer from 1 to 10, or none'."""
        if self.choices is not None:
            words = "one of " + ", ".join(str(choice) for choice in self.choices)
        elif self.type == "bool":
            words = "true or false"
        else:
            words = _NOUNS[self.type]
        if self.low is not None and self.high is not None:
            words += f" from {self.low} to {self.high}"
        elif self.low is not None:
            words += f" >= {self.low}"
        elif self.high is not None:
            words += f" <= {self.high}"
        others = [*self.words, *(["none"] if self.optional else [])]
        return words + (", or " + " or ".join(others) if others else "")

    def accepts(self, value: Any) -> bool:
        """Returns whether `value` has the right type and is an allowed value."""
        if value is None:
            return self.optional
        if value in self.words:
            return True
        # In Python True is an int, but here it is not accepted as a number.
        if isinstance(value, bool) != (self.type == "bool"):
            return False
        if not isinstance(value, _PYTHON_TYPES.get(self.type, str)):
            return False
        if isinstance(value, float) and not math.isfinite(value):
            return False
        if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
            return False
        return (
            (self.choices is None or value in self.choices)
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
        )


@dataclasses.dataclass(frozen=True)
class Override:
    """A new default, from `settings.override`, for a setting of a base class.

    Attributes:
        name: field name.
        type: type of the setting.
        optional: whether the setting allows None.
        default: the new default.
        note: remark on the new default, '' for none.
    """

    name: str
    type: str
    optional: bool
    default: Value = None
    note: str = ""


# A field's declaration in a class body, and its place: 'file:line: name'.
Declaration = Tuple[str, Union[Setting, Override]]


def merged(declarations: Iterable[Declaration]) -> Tuple[Setting, ...]:
    """Merges the declarations of a class and its bases into the class's settings.

    A field that is declared again keeps its place, as in `dataclasses`. An override
    takes everything but the default from the `setting` that it overrides, even if there
    is another override, with its note, in between.

    Args:
        declarations: those of base classes first, the class's own last.

    Raises:
        DeclarationError: if there is nothing to override, or a default isn't allowed.
    """
    origins: Dict[str, Setting] = {}
    settings: Dict[str, Setting] = {}
    for where, each in declarations:
        if isinstance(each, Override):
            each = _overridden(each, origins.get(each.name), where)
        else:
            origins[each.name] = each
        # An int as default of a float would compare equal but be written differently.
        is_int = each.type == "float" and type(each.default) is int
        if is_int or not each.accepts(each.default):
            raise DeclarationError(
                f"{where}: the default {each.default!r} is not {each.expected}"
                + (f"; write {each.default}.0" if is_int else "")
            )
        settings[each.name] = each
    return tuple(settings.values())


def _overridden(given: Override, origin: Optional[Setting], where: str) -> Setting:
    kind = (given.type, given.optional)
    if origin is None or (origin.type, origin.optional) != kind:
        raise DeclarationError(
            f"{where}: no base declares a setting of this name and type; "
            "expected setting(default, help, ...)"
        )
    text = f"{origin.help} ({given.note})" if given.note else origin.help
    return dataclasses.replace(origin, default=given.default, help=text)


@kept
def declared(module: str, name: str = "") -> Tuple[Setting, ...]:
    """Reads the settings of a dataclass from its source, without importing anything.

    Fields of base classes come first, including bases imported from other modules.

    Args:
        module: dotted name, such as 'mixdmt_tf.algorithms.classification.realmix'.
        name: of the class. By default the `Config` of this module or of the module of
            its method's parent class, or else the class named like the file.

    Raises:
        DeclarationError: if the declaration isn't literal; names file and line.
    """
    if not name:
        *_, (module, name) = homes_of_config(module)
    return merged(
        found
        for _, path, node in chain(module, name)
        for found in (_read_field(statement, path) for statement in node.body)
        if found is not None
    )


def assumed(method: str, dataset: Optional[str] = None) -> Dict[str, Value]:
    """Reads a method's defaults for settings of other layers from source.

    A method's file declares them at its top level, `assumes = {"network": "cnn13",
    "batch": 50}`: the values of its published command besides the method's own
    settings. Files whose `Config` is a base of the method's come first, so that the
    method's file adds to them and overrides them; a method without a `Config` has its
    parent's.

    A data set's file declares published values of methods on it, under the name of the
    file that defines the method or a base of it: `assumes = {"rounds": {"batch": 2}}`.
    These override the values in that file, but not those in files of derived methods.

    Args:
        method: dotted name, such as 'mixdmt_tf.algorithms.classification.dual_student'.
        dataset: dotted name, such as 'mixdmt_tf.data.segmentation.datasets.cityscapes',
            if any.

    Returns:
        Values by name of the setting, whichever `Config` declares it.

    Raises:
        DeclarationError: if a declaration isn't literal; names the file.
    """
    return dict(_assumed(method, dataset))


@kept
def _assumed(method: str, dataset: Optional[str]) -> Tuple[Tuple[str, Value], ...]:
    """Returns the names and values of a method's defaults on a data set."""
    homes = homes_of_config(method)
    files = [module for module, _, _ in chain(*homes[-1])]
    files = list(dict.fromkeys(files + [module for module, _ in reversed(homes)]))
    rows = literal(dataset, "assumes") if dataset else {}
    found: Dict[str, Value] = {}
    for module in files:
        found.update(literal(module, "assumes"))
        found.update(rows.get(module.rpartition(".")[2], {}))
    return tuple(found.items())


def kind_of(annotation: str, where: str) -> Tuple[str, bool]:
    """Parses an annotation into its type name and whether None is allowed.

    Raises:
        DeclarationError: if a setting cannot have this type.
    """
    match = _ANNOTATION.fullmatch(annotation)
    if match is None:
        raise DeclarationError(
            f"{where}: the type is {annotation}; "
            "expected int, float, bool, str, Optional of one of them, or "
            "Union[float, str, None] of a number that has words"
        )
    plain, *optional = match.groups()
    return (plain, False) if plain else (next(filter(None, optional)), True)


def _read_field(statement: ast.stmt, path: Path) -> Optional[Declaration]:
    """Reads the declaration in a class-body statement; None if it is no field."""
    where = f"{path}:{statement.lineno}"
    value = getattr(statement, "value", None)
    maker = ast.unparse(value.func) if isinstance(value, ast.Call) else ""
    maker = maker[len("settings.") :] if maker.startswith("settings.") else maker
    if not isinstance(statement, ast.AnnAssign):
        if maker in ("setting", "override"):
            raise DeclarationError(f"{where}: a setting without a type is no field")
        return None
    annotation = ast.unparse(statement.annotation)
    if "ClassVar" in annotation:
        return None
    name = ast.unparse(statement.target)
    where = f"{where}: {name}"
    if maker not in ("setting", "override") or not isinstance(value, ast.Call):
        raise DeclarationError(f"{where}: expected setting(default, help, ...)")
    kind, optional = kind_of(annotation, where)
    try:
        positional: List[Any] = [ast.literal_eval(each) for each in value.args]
        named = {str(each.arg): ast.literal_eval(each.value) for each in value.keywords}
    except ValueError:
        raise DeclarationError(
            f"{where}: expected literals only; this text is read, not executed"
        ) from None
    made: Union[Setting, Override, None] = None
    with contextlib.suppress(TypeError):
        if maker == "override":
            made = Override(name, kind, optional, *positional, **named)
        else:
            made = Setting(name, kind, optional, *positional, **named)
    said = len(positional) in (1, 2) or "default" in named
    if made is None or not said or (isinstance(made, Setting) and not made.help):
        raise DeclarationError(
            f"{where}: expected setting(default, help, ...) and the keywords choices, "
            "low, high, harmless; or override(default, note)"
        )
    return where, made
