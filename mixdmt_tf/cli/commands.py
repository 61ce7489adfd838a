"""The commands there are, found in this folder: `python -m mixdmt_tf` is made of them.

A command is a file with a function `command`, which an installed script calls. The
first line of its docstring names the executables of `bin/` and says what they do:

    `bin/train`, `bin/train_dmt`: train, or resume training.

An executable with another name than the file has its own function, `command_dmt`.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from typing import Callable, Dict

from mixdmt_tf.settings import modules
from mixdmt_tf.source_text import docstring

PACKAGE = "mixdmt_tf.cli"


@dataclasses.dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: name of the executable, such as 'train_dmt'.
        module: dotted name of its file.
        summary: a short description.
    """

    name: str
    module: str
    summary: str

    def load(self) -> Callable[[], None]:
        """Imports and returns the function that reads `sys.argv` and exits."""
        stem = self.module.rpartition(".")[2]
        module = importlib.import_module(self.module)
        function: Callable[[], None] = getattr(
            module, "command" + self.name[len(stem) :]
        )
        return function


def commands() -> Dict[str, Command]:
    """Returns all commands by name, without importing them."""
    found = {}
    for stem in modules(PACKAGE, "command"):
        module = f"{PACKAGE}.{stem}"
        heading = docstring(module).partition("\n")[0]
        names, _, summary = heading.rpartition("`: ")
        for name in re.findall(r"`bin/(\w+)", names):
            found[name] = Command(name, module, summary)
    return dict(sorted(found.items()))
