"""Every numeric flag at seven values: refused at once and in words, or accepted.

    .venv/bin/python -m tools.torture.flags [--trials=N] [--seed=N] [--starts=N]

A trial is a flag at a value. All commands, and all methods and networks of both tasks,
are gone through, in a random order; --trials=0, the default, tries all. A refusal must
come within five seconds, with exit code 2, in one to three lines, and before TensorFlow
is imported. After that, what was accepted of a training is described as a run would:
its settings are built and filled in, and nothing may be refused any more. So many of
those that have a small network as --starts says, 10 by default, go through a dry run:
each must do so, or say in words why it cannot, as for want of memory.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import importlib
import io
import random
import resource
import sys
import tempfile
import time
import traceback
from typing import Any, Callable, Counter, Iterator, List, NamedTuple, Tuple

from tools.torture import commands

INTEGERS = ("-1", "0", "1", "4294967296", "1000000000", "9223372036854775807", "1e3")
NUMBERS = ("-1", "0", "1e-300", "0.5", "1e300", "nan", "9223372036854775807")
SHARES = ("nan", "-1", "0", "1/0", "1e3", "9" * 30, "1/1000000000000")
SLOW = 5.0  # seconds
MEMORY = 4 << 30  # bytes that looking at a command line may take
NOWHERE = "/nowhere"
# With these, a command whose flags are right ends before it does anything.
IDLE = {
    "compare": ["--dry_run", "--dataset=digits"],
    "data_service": [NOWHERE],
    "launch": [],
    "precompute_augmentations": ["--dataset=digit_scenes"],
    "predict": [f"--workdir={NOWHERE}", "x"],
    "report": [NOWHERE],
    "reproduce": ["--dry_run", "--table=realmix/digits"],
    "serve": [NOWHERE],
    "tune": ["--dry_run", "--tune=learning_rate:0.001:1"],
}
NETWORKS = {
    "classification": (
        *("wide_resnet", "cnn13", "small_cnn", "efficientnet_lite0", "whitened_cnn"),
        "keras_application",
    ),
    "segmentation": ("small_segmenter", "lite_segmenter", "deeplab_v2"),
}
DATA = {"classification": "digits", "segmentation": "digit_scenes"}


class Case(NamedTuple):
    """A command, what chooses its flags or keeps it idle, a flag and its value."""

    command: str
    more: Tuple[str, ...]
    name: str
    value: str

    @property
    def argv(self) -> List[str]:
        """The arguments."""
        return [*self.more, f"--{self.name}={self.value}"]


def cases() -> Iterator[Case]:
    """All trials."""
    from mixdmt_tf.cli import commands as all_commands
    from mixdmt_tf.cli import experiments
    from mixdmt_tf.settings import declared

    def of(command: str, more: Any, settings: Any) -> Iterator[Case]:
        for each in settings:
            if each.type in ("int", "float"):
                for value in INTEGERS if each.type == "int" else NUMBERS:
                    yield Case(command, tuple(more), each.name, value)

    for task in experiments.TASKS:
        methods = experiments.methods_of(task)
        pairs = [(method, NETWORKS[task][0]) for method in methods]
        pairs += [(methods[0], network) for network in NETWORKS[task][1:]]
        for method, network in pairs:
            chosen = dict(dataset=DATA[task], algorithm=method, network=network)
            choice = [f"--{name}={value}" for name, value in chosen.items()]
            for group in experiments.groups_for()(chosen):
                yield from of("train", choice, group.settings)
    for name, command in all_commands.commands().items():
        idle = IDLE.get(name, [f"--workdir={NOWHERE}"])
        yield from of(name, idle, declared(command.module))
    for value in SHARES:
        yield Case("train", ("--dataset=digit_scenes",), "labels", value)


def check(case: Case) -> Tuple[int, str]:
    """What a command says before it imports TensorFlow, and its code; 0: accepted."""
    from mixdmt_tf.cli import experiments

    if case.command == "train":
        return outcome(
            lambda: experiments.check(experiments.parse(case.argv, "train", ""))
        )
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        main = importlib.import_module(f"mixdmt_tf.cli.{case.command}").main
        code = main(case.argv)
    said = out.getvalue()
    # What it says of the rest of the command line shows that this flag is right.
    accepted = code == 2 and f"--{case.name}=" not in said
    return (0, "") if accepted else (code, said if code else "")


def describe(case: Case) -> Tuple[int, str]:
    """What is said of a training that was accepted, when TensorFlow is there."""
    from mixdmt_tf.cli import experiments

    def build() -> None:
        experiment = experiments.build(experiments.parse(case.argv, "train", ""))
        experiment.for_run(experiment.run.steps or 1000)

    return outcome(build)


def outcome(call: Callable[[], Any]) -> Tuple[int, str]:
    """The exit code a command would have, and what it would say."""
    from mixdmt_tf.errors import UserError

    try:
        call()
    except UserError as error:
        return error.exit_code, str(error)
    except Exception:
        return 70, traceback.format_exc()
    return 0, ""


def tried(
    attempt: Callable[[Case], Tuple[int, str]], case: Case, codes: Tuple[int, ...]
) -> Tuple[int, str]:
    """The code of a trial, and what is wrong about it."""
    began = time.monotonic()
    code, said = attempt(case)
    took = time.monotonic() - began
    short = code == 0 or 1 <= len(said.strip().splitlines()) <= 3
    if code in codes and short and "Traceback" not in said and took <= SLOW:
        return code, ""
    return code, f"{case}: code {code} after {took:.1f} s: {said[-300:]}"


def small(case: Case) -> List[str]:
    """The arguments with a network that is fast; [] if the flag is of another one."""
    from mixdmt_tf.settings import declared

    usual, fast = "--network=wide_resnet", "--network=small_cnn"
    argv = case.argv
    own = {each.name for each in declared("mixdmt_tf.models.wide_resnet")}
    if usual in argv and case.name not in own:
        argv[argv.index(usual)] = fast
    if "--network=small_segmenter" in argv:
        return ["--labels=8", *argv]  # of the few images that trials have
    return ["--copies_store=virtual", *argv] if fast in argv else []


def start(argv: List[str]) -> Tuple[str, str]:
    """How two steps of a training begin, and what is wrong about it."""
    with tempfile.TemporaryDirectory(prefix="torture-") as place:
        more = (f"--workdir={place}/run", "--dry_run", "--noexport")
        done = commands.run("train", *argv, *more)
    said = [line for line in done.text.splitlines() if line.startswith("error: ")]
    if done.sound and (done.code == 0 or said):
        print(f"started, code {done.code}: {' '.join(argv)}", *said, sep="\n  ")
        return f"start: code {done.code}", ""
    return "start: other", f"{argv}: code {done.code}: {done.text[-500:]}"


def refusals(chosen: List[Case], counts: Counter[str]) -> Tuple[List[Case], List[str]]:
    """Gives the flags, without TensorFlow: what was accepted, and what is wrong."""
    accepted, wrong = [], []
    usual, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, most))
    for case in chosen:
        code, problem = tried(check, case, (0, 2))
        counts[{0: "accepted", 2: "refused"}.get(code, "other")] += 1
        wrong += [problem] if problem else []
        accepted += [case] if code == 0 else []
    resource.setrlimit(resource.RLIMIT_AS, (usual, most))
    if {"tensorflow", "keras"} & sys.modules.keys():
        wrong.append("TensorFlow was imported")
    return accepted, wrong


def main(trials: int, seed: int, starts: int = 10) -> int:
    """Runs the trials; returns the exit code."""
    counts: Counter[str] = collections.Counter()
    chosen = list(cases())
    random.Random(seed).shuffle(chosen)
    chosen = chosen[: trials or None]
    accepted, wrong = refusals(chosen, counts)
    trainings = [case for case in accepted if case.command == "train"]

    commands.prepare()
    import mixdmt_tf.runs.experiment  # noqa: F401 - TensorFlow, no part of a trial

    for argv in [*filter(None, map(small, trainings))][:starts]:
        kind, problem = start(argv)
        counts[kind] += 1
        wrong += [problem] if problem else []
    for data in DATA.values():  # imports, which are no part of a trial
        describe(Case("train", (f"--dataset={data}",), "seed", "1"))
    for case in trainings:
        code, problem = tried(describe, case, (0,))
        wrong += [problem] if problem else []
        counts["described"] += not problem
    return commands.finish("flags", len(chosen), counts, wrong)


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(add_help=False)
    PARSER.add_argument("--starts", type=int, default=10)
    STARTS, sys.argv[1:] = PARSER.parse_known_args()
    found = commands.trials("flags", 0, __doc__)
    sys.exit(main(found.trials, found.seed, STARTS.starts))
