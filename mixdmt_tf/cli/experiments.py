"""Flags of whole experiments, and experiments from flags.

Which settings there are depends on `--algorithm` and `--network`; the names of both,
and of data sets, are the names of files. Nothing here imports TensorFlow until the
command line is known to be right.
"""

from __future__ import annotations

import os
import pathlib
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

from mixdmt_tf.cli import flags
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import assumed, modules

if TYPE_CHECKING:
    from mixdmt_tf.experiments.experiment import Experiment

SELECTORS = ("dataset", "algorithm", "network")  # each decides over the next


def of_scenes(dataset: str) -> bool:
    """Whether a data set has a class for every pixel."""
    return dataset in modules("mixdmt_tf.data.scenes", "load")


def groups_for(algorithm: Optional[str] = None, *more: flags.Group) -> flags.GroupsFor:
    """The groups of flags of an experiment.

    Args:
        algorithm: the only one allowed; None for all there are.
        *more: groups of the command itself, shown first.
    """
    images = modules("mixdmt_tf.data.sources", "load")
    datasets = images
    if algorithm in (None, *modules("mixdmt_tf.algorithms.scenes", "Method")):
        datasets = (*images, *modules("mixdmt_tf.data.scenes", "load"))

    def groups(chosen: Mapping[str, str]) -> List[flags.Group]:
        dataset = chosen.get("dataset", "cifar10")
        scenes = of_scenes(dataset)
        methods = "mixdmt_tf.algorithms" + ".scenes" * scenes
        builder = "build_segmenter" if scenes else "build"
        choices = {
            "algorithm": (algorithm,) if algorithm else modules(methods, "Method"),
            "network": modules("mixdmt_tf.models", builder),
            "dataset": datasets,
            "unlabeled_dataset": images,
        }

        def pick(selector: str, usual: str) -> str:
            given = chosen.get(selector)
            return given if given in choices[selector] else usual

        usual = algorithm or ("dmt" if scenes else "realmix")
        method = pick("algorithm", usual)
        data = f"mixdmt_tf.data.{'scenes' if scenes else 'sources'}.{dataset}"
        brought = assumed(f"{methods}.{method}", data)
        network = pick("network", str(brought.get("network", "wide_resnet")))
        defaults = {**brought, "algorithm": usual, "dataset": dataset}

        def group(name: str, module: str, title: str = "") -> flags.Group:
            return flags.group(name, module, title or name, choices, defaults)

        return [
            *more,
            group("run", "mixdmt_tf.experiments.config"),
            group("data", f"mixdmt_tf.data.{'scenes.' * scenes}config"),
            group("network", f"mixdmt_tf.models.{network}", f"network {network}"),
            group("method", f"{methods}.{method}", f"algorithm {method}"),
        ]

    return groups


def parse(
    argv: Sequence[str],
    program: str,
    summary: str,
    algorithm: Optional[str] = None,
    more: Tuple[flags.Group, ...] = (),
) -> flags.Parsed:
    """Reads the command line of a command that takes an experiment's flags."""

    def hint(name: str, text: str) -> Optional[str]:
        return _where_right(name, text, algorithm)

    groups = groups_for(algorithm, *more)
    return flags.parse(argv, program, summary, groups, SELECTORS, hint=hint)


def _where_right(name: str, text: str, algorithm: Optional[str]) -> Optional[str]:
    """What to do about a refused name that is right for other data or commands.

    Args:
        name: of the flag.
        text: its value.
        algorithm: the only one of the command; None if it has them all.
    """
    methods = {
        package: modules(f"mixdmt_tf.algorithms{package}", "Method")
        for package in ("", ".scenes")
    }
    if name == "dataset" and of_scenes(text):
        names = ", ".join(methods[".scenes"])
        return (
            f"{text} has a class for every pixel, and {algorithm} learns one for each "
            f"image\nuse bin/train_dmt, or bin/train --algorithm=... with {names}"
        )
    known = [package for package, names in methods.items() if text in names]
    if name != "algorithm" or not known:
        return None
    if algorithm:
        return f"use bin/train --algorithm={text}"
    layer, kind = ("scenes", "every pixel") if known[0] else ("sources", "each image")
    names = ", ".join(modules(f"mixdmt_tf.data.{layer}", "load"))
    return f"{text} needs a data set with a class for {kind}: --dataset={names}"


