"""`python -m mixdmt_tf`: runs the commands where the scripts of bin/ are missing.

python -m mixdmt_tf                        lists the commands
python -m mixdmt_tf train --help           is bin/train --help
python -m mixdmt_tf completion bash        prints the completion of bash or zsh
"""

from __future__ import annotations

import sys
from typing import Sequence

from mixdmt_tf.cli import completion
from mixdmt_tf.cli.commands import commands
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import nearest

PROGRAM = "python -m mixdmt_tf"


def main(argv: Sequence[str]) -> None:
    """Lists the commands or runs one of them, then exits the process."""
    name, more = (argv[0], argv[1:]) if argv else ("--help", [])
    found = commands().get(name)
    if found is None:
        sys.exit(run(_answer, [name, *more]))
    sys.argv = [f"{PROGRAM} {name}", *more]
    found.load()()


def _answer(argv: Sequence[str]) -> None:
    name, *more = argv
    if name in ("--help", "-h"):
        print(_listing(), end="")
    elif name == "--version":
        import mixdmt_tf

        print(f"mixdmt_tf {mixdmt_tf.__version__}")
    elif name == "completion":
        if len(more) != 1 or more[0] not in completion.SHELLS:
            raise UsageError(
                f"completion {' '.join(more)}: expected one of "
                f"{', '.join(completion.SHELLS)}\nwrite {PROGRAM} completion bash"
            )
        print(completion.script(more[0]), end="")
    else:
        near = nearest(name, commands())
        hint = f"did you mean {near}?" if near else f"{PROGRAM} lists the commands"
        raise UsageError(f"{name!r} is no command\n{hint}")


def _listing() -> str:
    lines = [f"usage: {PROGRAM} COMMAND [--flag=value ...]", ""]
    every = {name: each.summary for name, each in commands().items()}
    every["completion bash"] = "print the completion of a shell, bash or zsh"
    width = max(map(len, every))
    lines += [f"  {name:<{width}}  {said}" for name, said in every.items()]
    lines += ["", "COMMAND --help shows the flags of a command."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
