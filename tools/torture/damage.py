"""Random damage to any file of a run folder or a cache, then everything that reads it.

    .venv/bin/python -m tools.torture.damage [--trials=500] [--seed=N] [--first=N]

A trial damages one file of a finished run, or of one that was stopped: a bit, a digit,
its end, all of it. Runs are of both tasks, with and without rounds, with copies and
decoded images, a comparison and a table (`subjects.py`). Then a command that reads
must refuse in words or say what it said of the undamaged run, and the training command
must end with that run's results and weights, or refuse in words. Of a stopped run it
may say what it says where that checkpoint was never written, if it names the damage.
Whoever says other numbers is wrong, with a message too; so is a traceback.

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
from typing import Any, Counter, Dict, List, NamedTuple, Tuple

from tools.torture import commands, subjects

# Most files are TensorBoard's and the exported model's.
NAMED = ("*.json", "*.csv", "*.txt", "*.npz", "*.u8", "state.*")


def damage(path: pathlib.Path, draw: random.Random) -> str:
    """Damages a file; says how."""
    content = bytearray(path.read_bytes())
    kind = draw.choice(("bit", "digit", "cut", "empty", "missing", "noise"))
    digits = [i for i, byte in enumerate(content) if 48 <= byte < 58]
    if kind == "digit" and digits:
        place = draw.choice(digits)
        content[place] = 48 + (content[place] - 48 + draw.randint(1, 9)) % 10
    elif kind in ("bit", "digit") and content:
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif kind == "cut":
        del content[draw.randrange(len(content) + 1) :]
    elif kind == "noise":
        content[:] = draw.getrandbits(8 * 200).to_bytes(200, "big")
    elif kind == "empty":
        content.clear()
    if kind == "missing":
        path.unlink()
    else:
        path.write_bytes(content)
    return kind


class Base(NamedTuple):
    """A finished run, what reads it, and what that says."""

    folder: pathlib.Path
    subject: subjects.Subject
    said: List[Any]  # by each of the readers
    said_stopped: List[Any]  # by them, had the run been stopped; None: refused
    ended: Any  # with the training command


def _copy(folder: pathlib.Path, stopped: bool) -> pathlib.Path:
    """A copy at the place of all trials, as if the run had been stopped at its end."""
    copy = folder.with_name("trial")  # answers can hold names of the folder
    shutil.copytree(folder, copy)
    if stopped:
        for path in copy.glob("run/**/results.json"):
            path.unlink()
    return copy


def _said(
    command: subjects.Command, folder: pathlib.Path, stopped: bool, without: str = ""
) -> Tuple[commands.Outcome, Any]:
    """What a command says of an undamaged run, which may lack one of its folders."""
    copy = _copy(folder, stopped)
    if without:
        shutil.rmtree(copy / without)
    answered = subjects.answer(command, copy)
    shutil.rmtree(copy)
    return answered


def made(place: pathlib.Path, names: List[str]) -> Dict[str, Base]:
    """A finished run of each kind, and what all commands say of it."""
    every, found = subjects.every(), {}
    for name in names or every:
        folder = place / name.replace(" ", "_")
        subjects.prepare(folder)
        done, ended = subjects.answer(every[name].again, folder)
        if done.code:
            sys.exit(f"{name}: the first run failed:\n{done.text}")
        said, said_stopped = [], []
        for command in every[name].readers:
            done, each = _said(command, folder, stopped=False)
            if done.code or not each:
                sys.exit(f"{name}: bin/{command.name} failed:\n{done.text}")
            said.append(each)
            said_stopped.append(_said(command, folder, stopped=True)[1])
        found[name] = Base(folder, every[name], said, said_stopped, ended)
    return found


def _hit(folder: pathlib.Path, draw: random.Random) -> Tuple[str, pathlib.Path]:
    """Damages a file of a subject; says how, and which."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    files = [path for path in files if subjects.IMAGES not in path.parts]
    path = draw.choice(files)
    if draw.random() < 0.5:
        path = draw.choice([p for p in files if any(map(p.match, NAMED))])
    return damage(path, draw), path


def trial(base: Base, draw: random.Random) -> Tuple[str, str, str]:
    """Damages a copy of a run; what was done, what came of it, and what is wrong."""
    stopped = draw.random() < 0.5
    folder = _copy(base.folder, stopped)
    kind, path = _hit(folder, draw)
    hit = path.relative_to(folder)
    where, problem, noticed = f"{kind} in {hit}", "", False
    number = draw.randrange(max(1, len(base.said)))
    asked = [(base.subject.again, base.ended)]
    if base.said:
        said_before = (base.said_stopped if stopped else base.said)[number]
        asked.insert(0, (base.subject.readers[number], said_before))
    passed_over = []  # commands that may have taken the checkpoint before
    for command, expected in asked:
        done, said = subjects.answer(command, folder)
        noticed |= done.code != 0 or "damaged" in done.text
        where += f", {command.name}"
        if not done.sound:
            problem = problem or f"{where}: {done.text[-600:]}"
        elif done.code == 0 and said != expected:
            # An older checkpoint, which nobody reads, stays as it was hit.
            itself = "/".join(path.parts[-3:])
            differing = subjects.differing(expected, said, itself)
            unused = f"{hit.parent.name} is damaged and is not used" in done.text
            if differing and stopped and unused and command in base.subject.readers:
                passed_over.append((command, said))
            elif differing:
                problem = problem or f"{where} said otherwise: {differing}"
    shutil.rmtree(folder)
    for command, said in passed_over:
        _, expected = _said(command, base.folder, stopped, without=str(hit.parent))
        if said != expected:
            differing = subjects.differing(expected, said)
            problem = problem or f"{where} said nothing known: {differing}"
    return where, "noticed" if noticed else "harmless", problem


def main(trials: int, seed: int, first: int = 0, names: Tuple[str, ...] = ()) -> int:
    """Runs the trials, of all subjects or those named; returns the exit code."""
    counts: Counter[str] = collections.Counter()
    wrong: List[str] = []
    began = time.monotonic()
    commands.prepare()
    with tempfile.TemporaryDirectory(prefix="torture-") as place:
        bases = made(pathlib.Path(place), [*names])
        print(f"undamaged after {time.monotonic() - began:.0f} s", flush=True)
        for number in range(first, first + trials):
            draw = random.Random(f"{seed} {number}")
            name = draw.choice(list(bases))
            where, outcome, problem = trial(bases[name], draw)
            counts[outcome] += 1
            counts[f"({name})"] += 1
            took = time.monotonic() - began
            print(f"{number}, {took:.0f} s: {name}: {where}: {outcome}", flush=True)
            if problem:
                wrong.append(f"trial {number}, {name}: {problem}")
                print(f"WRONG: {wrong[-1]}", flush=True)
    return commands.finish("damage", trials, counts, wrong)


if __name__ == "__main__":
    found = commands.trials("damage", 500, __doc__, first=True)
    sys.exit(main(found.trials, found.seed, found.first))
