"""Flags of whole experiments, and experiments from flags.

The available settings depend on `--dataset`, `--algorithm` and `--network`, whose
values are names of files. TensorFlow is not imported before the command line is known
to be valid.
"""

from __future__ import annotations

import importlib
import logging
import os
import pathlib
import sys
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

from mixdmt_tf import digests, remote
from mixdmt_tf.cli import automatic, flags, run_lengths
from mixdmt_tf.errors import UsageError
from mixdmt_tf.runs import small_machines
from mixdmt_tf.settings import assumed, classes, modules
from mixdmt_tf.source_text import annotates
from mixdmt_tf.tasks.classification import several_labels

if TYPE_CHECKING:
    from mixdmt_tf.runs.config import Config as RunConfig
    from mixdmt_tf.runs.experiment import Experiment

SELECTORS = ("dataset", "algorithm", "network")  # each decides over the next
# Packages with their files, and with the settings that they share.
CHOSEN = ("mixdmt_tf.data", "mixdmt_tf.algorithms", "mixdmt_tf.models")
TASKS = ("classification", "segmentation")
_OF_NO_INTEREST = (
    "triggered tf.function retracing",
    "ops with unsaved custom gradients",
)


def task_of(dataset: str) -> str:
    """Returns the task of a data set, by the folder that has its file."""
    return "segmentation" if dataset in datasets_of("segmentation") else TASKS[0]


def datasets_of(task: str) -> Tuple[str, ...]:
    """Returns the names of a task's data sets."""
    return modules(f"mixdmt_tf.data.{task}.datasets", "load")


def methods_of(task: str) -> Tuple[str, ...]:
    """Returns the names of a task's methods."""
    return tuple(classes(f"mixdmt_tf.algorithms.{task}"))


def groups_for(algorithm: Optional[str] = None, *more: flags.Group) -> flags.GroupsFor:
    """Returns a function that gives the groups of flags of an experiment.

    Args:
        algorithm: the only method allowed; None for all.
        *more: groups of the command itself, shown first.
    """
    tasks = [each for each in TASKS if algorithm in (None, *methods_of(each))]
    datasets = tuple(name for task in tasks for name in datasets_of(task))

    def groups(chosen: Mapping[str, str]) -> List[flags.Group]:
        dataset = chosen.get("dataset", "cifar10")
        task = task_of(dataset)
        builder, usual = {
            "classification": ("build", "realmix"),
            "segmentation": ("build_segmenter", "dmt"),
        }[task]
        usual = algorithm or usual
        choices = {
            "algorithm": (algorithm,) if algorithm else methods_of(task),
            "network": (*modules("mixdmt_tf.models", builder), automatic.AUTO),
            "dataset": datasets,
            "unlabeled_dataset": datasets_of("classification"),
        }

        def pick(selector: str, usual: str) -> str:
            given = chosen.get(selector)
            return given if given in choices[selector] else usual

        method = f"mixdmt_tf.algorithms.{task}.{pick('algorithm', usual)}"
        brought = assumed(method, f"mixdmt_tf.data.{task}.datasets.{dataset}")
        network = pick("network", str(brought.get("network", "wide_resnet")))
        if network == automatic.AUTO:
            network = small_machines.network(task)
        defaults = {**brought, "algorithm": usual, "dataset": dataset}

        def group(name: str, module: str, title: str = "") -> flags.Group:
            return flags.group(name, module, title or name, choices, defaults)

        return [
            *more,
            group("run", "mixdmt_tf.runs.config"),
            group("data", f"mixdmt_tf.data.{task}.config"),
            group("network", f"mixdmt_tf.models.{network}", f"network {network}"),
            group("method", method, f"algorithm {pick('algorithm', usual)}"),
        ]

    return groups


def parse(
    argv: Sequence[str],
    program: str,
    summary: str,
    algorithm: Optional[str] = None,
    more: Tuple[flags.Group, ...] = (),
) -> flags.Parsed:
    """Reads the command line of a command that takes an experiment's flags.

    Conflicts between lengths and `--max_minutes` are resolved (`run_lengths.settled`),
    and `--network=auto` is replaced by its choice (`automatic.filled_in`).
    """

    def hint(name: str, text: str) -> Optional[str]:
        return _where_right(name, text, algorithm)

    groups, exists = groups_for(algorithm, *more), partial(annotates, CHOSEN)
    parsed = run_lengths.settled(
        flags.parse(argv, program, summary, groups, SELECTORS, hint=hint, exists=exists)
    )
    if parsed.values["run"]["network"] != automatic.AUTO:
        return parsed
    task = task_of(str(parsed.values["data"]["dataset"]))
    return automatic.filled_in(
        parsed, task, lambda argv: flags.parse(argv, "", "", groups, SELECTORS)
    )


