"""How Sphinx builds the documentation: `make docs`."""

from __future__ import annotations

import dataclasses
import inspect
import os
import sys
from pathlib import Path
from typing import Any, List, Optional, Tuple

from docutils import nodes

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import mixdmt_tf  # noqa: E402
from mixdmt_tf.settings import settings_of, to_text  # noqa: E402

project = "mixdmt_tf"
author = "the authors of mixdmt_tf"
copyright = "the authors of mixdmt_tf, Apache-2.0"  # noqa: A001
release = version = mixdmt_tf.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
default_role = "code"  # `name` in a docstring is code, as in Markdown
smartquotes = False  # they would make one dash of the two of a flag

html_theme = "furo"
html_title = f"mixdmt_tf {version}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# Types of other libraries, and names that are only there for type checkers.
nitpick_ignore_regex = [("py:.*", ".*")]


# Modules that the reference leaves out: their settings are listed where they are used.
WITHOUT_A_PAGE = ("mixdmt_tf.algorithms.parts.", "mixdmt_tf.models.resnet")


def _has_settings(found: Any) -> bool:
    """Whether a class declares settings: the `Config` of a method, a network."""
    fields = dataclasses.fields(found) if dataclasses.is_dataclass(found) else ()
    return bool(fields) and all(field.metadata for field in fields)


def settings_as_fields(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: List[str]
) -> None:
    """Appends to the docstring of a class of settings those that it declares.

    Those of a base are on the page of the base, if that has one.
    """
    if what != "class" or not _has_settings(obj):
        return
    own = {
        field
        for each in obj.__mro__
        if each is obj or each.__module__.startswith(WITHOUT_A_PAGE)
        for field in each.__dict__.get("__annotations__", {})
    }
    settings = [each for each in settings_of(obj) if each.name in own]
    if not settings:
        return
    lines.extend(["", "Settings:", ""])
    for each in settings:
        choices = (
            f" One of {', '.join(map(str, each.choices))}." if each.choices else ""
        )
        text = f"{each.help}.{choices}".replace("\\", "\\\\").replace("*", "\\*")
        default = to_text(each.default) or "''"
        lines.append(f"- **{each.name}** ({each.type}, default ``{default}``): {text}")
    lines.append("")


def own_signature(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str, result: str
) -> Optional[Tuple[str, str]]:
    """Says how a class is called where Python says it badly.

    The thirty parameters of a class of settings are left to the list of them; those of
    Keras models are hidden behind `keras.Model.__new__`.
    """
    if what == "class" and _has_settings(obj):
        return "(**settings)", ""
    if what == "class" and "step_losses" in dir(obj):
        names = [*inspect.signature(obj.__init__).parameters][1:]  # without self
        return f"({', '.join(names)})", ""
    return None


def keep_deviations_together(app: Any, document: nodes.document) -> None:
    """Lets no line of a table end within a number and its deviation."""
    for text in list(document.findall(nodes.Text)):
        if " ± " in text:
            joined = text.astext().replace(
                " ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"
            )
            text.parent.replace(text, nodes.Text(joined))


def setup(app: Any) -> None:
    """Connects the functions above."""
    app.connect("doctree-read", keep_deviations_together)
    app.connect("autodoc-process-docstring", settings_as_fields)
    app.connect("autodoc-process-signature", own_signature)
