"""Two processes on one run folder or one cache: one may, or both end well.

    .venv/bin/python -m tools.torture.owners [--trials=50] [--seed=N]

A trial starts two runs at nearly the same time. In one folder one may train, and
the other must refuse with the owner's process and machine. In two folders with one
cache, both must end with the same weights, and the cache be whole.
"""

from __future__ import annotations

import collections
import pathlib
import random
import shutil
import socket
import sys
import tempfile
import time
from typing import Counter, List

from tools.torture import commands

NAME = "realmix on digits"


def pair(argvs: List[List[str]], delay: float) -> List[commands.Outcome]:
    """Two training commands, the second so many seconds later."""
    first = commands.Child("train", *argvs[0])
    time.sleep(delay)
    second = commands.Child("train", *argvs[1])
    nothing = commands.Outcome(-1, "Traceback: no end", 0.0)
    return [each.wait(600) or nothing for each in (first, second)]


def one_folder(folder: pathlib.Path, delay: float) -> str:
    """What is wrong about two runs in one folder; '' if nothing is."""
    argv = commands.training(NAME, folder)
    outcomes = sorted(pair([argv, argv], delay))
    if [each.code for each in outcomes] == [0, 0]:
        return ""  # the first had ended
    refused = outcomes[1]
    if outcomes[0].code or refused.code != 1:
        return f"codes {[each.code for each in outcomes]}: {refused.text[-300:]}"
    owner = f" on {socket.gethostname()} since"
    named = "is in use by process" in refused.text and owner in refused.text
    return "" if named else f"the owner is not named: {refused.text[-300:]}"


def one_cache(folder: pathlib.Path, delay: float) -> str:
    """What is wrong about two runs with one cache."""
    argvs = [commands.training(NAME, folder / each) for each in "ab"]
    for argv in argvs:
        argv[-1] = f"--cache_dir={folder / 'cache'}"
    for done in pair(argvs, delay):
        if done.code:
            return done.text[-300:]
    one, other = (commands.facts(folder / each / "run") for each in "ab")
    left = [path.name for path in (folder / "cache").rglob("*.tmp")]
    return "" if one == other and not left else f"other weights, or left over: {left}"


def main(trials: int, seed: int) -> int:
    """Runs the trials; returns the exit code."""
    draw = random.Random(seed)
    counts: Counter[str] = collections.Counter()
    wrong: List[str] = []
    commands.prepare()
    with tempfile.TemporaryDirectory(prefix="torture-") as place:
        for number in range(trials):
            kind = (one_folder, one_cache)[number % 2]
            folder = pathlib.Path(place) / str(number)
            problem = kind(folder, draw.choice((0.0, draw.uniform(0, 3))))
            counts[kind.__name__] += 1
            wrong += [f"{kind.__name__}: {problem}"] if problem else []
            shutil.rmtree(folder)
    return commands.finish("owners", trials, counts, wrong)


if __name__ == "__main__":
    found = commands.trials("owners", 50, __doc__)
    sys.exit(main(found.trials, found.seed))
