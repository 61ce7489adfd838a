"""The rules of the house that a machine can check, on the source text alone."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.every_file import every

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mixdmt_tf"
LAYERS = (
    "equations",
    "models",
    "data",
    "algorithms",
    "runs",
    "rounds",
    "report",
    "tasks",
    "learners",
    "tables",
    "serving",
    "cli",
)
SERVED_PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")

MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted(p for p in (ROOT / "bin").iterdir() if p.is_file() and not p.suffix)
PYTHON_FILES = sorted(
    [
        *MODULES,
        *SCRIPTS,
        *(ROOT / "bin").glob("*.py"),
        *(ROOT / "tests").rglob("*.py"),
        *(ROOT / "tools").rglob("*.py"),
        *(ROOT / "benchmarks").rglob("*.py"),
        ROOT / "docs" / "conf.py",
        ROOT / "setup.py",
    ]
)
SHIPPED = [path for path in PYTHON_FILES if ROOT / "tests" not in path.parents]


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(path):
    """Returns the dotted names that a file imports anywhere, functions included."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = node.module or ""
            if node.level:  # from . import x, counted from the file's own package
                package = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
                start = ".".join(filter(None, [*package, start]))
            names.update(f"{start}.{alias.name}" for alias in node.names)
    return names


def layer_of(dotted_name):
    """Returns the layer in `mixdmt_tf.<layer>...`, or None for all other names."""
    parts = dotted_name.split(".")
    found = parts[1] if parts[0] == "mixdmt_tf" and len(parts) > 1 else None
    return found if found in LAYERS else None


def test_each_folder_of_the_package_is_a_layer():
    folders = {path.parent.relative_to(PACKAGE).parts[:1] for path in MODULES}

    assert {name for parts in folders for name in parts} <= set(LAYERS)


# The package itself shows the public names of all layers and imports none of them;
# `python -m mixdmt_tf` is a command line.
TOP = ("__init__", "__main__")


@every([p for p in MODULES if p.parent != PACKAGE or p.stem not in TOP])
def test_imports_only_from_its_own_layer_and_from_those_to_the_left(path):
    own = path.relative_to(PACKAGE).parts[0]
    allowed = LAYERS[: LAYERS.index(own) + 1] if own in LAYERS else ()

    wrong = {n for n in imported(path) if layer_of(n) not in (None, *allowed)}

    assert not wrong, f"{own} may import from {allowed or 'no layer'}"


@every([path for path in SHIPPED if PACKAGE / "cli" not in path.parents])
def test_flags_end_at_the_command_line(path):
    names = {n.id for n in ast.walk(tree(path)) if isinstance(n, ast.Name)}
    attributes = {n.attr for n in ast.walk(tree(path)) if isinstance(n, ast.Attribute)}

    assert "FLAGS" not in names | attributes
    assert not {n for n in imported(path) if n.startswith("absl.flags")}


def test_importing_the_package_and_its_layers_does_not_import_tensorflow():
    # Only equations may: it gathers its functions by name. The command line lives on
    # this, since TensorFlow takes seconds to import and --help half of one to answer.
    light = [f"mixdmt_tf.{layer}" for layer in LAYERS if layer != "equations"]
    light += [f"mixdmt_tf.{path.stem}" for path in PACKAGE.glob("[!_]*.py")]
    light.remove("mixdmt_tf.compat")  # what differs between two TensorFlows
    program = (
        f"import importlib, sys\nfor name in {light}:\n"
        "    importlib.import_module(name)\n"
        "    heavy = {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)\n"
        "    assert not heavy, f'{name} imports {heavy}'\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
    )

    assert result.returncode == 0, result.stderr


@every(PYTHON_FILES)
def test_no_file_is_longer_than_300_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


# They ask `compat` which Keras there is; docs/stacks.md says what for.
OF_ONE_KERAS = {
    "mixdmt_tf/data/augment/transform.py",
    "mixdmt_tf/models/layers/normalization.py",
}


def test_what_differs_between_two_kerases_stays_in_one_short_file():
    compat = PACKAGE / "compat.py"
    assert len(compat.read_text(encoding="utf-8").splitlines()) <= 120

    asking = set()
    for path in {*MODULES} - {compat}:
        nodes = [*ast.walk(tree(path))]
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        if "KERAS_3" in names:
            asking.add(path.relative_to(ROOT).as_posix())
    assert asking == OF_ONE_KERAS
    said = (ROOT / "docs" / "stacks.md").read_text(encoding="utf-8")
    assert all(name[len("mixdmt_tf/") :] in said for name in OF_ONE_KERAS)


