"""Finds files, classes and literals of modules in source text, without imports.

`declarations.py` reads settings with it. Importing an algorithm would import
TensorFlow, which takes seconds.

Results are cached: a command line is parsed several times, each time looking into
hundreds of files. As with Python's own imports, files that change while a process
runs are not read again, except after `forget`.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.util
import re
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, TypeVar, cast

_Function = TypeVar("_Function", bound=Callable[..., Any])
_FORGET: List[Callable[[], None]] = []


class DeclarationError(Exception):
    """A `Config` that can't be read: a mistake in the code, not in a command line."""


def kept(function: _Function) -> _Function:
    """Caches a function's results until `forget`; callers must not modify them."""
    keeping = functools.lru_cache(maxsize=None)(function)
    _FORGET.append(keeping.cache_clear)
    return cast(_Function, keeping)


def forget() -> None:
    """Clears the caches, so that changed files are read again."""
    for each in _FORGET:
        each()


@kept
def modules(package: str, defining: str) -> Tuple[str, ...]:
    """Lists the files of a package that define something, without importing them.

    `modules('mixdmt_tf.models', 'build')` are the names of all classifiers.

    Args:
        package: dotted name.
        defining: name of a function, class or method that a file must define; or the
            class named like the file must inherit it from another file.

    Returns:
        Sorted names without '.py'; `__init__` and files like `_this.py` are left out.
    """
    definition = re.compile(rf"^(?:    )?(?:def|class) {defining}\b", re.MULTILINE)

    def has(module: str) -> bool:
        """Returns whether the file, or the parent of its class, defines the name."""
        path = _source(module)
        text = path.read_text(encoding="utf-8")
        if definition.search(text):
            return True
        name = _bearing(path, text)
        # Methods are inherited. Classes without a parent in the package are skipped.
        if not name or not defining.islower():
            return False
        with contextlib.suppress(DeclarationError):
            parent = _parent(module, name)
            return parent is not None and parent[0] != module and has(parent[0])
        return False

    names = (path.stem for path in sorted(_source(package).parent.glob("[!_]*.py")))
    return tuple(name for name in names if has(f"{package}.{name}"))


def classes(package: str) -> Dict[str, str]:
    """Finds the files of a package that define a class named like the file.

    Args:
        package: dotted name.

    Returns:
        The class by file name, sorted: {'dmt': 'DMT', 'realmix': 'RealMix', ...}.
    """
    return dict(_classes(package))


@kept
def _classes(package: str) -> Tuple[Tuple[str, str], ...]:
    """Returns the files with a class of their name, and the class names."""
    paths = sorted(_source(package).parent.glob("[!_]*.py"))
    names = [_bearing(path, path.read_text(encoding="utf-8")) for path in paths]
    return tuple((path.stem, name) for path, name in zip(paths, names) if name)


@kept
def defines(module: str, name: str) -> bool:
    """Returns whether a module defines a class of this name at its top level."""
    _, tree = _tree(module)
    return any(isinstance(n, ast.ClassDef) and n.name == name for n in tree.body)


@kept
def class_named(module: str) -> str:
    """Returns the class named like its file: 'WideResNet' of 'wide_resnet.py'.

    Raises:
        DeclarationError: if the file has no class of that name.
    """
    path = _source(module)
    name = _bearing(path, path.read_text(encoding="utf-8"))
    if not name:
        raise DeclarationError(
            f"{path}: expected a class Config, or one named after the file"
        )
    return name


def _bearing(path: Path, text: str) -> str:
    """Returns the class named like its file but for underscores and case, or ''."""
    wanted = path.stem.replace("_", "")
    names = re.findall(r"^class (\w+)", text, re.MULTILINE)
    return next((name for name in names if name.lower() == wanted), "")


def chain(module: str, name: str) -> List[Tuple[str, Path, ast.ClassDef]]:
    """Returns a class and its bases, in the order in which `dataclasses` adds fields.

    Returns:
        (module, its file, the class), the outermost base first, bases of the last base
        class before those of the first.
    """
    path, tree = _tree(module)
    found = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == name
    ]
    if not found:
        raise DeclarationError(f"{path}: expected a class {name} at the top level")
    node = found[-1]
    outer: List[Tuple[str, Path, ast.ClassDef]] = []
    for base in reversed(node.bases):
        earlier = tree.body[: tree.body.index(node)]
        outer += chain(*_resolve(base, earlier, module, path))
    if len({(place, each.name) for place, _, each in outer}) < len(outer):
        raise DeclarationError(
            f"{path}:{node.lineno}: two bases of {name} have a base in common, of "
            "which dataclasses make something else than Python; expected none"
        )
    return [*outer, (module, path, node)]


