"""What holds for every command."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAVY = ("tensorflow", "keras", "numpy")

# Calls a command and fails if it imported what takes seconds.
LIGHT = """
import importlib, sys
code = importlib.import_module(sys.argv[1]).main(sys.argv[2:])
heavy = sorted({heavy}.intersection(sys.modules))
sys.exit(f"imported {{heavy}}" if heavy else code)
"""


def without_tensorflow(module, *argv):
    """Runs a command in a process of its own that must not import TensorFlow."""
    program = LIGHT.format(heavy=set(HEAVY))
    done = subprocess.run(
        [sys.executable, "-c", program, f"mixdmt_tf.cli.{module}", *argv],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "imported" not in done.stderr
    return done


def seconds_of_children():
    """Of CPU time, so that a busy machine makes no difference, of those that ended."""
    times = os.times()
    return times.children_user + times.children_system


def helps_at_once(module):
    """The text of --help, which has to come within half a second of CPU time."""
    before = seconds_of_children()
    done = without_tensorflow(module, "--help")
    seconds = seconds_of_children() - before
    assert (done.returncode, done.stderr) == (0, "")
    assert seconds < 0.5, f"--help of {module} took {seconds:.2f} s"
    return done.stdout


def refusal(capsys, main, *argv, code=2):
    """What a command complains of, in one to three lines and without a traceback."""
    capsys.readouterr()
    assert main(list(argv)) == code
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "Traceback" not in said
    assert 1 <= len(said.splitlines()) <= 3
    return said


def needs_a_run(capsys, main, tmp_path, *argv):
    """Refuses to work without the folder of a run."""
    said = refusal(capsys, main, *argv)
    assert "--workdir is missing; expected the folder of a run" in said
    for folder in (tmp_path / "missing", tmp_path):
        said = refusal(capsys, main, f"--workdir={folder}", *argv)
        assert f"--workdir={folder} holds no run" in said
        assert "flags.txt" in said
    assert not list(tmp_path.iterdir())
