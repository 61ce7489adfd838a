"""The trials of tools/torture/ in short; `make torture` has them at full length."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tools.torture import damage, images, parsers

ROOT = Path(__file__).resolve().parent.parent
# Which scripts share.
HELPERS = ("commands", "network", "phases", "readers", "subjects", "writes")
SCRIPTS = sorted(
    path.stem
    for path in (ROOT / "tools" / "torture").glob("*.py")
    if path.stem not in HELPERS
)


def test_all_are_run_by_default():
    text = (ROOT / "tools" / "torture" / "all.sh").read_text()
    assert all(name in text for name in SCRIPTS) and len(SCRIPTS) >= 9


@pytest.mark.parametrize("name", ["images", "parsers"])
def test_a_few_trials(name, capsys):
    module = {"images": images, "parsers": parsers}[name]
    assert module.main(200, seed=1) == 0
    assert "200 trials: " in capsys.readouterr().out


def test_a_reader_that_is_at_fault_is_counted(monkeypatch, capsys):
    monkeypatch.setattr(
        parsers, "readers", lambda: {"broken": (lambda path: 1 // 0, [b"abc"])}
    )
    assert parsers.main(3, seed=1) == 1
    assert "3 wrong" in capsys.readouterr().out
    monkeypatch.setattr(images, "look", lambda path: "ZeroDivisionError")
    assert images.main(25, seed=1) == 1


@pytest.mark.parametrize("seed", range(30))
def test_damage_damages(seed, tmp_path):
    path = tmp_path / "metrics.csv"
    held = b"step,test_error\n4,85.6338\n"
    path.write_bytes(held)
    kind = damage.damage(path, random.Random(seed))
    assert (kind == "missing") != path.exists()
    if path.exists() and kind != "cut":  # which may be at the very end
        assert path.read_bytes() != held


# In a process of its own, which has not imported TensorFlow and may use little memory.
OWN_FLAGS = """
import collections
from tools.torture import flags
counts = collections.Counter()
chosen = [case for case in flags.cases() if case.command != "train"]
accepted, wrong = flags.refusals(chosen, counts)
print(len(chosen), dict(counts), *wrong, sep="\\n")
raise SystemExit(len(wrong))
"""


def test_all_values_of_numeric_flags_of_commands_other_than_training():
    argv = [sys.executable, "-c", OWN_FLAGS]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.splitlines()[0]) > 150
    assert "'refused'" in done.stdout and "'accepted'" in done.stdout


def test_a_script_is_run_alone():
    done = subprocess.run(
        [sys.executable, "-m", "tools.torture.images", "--trials=25", "--seed=3"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("images --trials=25 --seed=3\n")
    assert "images: 25 trials: " in done.stdout and "; 0 wrong" in done.stdout
