"""`bin/tune`: search for settings on validation images, never on test images."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import shlex
import sys
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Sequence, Tuple

import mixdmt_tf
from mixdmt_tf import leases, remote
from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.arguments import require_on_the_line
from mixdmt_tf.cli.main import run
from mixdmt_tf.cli.reproduce import LAUNCH
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import write_atomically
from mixdmt_tf.settings import Setting, declared, setting

if TYPE_CHECKING:
    from mixdmt_tf.tables.tuning import Attempt, Range, Search

# Settings that determine the images a trial is scored on, or are set for each trial.
FIXED = ("dataset", "data_dir", "labels", "validation", "split", "seed", "workdir")
FAILURES = 3  # consecutive failures that end the search
POLL = 5.0  # seconds between two checks of a running trial


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command; all other flags are those of bin/train."""

    tune: str = setting(
        "",
        "what to search: NAME:LOW:HIGH, NAME:LOW:HIGH:log or NAME:A,B,C, where NAME is "
        "a flag of bin/train; once for each setting, or with ; between them",
    )
    trials: int = setting(
        20, "trainings in all; a later call may ask for more", low=1, high=1000000
    )
    prune: bool = setting(
        True,
        "stop a trial that is worse than the median of the earlier ones at the same "
        "evaluation",
    )
    workdir: str = setting("runs/tune", "folder of the search and of all its runs")
    dry_run: bool = setting(False, "print what would be searched, and run nothing")


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_tune, argv)


def command() -> None:
    """The installed command `mixdmt-tune`."""
    sys.exit(main(sys.argv[1:]))


