"""`bin/compare`: several methods on your data under the same clock, and a ranking."""

from __future__ import annotations

import dataclasses
import pathlib
import shlex
import sys
from typing import AbstractSet, Any, List, Mapping, Sequence, Tuple

import mixdmt_tf
from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.cli.reproduce import LAUNCH
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import assumed, declared, nearest, setting

# What each run gets from the comparison.
_OWN = ("algorithm", "seed", "steps", "max_minutes")


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command; all other flags are those of bin/train."""

    algorithms: str = setting(
        "supervised,fixmatch,realmix,dmt", "methods, with commas between them"
    )
    minutes: float = setting(
        30.0, "how long each run trains, evaluations included", low=0.1
    )
    seeds: int = setting(3, "runs of each method, with seeds 1, 2, ...", low=1)
    workdir: str = setting("runs/compare", "folder of the report and of all runs")
    dry_run: bool = setting(
        False, "print the commands and how long they will take, and run nothing"
    )


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_compare, argv)


def command() -> None:
    """The installed command `mixdmt-compare`."""
    sys.exit(main(sys.argv[1:]))


def _compare(argv: Sequence[str]) -> int:
    own, others = separate(argv)
    parsed = flags.parse(
        own,
        "compare",
        "Trains several methods on the same data, labels and network, each for the\n"
        "same time, and ranks them. Flags besides these are those of bin/train, for\n"
        "all runs alike. The same command resumes an interrupted one.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.compare")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    folder = pathlib.Path(config.workdir).expanduser()

    from mixdmt_tf.tables import contest, running

    contestants = [
        contest.Contestant(name, tuple(_flags(name, others, config)), folder, minutes)
        for name, minutes in _methods(config, others)
    ]
    # By seed, so that all methods have a run before one has its second.
    seeds = range(1, config.seeds + 1)
    runs: List[Tuple[Any, int]] = [(each, s) for s in seeds for each in contestants]
    cost = running.cost_in_words(runs, contestants)  # type: ignore[arg-type]
    if config.dry_run:
        for each, seed in runs:
            print(f"{each.title(None, seed)}:")
            print(f"    bin/train {shlex.join(each.command(seed))}")
        print(f"cost: {cost}")
        return 0

    from mixdmt_tf.tables import contest_report

    dataset = experiments_dataset(others)
    title = f"{dataset}: methods under the same clock, {config.minutes:g} minutes a run"
    note = f"Command: `bin/compare {shlex.join(argv)}`"

    def write(failed: AbstractSet[Tuple[str, str, int]]) -> None:
        del failed  # a run that failed is not in the ranking
        contest_report.write(contestants, folder, title, note)

    print(f"cost: {cost}", flush=True)
    package = pathlib.Path(mixdmt_tf.__file__).resolve().parents[1]
    launch = [sys.executable, "-c", LAUNCH, str(package)]
    code = running.execute(None, runs, launch, write)  # type: ignore[arg-type]
    print(contest_report.write(contestants, folder, title, note))
    print(f"written to {folder}: comparison.md, .csv, .json, .png")
    return code


def separate(argv: Sequence[str]) -> Tuple[List[str], List[str]]:
    """The flags of this command, and those of the runs.

    Raises:
        UsageError: if a flag of the runs is one that the comparison sets.
    """
    names = {each.name for each in declared("mixdmt_tf.cli.compare")}
    own: List[str] = []
    others: List[str] = []
    waiting = None
    for word in argv:
        name = word[2:].partition("=")[0] if word.startswith("--") else ""
        if waiting is not None and not name:
            waiting.append(word)  # the value of a flag without '='
            continue
        mine = name in (*names, "help", "helpfull", "version") or name == "nodry_run"
        waiting = own if mine else others
        waiting.append(word)
        if name in _OWN:
            raise UsageError(
                f"{word}: every run has its own; expected --algorithms, --seeds and "
                "--minutes.\nLeave it out."
            )
    return own, others


def experiments_dataset(others: Sequence[str]) -> str:
    """The data set that the flags of the runs name."""
    parsed = experiments.parse(others, "compare", "")
    return str(parsed.values["data"]["dataset"])


def _methods(config: Config, others: Sequence[str]) -> List[Tuple[str, float]]:
    """Names of the methods, and about how many minutes a run of each takes.

    Raises:
        UsageError: if there is none of a name, or one is there twice, or the flags of
            the runs are wrong for one.
    """
    known = experiments.methods_of(experiments.task_of(experiments_dataset(others)))
    names = [each.strip() for each in config.algorithms.split(",") if each.strip()]
    for name in names:
        if name not in known or names.count(name) > 1:
            near = nearest(name, known)
            raise UsageError(
                f"--algorithms={config.algorithms}: {name!r}: expected different ones "
                f"of {', '.join(known)}"
                + (f"\ndid you mean {near!r}?" if near not in (None, name) else "")
            )
    if not names:
        raise UsageError("--algorithms is empty; expected names of methods")
    task = experiments.task_of(experiments_dataset(others))
    found = []
    for name in names:
        experiments.parse(_flags(name, others, config), "compare", "")
        brought = assumed(f"mixdmt_tf.algorithms.{task}.{name}")
        found.append((name, 0.5 if "steps" in brought else config.minutes))
    return found


def _flags(name: str, others: Sequence[str], config: Config) -> List[str]:
    """Arguments of the training command, without seed and folder."""
    task = experiments.task_of(experiments_dataset(others))
    brought = assumed(f"mixdmt_tf.algorithms.{task}.{name}")
    if "steps" in brought:  # a method that is done at once
        length = [f"--steps={brought['steps']}"]
    else:
        length = ["--steps=none", f"--max_minutes={config.minutes:g}"]
    return [*others, f"--algorithm={name}", *length, "--noexport"]
