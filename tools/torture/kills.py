"""SIGKILL at random moments of a run; it must end as if nothing had happened.

    .venv/bin/python -m tools.torture.kills [--trials=200] [--seed=N]

A trial is one kill. Runs of both tasks, with and without rounds, are killed up to six
times each at moments drawn from the time that an undisturbed run takes, and then let
run to their end: results and the bytes of all checkpoints must be those of the
undisturbed run.
"""

from __future__ import annotations

import collections
import pathlib
import random
import shutil
import sys
import tempfile
from typing import Any, Counter, Dict, List, Tuple

from tools.torture import commands

MOST = 6  # kills of one run


def straight(folder: pathlib.Path) -> Dict[str, Tuple[Dict[str, Any], float]]:
    """The facts and the duration of each run without a kill."""
    found = {}
    for name in commands.RUNS:
        place = folder / name.replace(" ", "_")
        done = commands.succeed("train", *commands.training(name, place))
        found[name] = (commands.facts(place / "run"), done.seconds)
    return found


def one_run(
    name: str, folder: pathlib.Path, kills: int, seconds: float, draw: random.Random
) -> Tuple[Counter[str], str]:
    """Kills a run so often and lets it end; where it was hit, and what is wrong."""
    hits: Counter[str] = collections.Counter()
    argv = commands.training(name, folder)
    for _ in range(kills):
        child = commands.Child("train", *argv)
        done = child.wait(draw.uniform(0, seconds))
        if done is not None:  # it was faster
            if done.code:
                return hits, done.text
            hits["after the end"] += 1
            continue
        done = child.kill()
        if "Traceback" in done.text:
            return hits, done.text
        hits[_phase(done.text)] += 1
    done = commands.run("train", *argv)
    return hits, "" if done.code == 0 else done.text


def _phase(text: str) -> str:
    """Where a run was, by the last line that it printed."""
    last = text.strip().rpartition("\n")[2]
    words = {
        "resuming": "training, resumed",
        "parameters": "first step",
        "step ": "training or checkpoint",
        "labelling": "labelling",
        "% are right": "between rounds",
        "copies": "making copies",
    }
    return next((phase for word, phase in words.items() if word in last), "elsewhere")


def main(trials: int, seed: int) -> int:
    """Runs the trials; returns the exit code."""
    draw = random.Random(seed)
    counts: Counter[str] = collections.Counter()
    wrong: List[str] = []
    done = 0
    commands.prepare()
    with tempfile.TemporaryDirectory(prefix="torture-") as place:
        expected = straight(pathlib.Path(place))
        while done < trials:
            name = draw.choice(list(expected))
            kills = min(draw.randint(1, MOST), trials - done)
            folder = pathlib.Path(place) / "trial"
            facts, seconds = expected[name]
            hits, problem = one_run(name, folder, kills, seconds, draw)
            if not problem and commands.facts(folder / "run") != facts:
                problem = "ended otherwise than without kills"
            if problem:
                wrong.append(f"{name}, after {done} kills: {problem}")
            counts.update(hits)
            done += kills
            shutil.rmtree(folder)
    return commands.finish("kills", done, counts, wrong)


if __name__ == "__main__":
    found = commands.trials("kills", 200, __doc__)
    sys.exit(main(found.trials, found.seed))
