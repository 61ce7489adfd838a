"""`bin/compare`: several methods on your data under the same clock, and a ranking.

A flag applies to all runs, or to those of one method: `--realmix.mixup_beta=0.1`.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shlex
import sys
from typing import AbstractSet, Any, Dict, List, Mapping, Sequence, Tuple

import mixdmt_tf
from mixdmt_tf import remote
from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.arguments import Reader, require_on_the_line
from mixdmt_tf.cli.main import run
from mixdmt_tf.cli.reproduce import LAUNCH, settings_of_numbers
from mixdmt_tf.errors import UsageError
from mixdmt_tf.lengths import STAGES
from mixdmt_tf.settings import Setting, assumed, declared, nearest, setting, to_text

# Settings that the comparison sets for each run.
_OWN = ("algorithm", "seed", "steps", *STAGES, "max_minutes")
# Settings that have to be the same for all methods.
_SAME = ("dataset", "data_dir", "labels", "validation", "split")
# Settings that may change while a run is trained, or whose files are compared by their
# contents. They are not checked for finished runs.
_NOT_ASKED = (
    *("max_minutes", "data_dir", "split", "unlabeled_dir"),
    *("labels_csv", "weights_csv"),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command; all other flags are those of bin/train.

    A flag with the name of a method, such as `--dmt.rounds=3`, applies to the runs of
    this method and replaces the same flag for all runs.
    """

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


@dataclasses.dataclass(frozen=True)
class CommandLine:
    """A command line, divided into flags of the comparison and of the runs."""

    own: List[str]
    of_all: List[str]
    of_one: Dict[str, List[str]]  # by method, without the method's name in the flag

    def of(self, method: str) -> List[str]:
        """Returns the flags of a method's runs; its own replace those for all."""
        own = self.of_one.get(method, [])
        names = {_name(word) for word in own} - {"", "flagfile"}
        replaced = names | {f"no{name}" for name in names}
        replaced |= {name[2:] for name in names if name.startswith("no")}
        kept, keep = [], True
        for word in self.of_all:
            keep = _name(word) not in replaced if _name(word) else keep
            if keep:
                kept.append(word)
        return [*kept, *own]


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_compare, argv)


def command() -> None:
    """The installed command `mixdmt-compare`."""
    sys.exit(main(sys.argv[1:]))


def _compare(argv: Sequence[str]) -> int:
    given = separate(argv)
    parsed = flags.parse(
        given.own,
        "compare",
        "Trains several methods on the same data and labels, each for the same time,\n"
        "and ranks them. All other flags are those of bin/train: for all runs, such\n"
        "as --network, or for those of one method, as in --dmt.rounds=3. The same\n"
        "command resumes an interrupted one.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.compare")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    own = [s for s in declared("mixdmt_tf.cli.compare") if s.name != "workdir"]
    for argv_of_runs in (given.of_all, *given.of_one.values()):
        require_on_the_line(own, argv_of_runs, "compare")
    if config.dry_run:
        return _run(config, remote.run_folder(config.workdir), given, argv)
    with remote.opened(config.workdir) as folder:
        return _run(config, folder, given, argv)


def _run(
    config: Config,
    folder: pathlib.Path,
    given: CommandLine,
    command_line: Sequence[str],
) -> int:
    """Runs a comparison in a folder, with the flags of the runs."""
    from mixdmt_tf.tables import contest, running

    dataset = _dataset(given.of_all)
    task = experiments.task_of(dataset)
    names = _methods(config, task)
    for stranger in sorted({*given.of_one} - {*names}):
        raise UsageError(
            f"{given.of_one[stranger][0].replace('--', f'--{stranger}.', 1)}: "
            f"{stranger!r} is none of the methods compared\n"
            f"expected one of {', '.join(names)}, as in --{names[0]}.batch=8"
        )
    contestants = []
    parsed: Dict[str, flags.Parsed] = {}
    for name in names:
        steps = assumed(f"mixdmt_tf.algorithms.{task}.{name}").get("steps")
        length = ["--steps=none", f"--max_minutes={config.minutes:g}"]
        if steps:  # a method with a fixed, short training
            length = [f"--steps={steps}"]
        argv = [*given.of(name), f"--algorithm={name}", *length, "--noexport"]
        argv += _of_base_model(experiments.parse(argv, "compare", ""))
        parsed[name] = experiments.parse(argv, "compare", "")
        experiments.check(parsed[name])
        _require_same_data(parsed)
        settings = _settings(parsed[name])
        minutes = 0.5 if steps else config.minutes
        contestants.append(
            contest.Contestant(name, tuple(argv), folder, minutes, settings)
        )
        contestants[-1].require_same()
    # By seed, so that all methods have one run before any has its second.
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
    note = f"Command: `bin/compare {shlex.join(command_line)}`"

    def write(failed: AbstractSet[Tuple[str, str, int]]) -> None:
        del failed  # a run that failed is not in the ranking
        contest_report.write(contestants, folder, title, note)
        remote.update(folder)

    for each in contestants:
        if any(each.results(seed) is None for seed in seeds):
            experiments.find_data(parsed[each.name])
            contest_report.require_measure(parsed[each.name].values["data"])
            each.note()
    print(f"cost: {cost}", flush=True)
    package = pathlib.Path(mixdmt_tf.__file__).resolve().parents[1]
    launch = [sys.executable, "-c", LAUNCH, str(package)]
    code = running.execute(None, runs, launch, write)  # type: ignore[arg-type]
    print(contest_report.write(contestants, folder, title, note))
    print(f"written to {remote.shown(folder)}: comparison.md, .csv, .json, .png")
    return code


