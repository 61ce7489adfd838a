"""Every numeric flag at seven values: refused at once and in words, or accepted.

    .venv/bin/python -m tools.torture.flags [--trials=N] [--seed=N]

A trial is a flag at a value. All commands, methods and networks of both tasks are gone
through, in a random order; --trials=0 tries all. A refusal must come within five
seconds, with exit code 2, in one to three lines. What is accepted is described as a run
would: its settings are built and filled in.
"""

from __future__ import annotations

import collections
import contextlib
import io
import itertools
import random
import sys
import time
import traceback
from typing import Any, Counter, Iterator, List, Tuple

from tools.torture import commands

INTEGERS = ("-1", "0", "1", "4294967296", "1000000000", "9223372036854775807", "1e3")
NUMBERS = ("-1", "0", "1e-300", "0.5", "1e300", "nan", "9223372036854775807")
SLOW = 5.0  # seconds


def cases() -> Iterator[Tuple[str, List[str], str, str]]:
    """(command, what chooses the flags, flag, value) of all trials."""
    from mixdmt_tf.cli import experiments
    from mixdmt_tf.settings import declared

    networks = {
        "classification": ("wide_resnet", "cnn13", "small_cnn", "efficientnet_lite0"),
        "segmentation": ("small_segmenter", "lite_segmenter", "deeplab_v2"),
    }
    data = {"classification": "digits", "segmentation": "digit_scenes"}
    for task in experiments.TASKS:
        methods = experiments.methods_of(task)
        pairs = [(method, networks[task][0]) for method in methods]
        pairs += [(methods[0], network) for network in networks[task][1:]]
        for method, network in pairs:
            choice = [
                f"--dataset={data[task]}",
                f"--algorithm={method}",
                f"--network={network}",
            ]
            chosen = {k: v for k, _, v in (c[2:].partition("=") for c in choice)}
            for group in experiments.groups_for()(chosen):
                for each in group.settings:
                    if each.type in ("int", "float"):
                        values = INTEGERS if each.type == "int" else NUMBERS
                        for value in values:
                            yield "train", choice, each.name, value
    for command in ("predict", "evaluate", "export_model", "pseudo_label", "reproduce"):
        for each in declared(f"mixdmt_tf.cli.{command}"):
            if each.type in ("int", "float"):
                values = INTEGERS if each.type == "int" else NUMBERS
                yield from ((command, [], each.name, value) for value in values)
    for value in ("nan", "-1", "0", "1/0", "1e3", "9" * 30, "1/1000000000000"):
        yield "train", ["--dataset=digit_scenes"], "labels", value


def attempt(command: str, choice: List[str], name: str, value: str) -> Tuple[int, str]:
    """Exit code (0: accepted) and what was said."""
    import importlib

    from mixdmt_tf.cli import experiments
    from mixdmt_tf.errors import UserError

    argv = [*choice, f"--{name}={value}"]
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            if command == "train":
                experiment = experiments.build(experiments.parse(argv, "train", ""))
                experiment.for_run(experiment.run.steps or 1000)
                return 0, ""
            main: Any = importlib.import_module(f"mixdmt_tf.cli.{command}").main
            code = main([*argv, "--workdir=/nowhere", *["x"] * (command == "predict")])
        except UserError as error:
            return error.exit_code, str(error)
        except Exception:
            return 70, traceback.format_exc()
    return int(code), out.getvalue()


def main(trials: int, seed: int) -> int:
    """Runs the trials; returns the exit code."""
    import mixdmt_tf.runs.experiment  # noqa: F401 - TensorFlow, which takes seconds

    draw = random.Random(seed)
    counts: Counter[str] = collections.Counter()
    wrong: List[str] = []
    every = list(cases())
    draw.shuffle(every)
    for task in ("digits", "digit_scenes"):  # imports, which are no part of a trial
        attempt("train", [f"--dataset={task}"], "seed", "1")
    chosen = list(itertools.islice(every, trials or None))
    for case in chosen:
        began = time.monotonic()
        code, said = attempt(*case)
        took = time.monotonic() - began
        counts[{0: "accepted", 2: "refused"}.get(code, "other")] += 1
        short = code == 0 or 1 <= len(said.strip().splitlines()) <= 3
        if code not in (0, 2) or not short or "Traceback" in said or took > SLOW:
            wrong.append(f"{case}: code {code} after {took:.1f} s: {said[-300:]}")
    return commands.finish("flags", len(chosen), counts, wrong)


if __name__ == "__main__":
    found = commands.trials("flags", 0, __doc__)
    sys.exit(main(found.trials, found.seed))