def _tune(argv: Sequence[str]) -> int:
    own, others = separate(argv)
    parsed = flags.parse(
        own,
        "tune",
        "Searches for settings of a method: trains with different ones, each training\n"
        "in a run folder of its own, and prints the best as a flagfile. The scores of\n"
        "test images don't count. Flags besides these are those of bin/train, for all\n"
        "trials alike. The same command resumes an interrupted search.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.tune")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    mine = [s for s in declared("mixdmt_tf.cli.tune") if s.name != "workdir"]
    require_on_the_line(mine, others, "tune")
    ranges, given, segmentation = _planned(config, others)
    command = [*others, "--noexport"]
    of_trials = experiments.parse(command, "tune", "")  # checks for a given --export
    if config.dry_run:
        print(f"{config.trials} trials of: bin/train {shlex.join(command)}")
        for each in ranges:
            between = ", ".join(each.choices) or " to ".join(each.ends)
            print(f"--{each.name}: {between}{', logarithmic' * each.log}")
        return 0

    from mixdmt_tf.tables import tuning

    experiments.find_data(of_trials)  # otherwise trials would fail and be counted
    with remote.opened(config.workdir) as folder, _alone(folder):
        search = tuning.Search(
            folder, ranges, command, segmentation, config.prune, given
        )
        try:
            code = _search(search, config.trials)
        except UserError:
            if search.best() is not None:
                _report(search, 1, given)
            raise
        return _report(search, code, given)


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
    """Locks the folder, since another search in it would resume this one's trial.

    Raises:
        InUse: if another process searches there; the message names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as file:
        leases.lock(file, remote.shown(folder))
        yield


def _report(search: "Search", code: int, given: Mapping[str, Any]) -> int:
    """Writes the results of a search and returns the exit code."""
    from mixdmt_tf.tables import tuning_report

    folder = search.folder
    trials, best = search.done(), search.best()
    tuning_report.write_table(folder, trials, search.measure)
    if best is None:
        return code or 1
    text = tuning_report.flagfile(best, search.measure, len(trials), given)
    write_atomically(folder / "best.flags", text)
    print(text, end="")
    print(
        f"written to {remote.shown(folder)}: best.flags, trials.csv; "
        f"trial{best.number} is the best"
    )
    return code


def separate(argv: Sequence[str]) -> Tuple[List[str], List[str]]:
    """Separates the flags of this command from those of the runs.

    Several --tune are joined to one.
    """
    names = {each.name for each in declared("mixdmt_tf.cli.tune")}
    names |= {"version", "nodry_run", "noprune"}
    own: List[str] = []
    others: List[str] = []
    waiting = others
    for word in argv:
        if word in flags.HELP:
            own.append(word)
            continue
        name = word[2:].partition("=")[0] if word.startswith("--") else ""
        if name:
            waiting = own if name in names else others
        waiting.append(word)
    searched = []
    for place, word in reversed([*enumerate(own)]):
        if word == "--tune" and place + 1 < len(own):
            searched.append(own.pop(place + 1))
            own.pop(place)
        elif word.startswith("--tune="):
            searched.append(own.pop(place)[len("--tune=") :])
    return [
        *own,
        *([f"--tune={';'.join(reversed(searched))}"] if searched else []),
    ], others


def _planned(
    config: Config, others: Sequence[str]
) -> Tuple[List["Range"], Dict[str, Any], bool]:
    """Plans a search.

    Returns:
        The search space, the settings that all trials share, and whether the task is
        segmentation.

    Raises:
        UsageError: if a setting does not exist, can't be searched or is not allowed.
    """
    from mixdmt_tf.tables import tuning

    parsed = experiments.parse(others, "tune", "")
    settings: Dict[str, Setting] = {
        each.name: each for group in parsed.groups for each in group.settings
    }
    if not config.tune.strip():
        raise UsageError(f"--tune is missing; expected {tuning.FORM}")
    if parsed.values["data"]["validation"] == 0:
        raise UsageError(
            "--validation=0: there are no images to search by.\nHold some out."
        )
    if "seed" in parsed.given:
        raise UsageError("--seed: all trials have the same one; leave it out")
    texts = [each for each in config.tune.split(";") if each.strip()]
    ranges = [tuning.read_range(each, settings) for each in texts]
    for each in ranges:
        given = f"--tune={each.name}"
        if each.name in FIXED or [r.name for r in ranges].count(each.name) > 1:
            raise UsageError(f"{given}: expected settings of the method, each once")
        if each.name in parsed.given:
            raise UsageError(
                f"{given}: --{each.name} is given as well\nleave one of them out"
            )
        for text in each.ends:  # raises for values that training would refuse
            argv = [*others, f"--{each.name}={text}"]
            experiments.check(experiments.parse(argv, "tune", ""))
    searched = {each.name for each in ranges}
    same = {
        each.name: parsed.values[group.name][each.name]
        for group in parsed.groups
        for each in group.settings
        if each.name in {*parsed.given, "algorithm", "dataset"} - {*searched, "workdir"}
    }
    dataset = str(parsed.values["data"]["dataset"])
    return ranges, same, experiments.task_of(dataset) == "segmentation"


def _search(search: "Search", trials: int) -> int:
    """Runs trials until there are `trials` of them; returns the exit code."""
    from mixdmt_tf.tables.child_process import Children
    from mixdmt_tf.tables.running import STOPPED
    from mixdmt_tf.tables.tuning import SEED

    package = pathlib.Path(mixdmt_tf.__file__).resolve().parents[1]
    launch = [sys.executable, "-c", LAUNCH, str(package)]
    failed = 0
    with Children() as children:
        while len(search.done()) < trials:
            attempt = search.begin()
            settings = " ".join(f"--{k}={v}" for k, v in attempt.values.items())
            title = f"[{len(search.done()) + 1}/{trials}] {attempt.run.name}"
            print(f"{title}: {settings}", flush=True)
            code = 0
            children.wait_for(attempt.run.run_folder(SEED))
            if attempt.run.results(SEED) is None and children.requested is None:
                command = [*launch, *attempt.run.command(SEED)]
                code = children.run(command, attempt.behind, POLL)
            if children.requested is not None:
                return _say_stopped(search, trials, 128 + children.requested)
            pruned = children.stopped and attempt.run.results(SEED) is None
            if code in STOPPED and not pruned:
                return _say_stopped(search, trials, code)
            search.end(attempt, pruned)
            remote.update(search.folder)
            failed = failed + 1 if code and not pruned else 0
            print(f"{title}: {_outcome(search, attempt, pruned, code)}", flush=True)
            if code == 2 and search.best() is None:
                raise UserError("that trial was refused: its message is above")
            if failed == FAILURES:
                raise UserError(
                    f"{failed} trials failed, one after the other: see above.\n"
                    "The same command resumes the search."
                )
    return 0


def _outcome(search: "Search", attempt: "Attempt", pruned: bool, code: int) -> str:
    """Describes the outcome of a trial."""
    best = search.best()
    leader = f"; the best is trial{best.number}, {best.score:.2f} %" if best else ""
    if pruned:
        return f"stopped, others were better at this point{leader}"
    if code:
        return f"failed with exit code {code}{leader}"
    (mine,) = [each for each in search.done() if each.number == attempt.number]
    words = search.measure.replace("_", " ")
    return f"{words} {mine.score:.2f} %{leader}"


def _say_stopped(search: "Search", trials: int, code: int) -> int:
    done = len(search.done())
    print(f"{done} of {trials} trials done; the same command resumes", flush=True)
    return code