def build(parsed: flags.Parsed, find_data: bool = False) -> "Experiment":
    """The experiment that a command line describes. Imports TensorFlow.

    Args:
        parsed: from `parse`.
        find_data: make sure before that that the data are there.

    Raises:
        UserError: if values don't go together, or the data are not there.
    """
    from mixdmt_tf.experiments.config import Config as RunConfig

    values: Mapping[str, Mapping[str, Any]] = parsed.values
    # These two refuse what does not go together, before TensorFlow is imported.
    run, data = RunConfig(**values["run"]), data_config(values["data"])
    require_lengths(run.steps, values["method"], data.pseudo_labels)
    if find_data:
        from mixdmt_tf.data import scenes as scene_sets
        from mixdmt_tf.data import sources

        (scene_sets if of_scenes(data.dataset) else sources).find(data)

    # Libraries that TensorFlow looks for in vain are of no interest to users; its
    # errors arrive as exceptions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from mixdmt_tf import algorithms, models
    from mixdmt_tf.algorithms import scenes
    from mixdmt_tf.experiments.experiment import Experiment

    package = scenes if of_scenes(data.dataset) else algorithms
    network = models.network(run.network).Config(**values["network"])
    method = package.algorithm(run.algorithm).Config(**values["method"])
    return Experiment(run, data, network, method)


def data_config(values: Mapping[str, Any]) -> Any:
    """The `Config` of the data, of images or of scenes; imports no TensorFlow.

    Raises:
        UsageError: if values don't go together.
    """
    from mixdmt_tf.data import config as images
    from mixdmt_tf.data.scenes import config as scenes

    if of_scenes(values["dataset"]):
        return scenes.Config(**values)
    return images.Config(**values)


def require_lengths(
    steps: Optional[int], method: Mapping[str, Any], pseudo_labels: str
) -> None:
    """Refuses lengths that a method does not have, or that don't go together.

    Args:
        steps: of the whole run, if given.
        method: the method's settings; those trained in rounds have `fractions`.
        pseudo_labels: of the one round to train, if there is only one.

    Raises:
        UsageError: saying what to give instead.
    """
    if "fractions" not in method:
        return
    if pseudo_labels:
        if steps is None and method["round_steps"] is None:
            raise UsageError(
                "--pseudo_labels trains one round: give its --steps or --round_steps."
            )
        return
    if steps is not None:
        raise UsageError(
            f"--steps={steps}: this method trains in rounds.\n"
            "Use --base_steps and --round_steps, or --base_epochs and --round_epochs."
        )
    from mixdmt_tf.experiments.loops import plan

    plan.fractions(method["fractions"], method["rounds"])


def read_run(workdir: str) -> Tuple[pathlib.Path, Callable[[], "Experiment"]]:
    """The experiment of a run folder.

    Returns:
        The folder, and a function that builds the experiment (it imports TensorFlow).

    Raises:
        UsageError: if the folder holds no run.
    """
    if not workdir:
        raise UsageError("--workdir is missing; expected the folder of a run")
    folder = pathlib.Path(workdir).expanduser()
    flagfile = folder / "flags.txt"
    if not flagfile.is_file():
        raise UsageError(
            f"--workdir={workdir} holds no run: there is no {flagfile}\n"
            "expected a folder that a training command made"
        )
    parsed = flags.parse(
        [f"--flagfile={flagfile}"], "flags.txt", "", groups_for(), SELECTORS
    )
    return folder, lambda: build(parsed)
