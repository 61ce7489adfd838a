"""bin/_checkout.py: scripts of a checkout find its .venv, or say what is missing."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

BIN = Path(__file__).resolve().parents[2] / "bin"
SCRIPT = """\
from _checkout import run

if __name__ == "__main__":
    run("made.command", greeting="hello")
"""
COMMAND = """\
import sys

def main(argv, greeting):
    print(sys.prefix, greeting, argv)
    return 7
"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout with one script and a package, in a folder with a blank."""
    root = tmp_path / "check out"
    (root / "bin").mkdir(parents=True)
    (root / "made").mkdir()
    shutil.copy(BIN / "_checkout.py", root / "bin")
    (root / "bin" / "greet").write_text(SCRIPT)
    (root / "made" / "__init__.py").touch()
    (root / "made" / "command.py").write_text(COMMAND)
    return root


def greet(checkout, *options, python=sys.executable, cwd=None):
    """Runs the script."""
    return subprocess.run(
        [str(python), *options, str(checkout / "bin" / "greet"), "--a", "b c"],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=20,
    )


def make_environment(checkout, *packages):
    """Makes checkout/.venv with empty packages."""
    venv.create(checkout / ".venv", symlinks=True)
    (site,) = (checkout / ".venv").glob("lib/python*/site-packages")
    for name in packages:
        (site / f"{name}.py").touch()
    return checkout / ".venv"


def test_runs_where_the_dependencies_are(checkout, tmp_path):
    done = greet(checkout, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout == f"{sys.prefix} hello ['--a', 'b c']\n"
    assert done.returncode == 7


def test_finds_the_environment_of_the_checkout(checkout, tmp_path):
    environment = make_environment(checkout, "absl", "keras", "numpy", "tensorflow")
    expected = f"{environment} hello ['--a', 'b c']\n"
    outside = greet(checkout, cwd=tmp_path)
    inside = greet(checkout, python=environment / "bin" / "python")
    assert (outside.stdout, outside.returncode) == (expected, 7)
    assert (inside.stdout, inside.returncode) == (expected, 7)


def assert_one_sentence(done, checkout):
    assert (done.returncode, done.stdout) == (1, "")
    assert f"run `make install` in {checkout}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_dependencies(checkout):
    done = greet(checkout, "-S")
    assert_one_sentence(done, checkout)
    assert "lacks what mixdmt_tf needs (absl, keras, numpy, tensorflow)" in done.stderr


def test_an_environment_that_is_incomplete(checkout):
    environment = make_environment(checkout, "absl", "numpy")
    done = greet(checkout)
    assert_one_sentence(done, checkout)
    assert str(environment) in done.stderr and "(keras, tensorflow)" in done.stderr


def test_a_folder_that_is_no_environment_is_passed_over(checkout):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    assert greet(checkout).returncode == 7


def load():
    """Imports the file under test."""
    spec = importlib.util.spec_from_file_location("_checkout", BIN / "_checkout.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_old_python_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "version_info", (3, 6, 15, "final", 0))
    with pytest.raises(SystemExit, match=r"needs Python 3\.9 or newer.* is 3\.6"):
        load().run("made.command")


def test_an_old_python_can_read_it():
    for path in [BIN / "_checkout.py", *BIN.glob("[!_]*")]:
        if path.is_file():
            ast.parse(path.read_text("utf-8"), feature_version=(3, 6))
