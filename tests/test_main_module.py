"""`python -m mixdmt_tf` lists the commands and runs them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mixdmt_tf
from mixdmt_tf import __main__
from mixdmt_tf.cli.commands import commands
from tests.cli.commands import ROOT

BIN = {p.name for p in (ROOT / "bin").iterdir() if p.is_file() and not p.suffix}


def test_there_is_a_command_for_each_script():
    assert set(commands()) == BIN
    for each in commands().values():
        assert callable(each.load()) and each.load().__name__.startswith("command")
        assert each.summary.endswith(".") and "`" not in each.summary
    assert commands()["train_dmt"].load().__name__ == "command_dmt"
    assert commands()["export_model"].load().__name__ == "command"


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_the_listing(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        __main__.main(argv)
    said = capsys.readouterr().out
    assert stop.value.code == 0
    assert {line.split()[0] for line in said.splitlines() if line[:2] == "  "} == {
        *BIN,
        "completion",
    }


def test_a_command_runs_without_tensorflow_for_its_help():
    program = (
        "import runpy, sys\nsys.argv = ['x', 'train_dmt', '--help']\n"
        "try:\n    runpy.run_module('mixdmt_tf', run_name='__main__')\n"
        "finally:\n    assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--algorithm=dmt " in done.stdout


@pytest.mark.parametrize(
    "argv, code, said",
    [
        (["--version"], 0, f"mixdmt_tf {mixdmt_tf.__version__}\n"),
        (["trian"], 2, "did you mean train?"),
        (["photos.png"], 2, "python -m mixdmt_tf lists the commands"),
        (["completion"], 2, "expected one of bash, zsh"),
        (["completion", "fish"], 2, "expected one of bash, zsh"),
        (["train", "--lables=3"], 2, "did you mean --labels=3?"),
    ],
)
def test_answers(argv, code, said, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["python -m mixdmt_tf", *argv])
    with pytest.raises(SystemExit) as stop:
        __main__.main(argv)
    shown = capsys.readouterr()
    assert stop.value.code == code
    assert said in (shown.err if code else shown.out)
    assert "Traceback" not in shown.err
