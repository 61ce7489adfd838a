"""Reading the declarations of settings from source text, without importing anything.

`mixdmt_tf.settings` is the face of this module: import from there.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import math
import re
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

Value = Union[int, float, bool, str, None]

_KINDS = "int|float|bool|str"
_ANNOTATION = re.compile(
    rf"({_KINDS})|(?:typing\.)?Optional\[({_KINDS})\]|({_KINDS}) \| None"
)
_PYTHON_TYPES: Dict[str, Any] = {"int": int, "float": (int, float), "bool": bool}
_NOUNS = {"int": "an integer", "float": "a finite number", "str": "text"}
# What a TensorFlow int64 holds.
_LARGEST_INTEGER = 2**63 - 1


class DeclarationError(Exception):
    """A `Config` that can't be read: a mistake in the code, not in a command line."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting as declared.

    Attributes:
        name: field name and, with two dashes before it, flag name.
        type: 'int', 'float', 'bool' or 'str'.
        optional: whether None is allowed.
        default: the value when nobody says otherwise.
        help: one sentence.
        choices: the allowed values, or None.
        low: smallest allowed number, or None.
        high: largest allowed number, or None.
        harmless: may change between a run and its resumption.
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

    @property
    def expected(self) -> str:
        """What is allowed, in words: 'an integer from 1 to 10, or none'."""
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
        return words + (", or none" if self.optional else "")

    def accepts(self, value: Any) -> bool:
        """Whether `value` has the right type and is among what is allowed."""
        if value is None:
            return self.optional
        # True is an int to Python, but nobody means it as one.
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


def declared(module: str, name: str = "Config") -> Tuple[Setting, ...]:
    """Settings of a dataclass, read from its source without importing anything.

    Fields of a base class come first, also of one imported from another module; a field
    that is declared again keeps its place and takes the new declaration, as in
    `dataclasses`.

    Args:
        module: dotted name, such as 'mixdmt_tf.algorithms.classification.realmix'.
        name: of the class.

    Raises:
        DeclarationError: naming file and line, if the declaration isn't literal.
    """
    path = _source(module)
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    found = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == name
    ]
    if not found:
        raise DeclarationError(f"{path}: expected a class {name} at the top level")
    settings: Dict[str, Setting] = {}
    if len(found[-1].bases) > 1:
        raise DeclarationError(
            f"{path}:{found[-1].lineno}: {name} has several bases; expected one at most"
        )
    for base in found[-1].bases:
        earlier = tree.body[: tree.body.index(found[-1])]
        base_module, base_name = _resolve(base, earlier, module, path)
        settings = {each.name: each for each in declared(base_module, base_name)}
    for statement in found[-1].body:
        each = _read_field(statement, path)
        if each is not None:
            settings[each.name] = each
    return tuple(settings.values())


def modules(package: str, defining: str) -> Tuple[str, ...]:
    """Names of the files of a package that define something, nothing being imported.

    The file's name is the name: `modules('mixdmt_tf.models', 'build')` are networks.

    Args:
        package: dotted name.
        defining: name of a function or class at the top level of the files wanted.

    Returns:
        Sorted names without '.py'; `__init__` and files like `_this.py` are left out.
    """
    definition = re.compile(rf"^(?:def|class) {defining}\b", re.MULTILINE)
    return tuple(
        path.stem
        for path in sorted(_source(package).parent.glob("[!_]*.py"))
        if definition.search(path.read_text(encoding="utf-8"))
    )


def kind_of(annotation: str, where: str) -> Tuple[str, bool]:
    """Type name, and whether None is allowed, of an annotation as written.

    Raises:
        DeclarationError: if it is none of the types that a setting can have.
    """
    match = _ANNOTATION.fullmatch(annotation)
    if match is None:
        raise DeclarationError(
            f"{where}: the type is {annotation}; "
            "expected int, float, bool, str or Optional of one of them"
        )
    plain, *optional = match.groups()
    return (plain, False) if plain else (next(filter(None, optional)), True)


def _source(module: str) -> Path:
    """The file of a module. Only its outermost package is looked up, none imported."""
    outermost, *inner = module.split(".")
    spec = importlib.util.find_spec(outermost)
    if spec is not None and not inner and spec.origin is not None:
        return Path(spec.origin)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder, *inner)
        for candidate in (path / "__init__.py", path.with_name(path.name + ".py")):
            if candidate.is_file():
                return candidate
    raise DeclarationError(f"no source file for the module {module}")


def _resolve(
    base: ast.expr, earlier: List[ast.stmt], module: str, path: Path
) -> Tuple[str, str]:
    """Module and name of a base class, from the statements before the class."""
    imported: Dict[str, str] = {}
    for node in earlier:
        if isinstance(node, ast.ClassDef):
            imported[node.name] = f"{module}.{node.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                imported[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    written = ast.unparse(base)
    if isinstance(base, ast.Attribute):
        owner = imported.get(ast.unparse(base.value))
        full = owner and f"{owner}.{base.attr}"
    else:
        full = imported.get(written)
    if not full:
        raise DeclarationError(
            f"{path}:{base.lineno}: can't tell where the base {written} comes from; "
            "expected a class of this file or an absolute import"
        )
    owner, _, name = full.rpartition(".")
    return owner, name


def _read_field(statement: ast.stmt, path: Path) -> Optional[Setting]:
    """The setting that a statement of a class body declares, None if it is no field."""
    where = f"{path}:{statement.lineno}"
    value = getattr(statement, "value", None)
    made_by_setting = isinstance(value, ast.Call) and (
        ast.unparse(value.func) in ("setting", "settings.setting")
    )
    if not isinstance(statement, ast.AnnAssign):
        if made_by_setting:
            raise DeclarationError(f"{where}: a setting without a type is no field")
        return None
    annotation = ast.unparse(statement.annotation)
    if "ClassVar" in annotation:
        return None
    name = ast.unparse(statement.target)
    if not made_by_setting or not isinstance(value, ast.Call):
        raise DeclarationError(f"{where}: {name}: expected setting(default, help, ...)")
    kind, optional = kind_of(annotation, f"{where}: {name}")
    try:
        positional: List[Any] = [ast.literal_eval(each) for each in value.args]
        named = {str(each.arg): ast.literal_eval(each.value) for each in value.keywords}
    except ValueError:
        raise DeclarationError(
            f"{where}: {name}: expected literals only; this text is read, not executed"
        ) from None
    try:
        read = Setting(name, kind, optional, *positional, **named)
    except TypeError:
        read = Setting(name, kind)
    if not read.help or len(positional) > 2:
        raise DeclarationError(
            f"{where}: {name}: expected setting(default, help, ...) and the keywords "
            "choices, low, high, harmless"
        )
    # As a float's default an int would compare equal and still be another text.
    is_int = kind == "float" and type(read.default) is int
    if is_int or not read.accepts(read.default):
        raise DeclarationError(
            f"{where}: {name}: the default {read.default!r} is not {read.expected}"
            + (f"; write {read.default}.0" if is_int else "")
        )
    return read
