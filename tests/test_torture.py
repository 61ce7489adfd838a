"""The trials of tools/torture/ in short; `make torture` has them at full length."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tools.torture import damage, flags, images, parsers, phases, readers

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
        readers, "readers", lambda _: {"broken": (lambda path: 1 // 0, [b"abc"])}
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


OF_DIGITS = ("--dataset=digits", "--algorithm=dmt")
OF_SCENES = ("--dataset=digit_scenes",)
COUNTS = [
    *(("train", OF_DIGITS, name) for name in ("keep_checkpoints", "log_every")),
    *(("train", OF_DIGITS, name) for name in ("base_steps", "round_steps")),
    ("train", ("--dataset=digits", "--algorithm=mixmatch"), "mixup_parts"),
    ("train", (*OF_SCENES, "--algorithm=s4gan"), "discriminator_width"),
    *(
        ("train", (*OF_SCENES, "--algorithm=cct"), name)
        for name in ("feature_noise", "feature_drop", "dropout", "cutout")
    ),
    *(
        ("train", (*OF_SCENES, "--algorithm=cct"), name)
        for name in ("context_masking", "object_masking", "vat")
    ),
    ("tune", tuple(flags.IDLE["tune"]), "trials"),
]


@pytest.mark.parametrize(
    "command, more, name", COUNTS, ids=[each[2] for each in COUNTS]
)
def test_a_count_that_nobody_means_is_refused(command, more, name):
    case = flags.Case(command, more, name, "9223372036854775807")
    code, said = flags.check(case)
    assert code == 2 and f"--{name}=9223372036854775807" in said
    assert flags.check(case._replace(value="3"))[0] == 0


def test_flags_of_networks_without_a_fixed_size_are_tried():
    tried = {name for names in flags.NETWORKS.values() for name in names}
    assert {"keras_application", "whitened_cnn"} <= tried


# In a process of its own too, since all commands are forks of it: a tiny run, killed,
# damaged, watched, beside another one, on a full disk.
TRIALS = """
import subprocess, sys
from tools.torture import (
    commands, damage, disk_full, kills, owners, soak, subjects, twins
)

usual = [flag for flag in commands.DIGITS if not flag.startswith("--precision")]
tiny = [*usual, "--algorithm=supervised", "--steps=4", "--eval_every=2"]
tiny += ["--checkpoint_every=1", "--noexport", "--noreport"]
commands.RUNS = {owners.NAME: [*tiny, "--precision=float32"]}
twins.SETTINGS, twins.BURNING = tiny, 1
soak.SLOPE, soak.EVERY = float("inf"), 0.05
run = subjects.every()[owners.NAME]
run = run._replace(readers=run.readers[:1])
subjects.every = lambda: {owners.NAME: run}
for module in (kills, damage, soak, twins, owners):
    print(module.__name__, module.main(*{soak: (60, 1)}.get(module, (1, 1))))
if sys.argv[1:]:
    print(disk_full.__name__, disk_full.main(1, 1))
"""


@pytest.fixture(name="trials", scope="module")
def fixture_trials():
    """What the scripts print; with a disk of its own where that can be mounted."""
    alone = ["unshare", "-m" if os.geteuid() == 0 else "-rm"]
    try:
        mount = [*alone, "mount", "-t", "tmpfs", "torture", "/mnt"]
        mounts = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounts = False
    argv = [sys.executable, "-c", TRIALS]
    argv = [*alone, *argv, "mounts"] if mounts else argv
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
@pytest.mark.parametrize(
    "name", ["kills", "damage", "soak", "twins", "owners", "disk_full"]
)
def test_a_trial_of_a_run(name, trials):
    if name == "disk_full" and name not in trials:
        pytest.skip("no small disk can be mounted")
    assert f"{name}: " in trials and " trials: " in trials
    if name != "soak":  # of which so few steps say nothing
        assert f"tools.torture.{name} 0\n" in trials, trials
    else:
        assert " MB for 1,000 steps" in trials


@pytest.mark.long
def test_kills_are_aimed_and_said(trials):
    assert "undisturbed after" in trials
    assert ": aimed: " in trials


def test_phases_say_where_a_process_ended(tmp_path):
    file = tmp_path / "phases"
    file.write_text("0.5 1 training\n1.0 1 evaluation\n1.5 1 checkpoint\n")
    assert phases.where(phases.read(file)) == "checkpoint"
    with file.open("a") as more:
        more.write("1.75 0 checkpoint\n2.0 0 evaluation\n")
    assert phases.where(phases.read(file)) == "training"
    took = phases.durations(phases.read(file))
    assert took == {"checkpoint": [0.25], "evaluation": [1.0]}
    file.write_text("")
    assert phases.where(phases.read(file)) == phases.OUTSIDE


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
