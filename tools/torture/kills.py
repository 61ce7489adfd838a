"""SIGKILL in each phase and at random moments of a run; it must end as if undisturbed.

    .venv/bin/python -m tools.torture.kills [--trials=200] [--seed=N] [--first=N]

A trial is one kill. Runs of both tasks, with and without rounds, are killed up to six
times each, and then let run to their end: results and the bytes of all checkpoints
must be those of the undisturbed run. Every second kill is aimed at a phase, one after
the other: evaluation, a checkpoint being written, labelling, between rounds, export and
so on (`phases.py`). The others come at random moments of the time that an undisturbed
run takes.

What is done depends on the seed and the number of the trial: --first goes on with a
trial that was printed.
"""

from __future__ import annotations

import collections
import pathlib
import random
import shutil
import sys
import tempfile
import time
from typing import Any, Counter, Dict, List, NamedTuple, Optional, Tuple

from tools.torture import commands, phases

MOST = 6  # kills of one run


class Straight(NamedTuple):
    """A run without a kill: its facts, duration, and the calls of each phase."""

    facts: Dict[str, Any]
    seconds: float
    calls: Dict[str, List[float]]
    order: List[str]  # phases, as they begin


class Kill(NamedTuple):
    """A kill: at a phase, or at some second of a run."""

    aim: Optional[phases.Aim]
    seconds: float


def straight(folder: pathlib.Path) -> Dict[str, Straight]:
    """Each run without a kill."""
    found = {}
    for name in commands.RUNS:
        place = folder / name.replace(" ", "_")
        place.mkdir(parents=True)
        watch = phases.Watch(place / "phases")
        argv = commands.training(name, place)
        done = commands.Child("train", *argv, before=watch.enter).wait(3600)
        if done is None or done.code:
            sys.exit(f"bin/train failed:\n{done and done.text}")
        events = phases.read(watch.file)
        order = list(dict.fromkeys(each.phase for each in events if each.began))
        facts = commands.facts(place / "run")
        found[name] = Straight(facts, done.seconds, phases.durations(events), order)
    return found


def planned(run: Straight, numbers: range, draw: random.Random) -> List[Kill]:
    """The kills with these numbers, of one run; those at phases in their order."""
    kills: List[Kill] = []
    turn = [number // 2 % len(run.order) for number in numbers if number % 2 == 0]
    for number in numbers:
        if number % 2:
            kills.append(Kill(None, draw.uniform(0, run.seconds)))
            continue
        phase = run.order[sorted(turn)[sum(kill.aim is not None for kill in kills)]]
        calls = run.calls[phase]
        # A run that goes on has fewer calls before it.
        call = draw.randrange(len(calls)) if not kills else 0
        seconds = draw.uniform(0, calls[call])
        kills.append(Kill(phases.Aim(phase, call + 1, seconds), 0.0))
    return kills


def kill_once(
    argv: List[str], file: pathlib.Path, kill: Kill
) -> Tuple[commands.Outcome, str]:
    """Runs a command until it is killed; how it ended, and in which phase."""
    child = commands.Child("train", *argv, before=phases.Watch(file, kill.aim).enter)
    done = child.wait(600 if kill.aim else kill.seconds)
    done = done or child.kill()
    place = phases.where(phases.read(file)) if file.exists() else phases.OUTSIDE
    file.unlink(missing_ok=True)
    return done, place


def main(trials: int, seed: int, first: int = 0) -> int:
    """Runs the trials; returns the exit code."""
    counts: Counter[str] = collections.Counter()
    wrong: List[str] = []
    done, began = first, time.monotonic()
    commands.prepare()
    with tempfile.TemporaryDirectory(prefix="torture-") as place:
        runs = straight(pathlib.Path(place))
        print(f"undisturbed after {time.monotonic() - began:.0f} s", flush=True)
        folder = pathlib.Path(place) / "trial"
        while done < first + trials:
            draw = random.Random(f"{seed} {done}")
            name = draw.choice(list(runs))
            number = min(draw.randint(1, MOST), first + trials - done)
            argv = commands.training(name, folder)
            ended, problem = None, ""
            for kill in planned(runs[name], range(done, done + number), draw):
                ended, phase = kill_once(argv, pathlib.Path(place) / "phases", kill)
                if ended.code >= 0:  # it was faster, or has that phase behind it
                    counts["(ended before it was killed)"] += 1
                    break
                how = "aimed" if kill.aim else "random"
                counts[f"{how}: {phase}"] += 1
                took = time.monotonic() - began
                print(f"{done}, {took:.0f} s: {name}: {how}: {phase}", flush=True)
                done += 1
                if "Traceback" in ended.text:
                    problem = ended.text[-1000:]
            if ended is None or ended.code < 0:
                ended = commands.run("train", *argv)
            if ended.code:
                problem = problem or ended.text[-1000:]
            elif commands.facts(folder / "run") != runs[name].facts:
                problem = problem or "ended otherwise than without kills"
            if problem:
                wrong.append(f"{name}, before trial {done}: {problem}")
                print(f"WRONG: {wrong[-1]}", flush=True)
            shutil.rmtree(folder)
    return commands.finish("kills", trials, counts, wrong)


if __name__ == "__main__":
    found = commands.trials("kills", 200, __doc__, first=True)
    sys.exit(main(found.trials, found.seed, found.first))