def _where_right(name: str, text: str, algorithm: Optional[str]) -> Optional[str]:
    """Returns a hint for a refused value that is valid for other data or commands.

    Args:
        name: name of the flag.
        text: value of the flag.
        algorithm: the command's only method; None if it accepts all.
    """
    if name == "dataset" and task_of(text) == "segmentation":
        names = ", ".join(methods_of("segmentation"))
        return (
            f"{text} has a class for every pixel, and {algorithm} learns one for each "
            f"image\nuse bin/train_dmt, or bin/train --algorithm=... with {names}"
        )
    tasks = [each for each in TASKS if text in methods_of(each)]
    if name != "algorithm" or not tasks:
        return None
    if algorithm:
        return f"use bin/train --algorithm={text}"
    kind = {"classification": "each image", "segmentation": "every pixel"}[tasks[0]]
    names = ", ".join(datasets_of(tasks[0]))
    return f"{text} needs a data set with a class for {kind}: --dataset={names}"


def check(parsed: flags.Parsed) -> Tuple["RunConfig", Any]:
    """Checks that settings fit together, as far as possible without TensorFlow.

    Args:
        parsed: from `parse`.

    Returns:
        The settings of the run and of the data.

    Raises:
        UsageError: if settings don't fit together.
    """
    from mixdmt_tf.runs.config import Config as RunConfig

    values: Mapping[str, Mapping[str, Any]] = parsed.values
    run, data = RunConfig(**values["run"]), data_config(values["data"])
    if not (run.max_minutes and data.pseudo_labels):  # minutes determine the length
        run_lengths.require(run.steps, values["method"], data.pseudo_labels)
    if data.task == "classification" and several_labels.has(data.dataset):
        several_labels.require(run.algorithm, values["method"])
    return run, data


def build(parsed: flags.Parsed, find_data: bool = False) -> "Experiment":
    """Builds the experiment that a command line describes. Imports TensorFlow.

    Args:
        parsed: from `parse`.
        find_data: whether to check first that the data exist.

    Raises:
        UserError: if settings don't fit together, or the data are missing.
    """
    values: Mapping[str, Mapping[str, Any]] = parsed.values
    run, data = check(parsed)
    if find_data:
        _find(data)

    # Users need no messages about libraries that TensorFlow does not find; its errors
    # arrive as exceptions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from absl import logging as absl_logging  # the rest of TensorFlow's warnings

    for log in (logging.getLogger("tensorflow"), absl_logging.get_absl_logger()):
        log.addFilter(_of_interest)
    from mixdmt_tf import algorithms, models
    from mixdmt_tf.runs.experiment import Experiment

    network = models.network(run.network)(**values["network"])
    config = algorithms.method(data.task, run.algorithm).config_class
    return Experiment(run, data, network, config(**values["method"]))


def _of_interest(record: logging.LogRecord) -> bool:
    """Whether a record of TensorFlow's log is shown.

    Frequent tracing is expected, since each round has its own networks. So is that an
    exported model, which is loaded only for a comparison, can't be trained.
    """
    message = record.getMessage()
    return not any(each in message for each in _OF_NO_INTEREST)


def data_config(values: Mapping[str, Any]) -> Any:
    """Builds the `Config` of the data, without importing TensorFlow.

    Raises:
        UsageError: if settings don't fit together.
    """
    return _import(f"data.{task_of(values['dataset'])}.config").Config(**values)


def find_data(parsed: flags.Parsed) -> None:
    """Checks that the data exist, for a command that starts trainings.

    Otherwise each training would report the same error, one after the other.

    Args:
        parsed: command line of a training, from `parse`.

    Raises:
        UserError: if the data are missing, or settings don't fit together.
    """
    _find(data_config(parsed.values["data"]))


def _find(data: Any) -> None:
    _import(f"data.{data.task}.datasets").find(data)


def _import(module: str) -> Any:
    return importlib.import_module(f"mixdmt_tf.{module}")


def read_run(
    workdir: str, flag: str = "workdir"
) -> Tuple[pathlib.Path, Callable[[], "Experiment"]]:
    """Reads the experiment of a run folder.

    Args:
        workdir: the folder, or its address.
        flag: the flag that named it; '' for an argument that is not a flag.

    Returns:
        The folder, and a function that builds the experiment (it imports TensorFlow).

    Raises:
        UsageError: if the folder holds no run.
        UserError: if it is at an address that cannot be read.
        Damaged: if `flags.txt` is damaged.
    """
    if not workdir:
        raise UsageError(f"--{flag} is missing; expected the folder of a run")
    given = f"--{flag}={workdir}" if flag else workdir
    folder = remote.run_folder(workdir)
    flagfile = folder / "flags.txt"
    if not flagfile.is_file():
        raise UsageError(
            f"{given} holds no run: there is no {flagfile}\n"
            "expected a folder that a training command made"
        )
    if digests.is_damaged(flagfile):
        raise digests.Damaged(flagfile)
    if (folder / "split.json").exists() and not (folder / digests.NAME).exists():
        words = "has no digests: its files are taken as they are"
        print(f"{folder} {words}", file=sys.stderr)
    parsed = flags.parse(
        [f"--flagfile={flagfile}"], "flags.txt", "", groups_for(), SELECTORS
    )
    if not {"algorithm", "dataset"} <= parsed.given:
        raise digests.Damaged(flagfile, "it lacks settings of the run")
    return folder, lambda: build(parsed)
