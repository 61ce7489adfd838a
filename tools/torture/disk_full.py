"""A disk that is full at each kind of write: named, nothing lost, and on it goes.

    .venv/bin/python -m tools.torture.disk_full [--trials=N] [--seed=N]

Every command is run once on a disk in memory (tmpfs, in a mount namespace of its own),
and its kinds of write are noted (`writes.py`). A trial is a command and a kind: the
disk is full from one of the writes of that kind on, whichever is drawn. The command
must end well or say so in words. Then there is room, and the same command must end with
what it says on a disk that always had room. --trials=0, the default, tries all; a row
is printed for each.
"""

from __future__ import annotations

import collections
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
from typing import Any, Counter, List, NamedTuple, Tuple

from tools.torture import commands, subjects, writes

PLACE = pathlib.Path("/tmp/torture-small-disk")
BYTES = 192 << 20  # of which most stay free
INSIDE = "MIXDMT_TORTURE_MOUNTS"  # set in a process whose mounts nobody else sees


class Case(NamedTuple):
    """A command, a kind of what it writes, and how often it does."""

    subject: str
    command: subjects.Command
    reads: bool  # a finished run
    expected: Any
    kind: str
    number: int


def cases(name: str, subject: subjects.Subject, notes: pathlib.Path) -> List[Case]:
    """All trials of a subject, whose finished run stays in a folder with its name."""
    folder, found = PLACE / name.replace(" ", "_"), []
    copy = folder.with_name("trial")  # answers can hold names of the folder
    subjects.prepare(copy)
    for command in (subject.again, *subject.readers):
        if command is not subject.again:
            shutil.copytree(folder, copy)
        done, said = subjects.answer(command, copy, writes.Watch(notes, PLACE).enter)
        if done.code:
            sys.exit(f"{name}: bin/{command.name} failed:\n{done.text}")
        reads = command is not subject.again
        for kind, number in writes.read(notes).items():
            found.append(Case(name, command, reads, said, kind, number))
        if command is subject.again:
            shutil.copytree(copy, folder)
        shutil.rmtree(copy)
    return found


def trial(
    case: Case, number: int, notes: pathlib.Path
) -> Tuple[str, commands.Outcome, str]:
    """Fills the disk at a write; what came of it, and what is wrong."""
    folder = PLACE / case.subject.replace(" ", "_")
    copy = folder.with_name("trial")
    if case.reads:
        shutil.copytree(folder, copy)
    else:
        subjects.prepare(copy)
    watch = writes.Watch(notes, PLACE, (case.kind, number))
    full, said = subjects.answer(case.command, copy, watch.enter)
    was_full, problem = writes.empty(PLACE), ""
    if not full.sound or len(full.text) > 20_000:
        problem = f"full disk: code {full.code}: {full.text[-500:]}"
    elif full.code == 0 and said != case.expected:
        what = subjects.differing(case.expected, said)
        problem = f"full disk: ended well, with something else: {what}"
    again = full
    if full.code or not case.reads:  # some refuse to write what they have written
        again, said = subjects.answer(case.command, copy)
    if again.code:
        problem = problem or f"with room: code {again.code}: {again.text[-500:]}"
    elif said != case.expected:
        what = subjects.differing(case.expected, said)
        problem = problem or f"with room: ended with something else: {what}"
    shutil.rmtree(copy)
    outcome = "did not need it" if full.code == 0 else "said so"
    return outcome if was_full else "never came there", full, problem


def main(trials: int, seed: int, names: Tuple[str, ...] = ()) -> int:
    """Runs the trials, of all subjects or those named; returns the exit code."""
    draw = random.Random(seed)
    counts: Counter[str] = collections.Counter()
    wrong: List[str] = []
    every = subjects.every()
    commands.prepare()
    PLACE.mkdir(exist_ok=True)
    options = f"size={BYTES},mode=700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "torture", str(PLACE)]
    subprocess.run(mount, check=True)
    try:
        with tempfile.TemporaryDirectory(prefix="torture-") as place:
            notes = pathlib.Path(place) / "writes"
            chosen: List[Case] = []
            for name in names or every:
                chosen += cases(name, every[name], notes)
            if trials:
                draw.shuffle(chosen)
            chosen = chosen[: trials or None]
            for case in chosen:
                number = draw.randint(1, case.number)
                outcome, full, problem = trial(case, number, notes)
                counts[outcome] += 1
                row = f"{case.subject}, bin/{case.command.name}: {case.kind}, "
                row += f"{number} of {case.number}: {outcome}"
                print(f"{row}: {_words(full)}" if full.code else row, flush=True)
                if problem:
                    wrong.append(f"{row}: {problem}")
                    print(f"WRONG: {problem}", flush=True)
    finally:
        subprocess.run(["umount", "-l", str(PLACE)], check=False)
    return commands.finish("disk_full", len(chosen), counts, wrong)


def _words(done: commands.Outcome) -> str:
    """What a command said of its error."""
    said = done.text.rpartition("error: ")[2] or done.text
    return said.strip().partition("\n")[0][:120]


if __name__ == "__main__":
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        again = [sys.executable, "-m", "tools.torture.disk_full", *sys.argv[1:]]
        alone = "-m" if os.geteuid() == 0 else "-rm"
        os.execvp("unshare", ["unshare", alone, *again])
    found = commands.trials("disk_full", 0, __doc__)
    sys.exit(main(found.trials, found.seed))