def _settings(parsed: flags.Parsed) -> Dict[str, str]:
    """Returns the settings that runs in one ranking must share, as text by flag."""
    values = {**parsed.values["run"], **parsed.values["data"]}
    again = {name: to_text(values[name]) for name in _NOT_ASKED if name in values}
    found = {**settings_of_numbers(parsed), **again}
    # For runs in rounds these flags are proportions; results have the actual lengths.
    return {k: v for k, v in found.items() if k not in STAGES}


def _dataset(argv: Sequence[str]) -> str:
    """Returns the data set of all runs, ignoring flags of methods."""
    known = {"dataset": Setting("dataset", "str")}
    given, _ = Reader(known, {}, strict=False).read(argv)
    argv = [f"--dataset={each.text}" for each in given[-1:]]
    return str(experiments.parse(argv, "compare", "").values["data"]["dataset"])


def _require_same_data(parsed: Mapping[str, flags.Parsed]) -> None:
    """Raises a UsageError if a method's own flagfile names other data."""
    first, *others = parsed
    for name in others:
        for flag in _SAME:
            values = [parsed[each].values["data"][flag] for each in (name, first)]
            if values[0] != values[1]:
                mine, other = map(to_text, values)
                raise UsageError(
                    f"--{flag} is {mine} for {name} and {other} for {first}: methods "
                    "are compared on the same data,\nlabels and validation images. "
                    f"Give --{flag} for all of them."
                )


def _of_base_model(parsed: flags.Parsed) -> List[str]:
    """Returns flags that give a base model the learning rate and batch of all runs.

    Methods in rounds have separate settings for the base model. Their published
    defaults are for other networks than those of a flagfile such as `pretrained.flags`.
    So the base model learns as the supervised method of the same comparison does.
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


def separate(argv: Sequence[str]) -> CommandLine:
    """Divides a command line into flags of the comparison and flags of the runs.

    Raises:
        UsageError: if a flag of the runs is one that the comparison sets.
    """
    names = {each.name for each in declared("mixdmt_tf.cli.compare")}
    found = CommandLine([], [], {})
    waiting = None
    for word in argv:
        name = _name(word)
        if word in flags.HELP:
            found.own.append(word)
            continue
        if waiting is not None and not name:
            waiting.append(word)  # the value of a flag without '='
            continue
        method, dot, flag = name.rpartition(".")
        mine = name in (*names, "version", "nodry_run")
        if dot:
            waiting = found.of_one.setdefault(method, [])
            waiting.append(word.replace(f"{method}.", "", 1))
        else:
            waiting = found.own if mine else found.of_all
            waiting.append(word)
        if dot and flag in _SAME:
            raise UsageError(
                f"{word}: methods are compared on the same data, labels and validation "
                f"images.\nGive --{flag} for all of them."
            )
        if flag in _OWN or (dot and flag == "workdir"):
            raise UsageError(
                f"{word}: the comparison sets it for each run; expected --algorithms, "
                "--seeds and --minutes.\nLeave it out."
            )
    return found


def _name(word: str) -> str:
    """Returns the name of a flag; '' if the word is not a flag."""
    return word[2:].partition("=")[0] if word.startswith("--") else ""


def _methods(config: Config, task: str) -> List[str]:
    """Parses the names of the methods.

    Raises:
        UsageError: if there are none, or one is unknown or given twice.
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
