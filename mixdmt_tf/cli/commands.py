"""The commands there are, found in this folder: `python -m mixdmt_tf` is made of them.

A command is a file with a function `command`, as an installed script calls it. The
first line of its docstring names the executables of `bin/` and says what it does:

    `bin/train`, `bin/train_dmt`: train, or resume training.

An executable that does not bear the file's name has a function of its own:
`command_dmt`.
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
        name: of the executable: 'train_dmt'.
        module: dotted name of its file.
        summary: what it does, in a few words.
    """

    name: str
    module: str
    summary: str

    def load(self) -> Callable[[], None]:
        """The function that reads `sys.argv` and ends the process."""
        stem = self.module.rpartition(".")[2]
        module = importlib.import_module(self.module)
        function: Callable[[], None] = getattr(
            module, "command" + self.name[len(stem) :]
        )
        return function


def commands() -> Dict[str, Command]:
    """All commands by name; imports none of them."""
    found = {}
    for stem in modules(PACKAGE, "command"):
        module = f"{PACKAGE}.{stem}"
        heading = docstring(module).partition("\n")[0]
        names, _, summary = heading.rpartition("`: ")
        for name in re.findall(r"`bin/(\w+)", names):
            found[name] = Command(name, module, summary)
    return dict(sorted(found.items()))