def homes_of_config(module: str) -> List[Tuple[str, str]]:
    """Finds the class that declares the settings of a module.

    It is the module's `Config`, or else that of the module which defines the parent of
    the class named like the file, and so on; without any, the class itself.

    Args:
        module: dotted name, of a method, a network or some other part.

    Returns:
        (module, class) of each module looked at; the last one has the settings.
    """
    if defines(module, "Config"):
        return [(module, "Config")]
    way = [(module, class_named(module))]
    while True:
        parent = _parent(*way[-1])
        if parent is None:
            return way[:1]
        if defines(parent[0], "Config"):
            return [*way, (parent[0], "Config")]
        way.append(parent)


@kept
def _parent(module: str, name: str) -> Optional[Tuple[str, str]]:
    """Returns module and name of a class's first base; None if there is none."""
    path, tree = _tree(module)
    for i, node in enumerate(tree.body):
        if isinstance(node, ast.ClassDef) and node.name == name and node.bases:
            return _resolve(node.bases[0], tree.body[:i], module, path)
    return None


def class_attribute(module: str, name: str, attribute: str) -> Any:
    """Returns a literal class attribute of a class or of the nearest base with one.

    Args:
        module: dotted name.
        name: of the class; only the first of several bases is followed.
        attribute: name of the attribute.

    Returns:
        The value, None if no class of the package assigns it.
    """
    package = module.partition(".")[0]
    place: Optional[Tuple[str, str]] = (module, name)
    while place is not None and place[0].partition(".")[0] == package:
        (node,) = (
            each
            for each in _tree(place[0])[1].body
            if isinstance(each, ast.ClassDef) and each.name == place[1]
        )
        for each in node.body:
            given = ast.unparse(each).partition("=")
            if given[0].partition(":")[0].strip() == attribute and given[2]:
                return ast.literal_eval(each.value)  # type: ignore[attr-defined]
        place = _parent(*place)
    return None


def literal(module: str, name: str) -> Any:
    """Returns a literal assigned at the top level of a module; {} if none is."""
    path, tree = _tree(module)
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            try:
                value = ast.literal_eval(node.value)
            except ValueError:
                raise DeclarationError(
                    f"{path}:{node.lineno}: {name}: expected literals only; this text "
                    "is read, not executed"
                ) from None
            return value
    return {}


def docstring(module: str) -> str:
    """Returns the docstring of a module, '' if it has none."""
    return ast.get_docstring(_tree(module)[1]) or ""


def text(module: str) -> str:
    """Returns the source text of a module."""
    return _source(module).read_text(encoding="utf-8")


def annotates(packages: Sequence[str], name: str) -> bool:
    """Returns whether a class in the packages has a field of this name."""
    field = re.compile(rf"^    {re.escape(name)}\s*:".encode(), re.MULTILINE)
    folders = [_source(package).parent for package in packages]
    paths = (path for folder in folders for path in folder.rglob("*.py"))
    texts = (path.read_bytes() for path in paths)
    # Most files don't contain the name at all, and a plain search is much faster.
    return any(name.encode() in text and field.search(text) for text in texts)


@kept
def _source(module: str) -> Path:
    """Returns the file of a module. Only its outermost package is looked up."""
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


@kept
def _tree(module: str) -> Tuple[Path, ast.Module]:
    """Returns the file of a module and its syntax tree."""
    path = _source(module)
    return path, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _resolve(
    base: ast.expr, earlier: List[ast.stmt], module: str, path: Path
) -> Tuple[str, str]:
    """Resolves a base class to its module and name, from earlier statements."""
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
    # The parts of a dotted name: three in `keras.optimizers.Adam`.
    parts = written.split(".")
    heads = (".".join(parts[:number]) for number in range(len(parts), 0, -1))
    known = next((head for head in heads if head in imported), None)
    full = known and imported[known] + written[len(known) :]
    if not full:
        raise DeclarationError(
            f"{path}:{base.lineno}: can't tell where the base {written} comes from; "
            "expected a class of this file or an absolute import"
        )
    owner, _, name = full.rpartition(".")
    return owner, name
