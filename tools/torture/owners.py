"""Two processes on one run folder or one cache: one may, or both end well.

    .venv/bin/python -m tools.torture.owners [--trials=50] [--seed=N]

A trial starts two runs at nearly the same time. In one folder one may train, and
the other must refuse with the owner's process and machine. In two folders with one
cache, both must end with the same weights, and the cache be whole. In three of five
kinds of trials the two are on machines with clocks of their own that see each other's
files late and may not see each other's locks (`network.py`); in one folder both may
stop then, and in the last kind the first is killed before the other starts. Whatever
happened, the same command must end with the results of a run that was alone.
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
from typing import Any, Callable, Counter, Dict, List, Tuple

from tools.torture import commands, network

NAME = "realmix on digits"
Pair = Tuple[Callable[[], Any], Callable[[], Any]]  # how two children begin
HERE: Pair = (bool, bool)
NOTHING = commands.Outcome(-1, "Traceback: no end", 0.0)


def pair(
    argvs: List[List[str]], delay: float, begin: Pair = HERE
) -> List[commands.Outcome]:
    """Two training commands, the second so many seconds later."""
    first = commands.Child("train", *argvs[0], before=begin[0])
    time.sleep(delay)
    second = commands.Child("train", *argvs[1], before=begin[1])
    return [each.wait(600) or NOTHING for each in (first, second)]


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


def one_cache(folder: pathlib.Path, delay: float, begin: Pair = HERE) -> str:
    """What is wrong about two runs with one cache."""
    argvs = [commands.training(NAME, folder / each) for each in "ab"]
    for argv in argvs:
        argv[-1] = f"--cache_dir={folder / 'cache'}"
    for done in pair(argvs, delay, begin):
        if done.code:
            return done.text[-300:]
    one, other = (commands.facts(folder / each / "run") for each in "ab")
    left = [path.name for path in (folder / "cache").rglob("*.tmp")]
    return "" if one == other and not left else f"other weights, or left over: {left}"


class Network:
    """Trials of two machines, and what a run on one gives."""

    def __init__(self, draw: random.Random, counts: Counter[str]):
        """Makes the run."""
        self._draw, self._counts = draw, counts
        with tempfile.TemporaryDirectory(prefix="torture-") as place:
            commands.succeed("train", *commands.training(NAME, pathlib.Path(place)))
            self._expected: Dict[str, Any] = commands.facts(pathlib.Path(place) / "run")

    def machines(self, folder: pathlib.Path) -> Pair:
        """Two that share a folder, as different as it gets."""
        hidden, rename = self._draw.uniform(0, 5), self._draw.uniform(0, 1)
        clocks = (self._draw.uniform(-600, 600), self._draw.uniform(-600, 600))
        locks = self._draw.random() < 0.3
        one, other = (
            network.Machine(name, folder, hidden, rename, clock, locks).enter
            for name, clock in zip(("north", "south"), clocks)
        )
        return one, other

    def machines_in_one_folder(self, folder: pathlib.Path, delay: float) -> str:
        """What is wrong about two machines that train in one folder."""
        argv = commands.training(NAME, folder)
        outcomes = pair([argv, argv], delay, self.machines(folder))
        codes = tuple(each.code for each in outcomes)
        self._counts[f"codes {codes}"] += 1
        if codes == (0, 0):
            return "both trained at the same time"
        for done, other in zip(outcomes, ("south", "north")):
            if done.code not in (0, 1) or not done.sound:
                return f"codes {codes}: {done.text[-500:]}"
            if done.code and f" on {other} since" not in done.text.splitlines()[-2]:
                return f"the owner is not named: {done.text[-500:]}"
        return self._ends_well(folder, argv)

    def killed_elsewhere(self, folder: pathlib.Path, delay: float) -> str:
        """What is wrong about going on where another machine was switched off."""
        argv = commands.training(NAME, folder)
        north, south = self.machines(folder)
        first = commands.Child("train", *argv, before=north)
        time.sleep(2 + 3 * delay)
        first.kill()
        again = commands.Child("train", *argv, before=south).wait(600) or NOTHING
        waited = "in use by process" in again.text and " on north since" in again.text
        self._counts["waited for a dead owner"] += waited
        if again.code:
            return again.text[-500:]
        return self._ends_well(folder, argv)

    def machines_with_one_cache(self, folder: pathlib.Path, delay: float) -> str:
        """As the function, with two machines."""
        return one_cache(folder, delay, self.machines(folder))

    def _ends_well(self, folder: pathlib.Path, argv: List[str]) -> str:
        last = commands.run("train", *argv)
        if last.code:
            return f"not even alone: {last.text[-500:]}"
        found = commands.facts(folder / "run")
        different = [
            key for key, value in self._expected.items() if found[key] != value
        ]
        return f"other results: {different}" if different else ""


def main(trials: int, seed: int) -> int:
    """Runs the trials; returns the exit code."""
    draw = random.Random(seed)
    counts: Counter[str] = collections.Counter()
    wrong: List[str] = []
    commands.prepare()
    two = Network(draw, counts)
    kinds: Tuple[Callable[[pathlib.Path, float], str], ...] = (
        *(one_folder, one_cache, two.machines_in_one_folder),
        *(two.machines_with_one_cache, two.killed_elsewhere),
    )
    with tempfile.TemporaryDirectory(prefix="torture-") as place:
        for number in range(trials):
            kind = kinds[number % len(kinds)]
            folder = pathlib.Path(place) / str(number)
            folder.mkdir()
            problem = kind(folder, draw.choice((0.0, draw.uniform(0, 3))))
            counts[kind.__name__] += 1
            wrong += [f"{kind.__name__}: {problem}"] if problem else []
            shutil.rmtree(folder)
    return commands.finish("owners", trials, counts, wrong)


if __name__ == "__main__":
    found = commands.trials("owners", 50, __doc__)
    sys.exit(main(found.trials, found.seed))
