"""`bin/compare`: several methods on your data under the same clock, and a ranking."""

from __future__ import annotations

import dataclasses
import pathlib
import shlex
import sys
from typing import AbstractSet, Any, List, Mapping, Sequence, Tuple

import mixdmt_tf
from mixdmt_tf import remote
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
    seeds: int = setting(
        3, "runs of each method, with seeds 1, 2, ...", low=1, high=1000
    )
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
    if config.dry_run:
        return _run(config, remote.run_folder(config.workdir), others, argv)
    with remote.opened(config.workdir) as folder:
        return _run(config, folder, others, argv)


def _run(
    config: Config, folder: pathlib.Path, others: Sequence[str], given: Sequence[str]
) -> int:
    """Makes a comparison in a folder, with the flags of the runs."""
    from mixdmt_tf.tables import contest, running

    dataset = str(experiments.parse(others, "compare", "").values["data"]["dataset"])
    task = experiments.task_of(dataset)
    contestants = []
    for name in _methods(config, task):
        steps = assumed(f"mixdmt_tf.algorithms.{task}.{name}").get("steps")
        length = ["--steps=none", f"--max_minutes={config.minutes:g}"]
        if steps:  # a method that is done at once
            length = [f"--steps={steps}"]
        argv = [*others, f"--algorithm={name}", *length, "--noexport"]
        argv += _of_base_model(experiments.parse(argv, "compare", ""))
        minutes = 0.5 if steps else config.minutes
        contestants.append(contest.Contestant(name, tuple(argv), folder, minutes))
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

    title = f"{dataset}: methods under the same clock, {config.minutes:g} minutes a run"
    note = f"Command: `bin/compare {shlex.join(given)}`"

    def write(failed: AbstractSet[Tuple[str, str, int]]) -> None:
        del failed  # a run that failed is not in the ranking
        contest_report.write(contestants, folder, title, note)
        remote.update(folder)

    print(f"cost: {cost}", flush=True)
    package = pathlib.Path(mixdmt_tf.__file__).resolve().parents[1]
    launch = [sys.executable, "-c", LAUNCH, str(package)]
    code = running.execute(None, runs, launch, write)  # type: ignore[arg-type]
    print(contest_report.write(contestants, folder, title, note))
    print(f"written to {remote.shown(folder)}: comparison.md, .csv, .json, .png")
    return code


def _of_base_model(parsed: flags.Parsed) -> List[str]:
    """Flags by which a base model learns as labels alone do in the same comparison.

    Rounds of pseudo labels have a learning rate and a batch of their own for the base
    model, and published ones are made for other networks than those that a flagfile
    such as `pretrained.flags` is for.
    """
    method = parsed.values["method"]
    values = {**parsed.values["run"], **method}
    return [
        f"--base_{name}={values[name]}"
        for name in ("learning_rate", "batch")
        if f"base_{name}" in method
        and name in parsed.given
        and f"base_{name}" not in parsed.given
    ]


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


def _methods(config: Config, task: str) -> List[str]:
    """Names of the methods.

    Raises:
        UsageError: if there is none, or none of a name, or one is there twice.
    """
    known = experiments.methods_of(task)
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
    return names