@every(SHIPPED)
def test_nothing_that_runs_what_a_file_says(path):
    """Data and weights of strangers are read: nothing may execute what they hold."""
    unsafe_modules = {"pickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
    assert not unsafe_modules & {name.split(".")[0] for name in imported(path)}
    for call in (n for n in ast.walk(tree(path)) if isinstance(n, ast.Call)):
        called = call.func.id if isinstance(call.func, ast.Name) else ""
        assert called not in {"eval", "exec", "compile"}, f"line {call.lineno}"
        for option in call.keywords:
            value = getattr(option.value, "value", None)
            if option.arg == "allow_pickle":
                assert value is False, f"line {call.lineno}"
            if option.arg == "safe_mode":  # Keras: False lets a model bring code along
                assert value is True, f"line {call.lineno}"
            assert option.arg != "shell", f"line {call.lineno}: shell=..."


# What runs a program, or writes where an archive says, unless it is told not to.
RUNNING = {"system", "popen", "unsafe_load", "full_load"}
RUNNING |= {
    "extract",
    "extractall",
    "unpack_archive",
    "load_module",
    "spec_from_loader",
}
# Who loads arrays (never pickles), and the model that was exported a moment before.
HOLDERS = {"np", "numpy", "tf.saved_model", "keras.models", "keras.saving", "yaml"}
LOADERS = {"export.py", "arrays.py", "weight_files.py", "tfds_images.py"}
LOADERS |= {"served_model.py"}  # what bin/serve is given, which its help speaks of
LOADERS |= {"band_files.py"}  # arrays of .npy files, without pickles
LOADERS.add("loading.py")  # of models that users name, in Keras's safe mode


@every(MODULES)
def test_nothing_in_the_package_runs_or_unpacks_what_a_file_says(path):
    for call in (n for n in ast.walk(tree(path)) if isinstance(n, ast.Call)):
        if not isinstance(call.func, ast.Attribute):
            continue
        name, owner = call.func.attr, ast.unparse(call.func.value)
        assert name not in RUNNING, f"line {call.lineno}: {owner}.{name}"
        if name == "load_model" or (name == "load" and owner in HOLDERS):
            assert path.name in LOADERS, f"line {call.lineno}: {owner}.{name}"


@every(SCRIPTS)
def test_scripts_are_short_and_can_be_run(path):
    lines = path.read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 15
    assert lines[0].startswith("#!")
    assert os.access(path, os.X_OK)


def test_an_installed_command_for_each_script_and_no_other(setup_arguments):
    commands = {}
    for line in setup_arguments["entry_points"]["console_scripts"]:
        name, module, function = re.fullmatch(r"(\S+) = (\S+):(\S+)", line).groups()
        commands[name] = (module, function)

    assert set(commands) == {f"mixdmt-{p.name.replace('_', '-')}" for p in SCRIPTS}
    for name, (module, function) in commands.items():
        script = ROOT / "bin" / name[len("mixdmt-") :].replace("-", "_")
        assert f'"{module}"' in script.read_text(encoding="utf-8")
        source = (ROOT / module.replace(".", "/")).with_suffix(".py")
        functions = [n for n in tree(source).body if isinstance(n, ast.FunctionDef)]
        assert function in {node.name for node in functions}


def test_all_of_the_package_is_installed(setup_arguments):
    folders = {path.parent.relative_to(ROOT) for path in MODULES}

    assert set(setup_arguments["packages"]) == {
        *(".".join(f.parts) for f in folders),
        "mixdmt_tf.flags",  # tests/test_wheel.py says what of it
    }
    files = {path for path in PACKAGE.rglob("*") if path.is_file()}
    kept = {path for path in files if path.suffix not in {".py", ".pyc"}}
    others = {path.relative_to(PACKAGE).as_posix() for path in kept}
    assert set(setup_arguments["package_data"]["mixdmt_tf"]) == others


@pytest.mark.parametrize("python", SERVED_PYTHONS)
def test_one_tested_version_of_each_requirement(setup_arguments, python):
    """constraints.txt pins what setup.py asks for, within the bounds that it sets."""
    environment = {"python_version": python}
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate(environment):
            assert pin.name not in pins, f"two versions on Python {python}"
            pins[pin.name] = next(iter(pin.specifier)).version

    wanted = [*setup_arguments["install_requires"]]
    for extra in setup_arguments["extras_require"].values():
        wanted.extend(extra)
    for requirement in map(Requirement, wanted):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            assert requirement.specifier.contains(pins[requirement.name])


def test_each_served_python_is_in_the_range_that_pip_goes_by(setup_arguments):
    requires = Requirement(f"python{setup_arguments['python_requires']}").specifier

    assert all(requires.contains(python) for python in SERVED_PYTHONS)
    assert not requires.contains("3.8") and not requires.contains("3.14")


@every(MODULES)
def test_modules_that_are_named_from_the_package_on_exist(path):
    for name in re.findall(r"`(mixdmt_tf/[\w/]+\.py)`", path.read_text("utf-8")):
        assert (ROOT / name).is_file(), name


def test_training_imports_neither_tables_nor_commands_nor_matplotlib():
    program = (
        "import sys\nimport keras\nimport tensorflow\ntheirs = set(sys.modules)\n"
        "import mixdmt_tf.tasks.fit\n"
        "above = ('mixdmt_tf.tables', 'mixdmt_tf.cli', 'matplotlib')\n"
        "ours = set(sys.modules) - theirs\n"
        "found = [name for name in ours if name.startswith(above)]\n"
        "assert not found, found\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
    )

    assert result.returncode == 0, result.stderr
