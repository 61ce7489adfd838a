"""Files, classes and literals of modules, found in source text: nothing is imported.

`declarations.py` reads settings with it. Importing an algorithm would import
TensorFlow, which takes seconds.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from pathlib import Path
from typing import Any, Dict, List, Tuple


class DeclarationError(Exception):
    """A `Config` that can't be read: a mistake in the code, not in a command line."""


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


def chain(module: str, name: str) -> List[Tuple[str, Path, ast.ClassDef]]:
    """A class and its bases, the outermost first: module, its file, the class."""
    path, tree = _tree(module)
    found = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == name
    ]
    if not found:
        raise DeclarationError(f"{path}: expected a class {name} at the top level")
    node = found[-1]
    if len(node.bases) > 1:
        raise DeclarationError(
            f"{path}:{node.lineno}: {name} has several bases; expected one at most"
        )
    outer: List[Tuple[str, Path, ast.ClassDef]] = []
    for base in node.bases:
        earlier = tree.body[: tree.body.index(node)]
        outer = chain(*_resolve(base, earlier, module, path))
    return [*outer, (module, path, node)]


def literal(module: str, name: str) -> Dict[str, Any]:
    """A dictionary that is assigned at the top level of a module; {} if none is."""
    path, tree = _tree(module)
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            try:
                value: Dict[str, Any] = ast.literal_eval(node.value)
            except ValueError:
                raise DeclarationError(
                    f"{path}:{node.lineno}: {name}: expected literals only; this text "
                    "is read, not executed"
                ) from None
            return value
    return {}


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


def _tree(module: str) -> Tuple[Path, ast.Module]:
    """The file of a module, and what is written there."""
    path = _source(module)
    return path, _parsed(path.read_text(encoding="utf-8"), str(path))


@functools.lru_cache(maxsize=None)  # the text decides: a changed file is parsed anew
def _parsed(text: str, path: str) -> ast.Module:
    """A text as Python reads it; nobody may change it."""
    return ast.parse(text, filename=path)


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
