"""`bin/tune`, with made-up training runs."""

from __future__ import annotations

import csv
import os
import sys

import pytest

from mixdmt_tf import leases
from mixdmt_tf.cli import experiments, tune
from tests.cli import commands

GIVEN = ("--dataset=digits", "--labels=50", "--validation=100", "--network=small_cnn")

# Stands for a training run: the error follows from the learning rate.
TRAIN = """
import json, pathlib, sys
flags = dict(each[2:].split("=") for each in sys.argv[1:] if "=" in each)
folder = pathlib.Path(flags["workdir"])
if pathlib.Path("broken").exists():
    sys.exit(1)
if pathlib.Path("refused").exists():
    sys.exit(2)
if pathlib.Path("interrupted").exists():
    sys.exit(143)
folder.mkdir(parents=True)
rate = float(flags["learning_rate"])
error = 100 * abs(rate - 0.5) + (flags["lambda_u"] == "1")
(folder / "results.json").write_text(
    json.dumps({"validation_error": error, "test_error": -error})
)
"""
SEARCHED = ("--tune=learning_rate:0.1:0.9", "--tune=lambda_u:1,10")


@pytest.fixture
def search(tmp_path, monkeypatch):
    """The command with made-up training runs."""
    monkeypatch.setattr(tune, "LAUNCH", TRAIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", sys.stdout)

    def start(*more):
        return tune.main([*GIVEN, *SEARCHED, "--workdir=out", *more])

    return start


def test_help(capsys):
    text = commands.helps_at_once("tune")
    for more in (["-h"], ["--labels", "50", "-h"], ["--helpfull"]):
        assert tune.main(more) == 0
        assert capsys.readouterr().out == text
    assert "usage: tune [--flag=value ...]" in text and "--trials=20" in text


def test_a_dry_run_needs_no_tensorflow_and_leaves_nothing(tmp_path):
    argv = [*GIVEN, *SEARCHED, f"--workdir={tmp_path / 'runs'}", "--dry_run"]
    done = commands.without_tensorflow("tune", *argv)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"20 trials of: bin/train {' '.join(GIVEN)} --noexport",
        "--learning_rate: 0.1 to 0.9",
        "--lambda_u: 1, 10",
    ]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "flags, said",
    [
        ([], "--tune is missing; expected NAME:LOW:HIGH"),
        (["--tune=lerning_rate:1:2"], "there is no flag --lerning_rate"),
        (["--tune=learning_rate:-1:1"], "--learning_rate=-1.0: expected a finite"),
        (["--tune=tsa:log,linaer"], "--tsa=linaer: expected one of"),
        (["--tune=labels:50,100"], "--tune=labels: expected settings of the method"),
        (["--tune=depth:1,2"], "there is no flag --depth"),
        (["--tune=tsa:log,exp", "--tsa=log"], "--tsa is given as well"),
        (["--tune=tsa:log,exp", "--tune=tsa:log,none"], "each once"),
        (["--tune=tsa:log,exp", "--export"], "--export is given twice"),
        (["--tune=batch:3:64", "--accumulate=4"], "--accumulate=4"),
        (["--tune=tsa:log,exp", "--seed=3"], "all trials have the same one"),
        (["--tune=tsa:log,exp", "--trials=0"], "--trials=0: expected an integer from"),
    ],
)
def test_what_cannot_be_searched(flags, said, capsys, tmp_path):
    argv = [*GIVEN, f"--workdir={tmp_path / 'x'}", *flags]
    assert said in commands.refusal(capsys, tune.main, *argv)
    assert not list(tmp_path.iterdir())


def test_it_needs_validation_images(capsys):
    argv = ["--dataset=digits", "--validation=0", "--tune=tsa:log,exp"]
    said = commands.refusal(capsys, tune.main, *argv)
    assert "--validation=0: there are no images to search by" in said


def test_flags_go_where_they_belong():
    own, others = tune.separate(
        ["--tune", "a:1:2", "--labels", "50", "--tune=b:3,4", "--trials=3", "--nooe"]
    )
    assert own == ["--trials=3", "--tune=a:1:2;b:3,4"]
    assert others == ["--labels", "50", "--nooe"]


def test_the_best_comes_as_a_flagfile_that_trains(search, tmp_path, capfd):
    assert search("--trials=8") == 0
    out = capfd.readouterr().out
    with (tmp_path / "out" / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 and len(list((tmp_path / "out").glob("trial*-seed1"))) == 8
    errors = [float(row["validation_error"]) for row in rows]
    best = rows[errors.index(min(errors))]
    text = (tmp_path / "out" / "best.flags").read_text()
    assert text in out
    parsed = experiments.parse(["--flagfile=out/best.flags"], "train", "")
    assert parsed.values["method"]["learning_rate"] == float(best["learning_rate"])
    assert parsed.values["method"]["lambda_u"] == float(best["lambda_u"])
    assert parsed.values["data"]["labels"] == 50 and "workdir" not in parsed.given


def test_it_resumes_and_takes_more_trials(search, tmp_path, capfd):
    (tmp_path / "interrupted").touch()
    assert search("--trials=2") == 143
    out = capfd.readouterr().out
    assert "0 of 2 trials done; the same command resumes" in out
    begun = next(line for line in out.splitlines() if line.startswith("[1/2] trial0: "))
    (tmp_path / "interrupted").unlink()
    assert search("--trials=2") == 0
    assert begun in capfd.readouterr().out.splitlines()
    assert search("--trials=3") == 0
    out = capfd.readouterr().out
    assert "[3/3] trial" in out and "[2/3]" not in out


def test_one_search_at_a_time(search, tmp_path, capfd):
    """A second one would take the trial of the first for interrupted."""
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / ".lock").open("a+") as held:
        leases.lock(held, "out")
        assert search("--trials=1") == 1
        said = capfd.readouterr().err
        assert said.startswith(f"error: out is in use by process {os.getpid()} on ")
        assert not [*(tmp_path / "out").glob("trial*")]
    assert search("--trials=1") == 0


def test_a_file_in_the_place_of_its_folder(search, tmp_path, capfd):
    (tmp_path / "out").touch()
    assert search("--trials=1") == 1
    said = capfd.readouterr().err
    assert said == "error: out: File exists\nName another place.\n"


def test_three_failures_in_a_row_end_it(search, tmp_path, capfd):
    (tmp_path / "broken").touch()
    assert search("--trials=9") == 1
    said = capfd.readouterr()
    assert said.out.count("failed with exit code 1") == 3
    assert "3 trials failed, one after the other" in said.err
    (tmp_path / "broken").unlink()
    assert search("--trials=4") == 0
    assert "[4/4]" in capfd.readouterr().out


def test_a_refused_trial_ends_it_unless_others_were_trained(search, tmp_path, capfd):
    (tmp_path / "refused").touch()
    assert search("--trials=2") == 1
    assert "that trial was refused" in capfd.readouterr().err
    (tmp_path / "refused").unlink()
    assert search("--trials=2") == 0
    (tmp_path / "refused").touch()
    assert search("--trials=9") == 1
    said = capfd.readouterr()
    assert "3 trials failed, one after the other" in said.err
    assert "best.flags, trials.csv" in said.out  # of the others


def test_its_own_flags_are_not_for_flagfiles(tmp_path, capsys):
    mine = tmp_path / "my.flags"
    mine.write_text("--workdir=runs/a\n--trials=3\n")
    said = commands.refusal(capsys, tune.main, f"--flagfile={mine}", "--dry_run")
    assert f"{mine}:2: --trials is a flag of bin/tune itself" in said


def test_data_that_are_missing_use_up_no_trials(tmp_path, capsys):
    given = ["--dataset=folder", "--validation=100", *SEARCHED]
    given += [f"--data_dir={tmp_path / 'nowhere'}", f"--workdir={tmp_path / 'out'}"]
    said = commands.refusal(capsys, tune.main, *given, code=1)
    assert str(tmp_path / "nowhere") in said
    assert not list(tmp_path.iterdir())


def test_a_method_that_was_searched_is_there_once(tmp_path, monkeypatch):
    """No flagfile may say both, the default and what was found."""
    monkeypatch.setattr(tune, "LAUNCH", TRAIN.replace('flags["lambda_u"]', '""'))
    monkeypatch.chdir(tmp_path)
    given = ["--tune=algorithm:uda,fixmatch", "--learning_rate=0.1", "--trials=1"]
    assert tune.main([*GIVEN, *given, "--workdir=out"]) == 0
    parsed = experiments.parse(["--flagfile=out/best.flags"], "train", "")
    assert parsed.values["run"]["algorithm"] in ("uda", "fixmatch")


def test_a_flagfile_that_was_changed_is_another_search(search, tmp_path, capfd):
    mine = tmp_path / "my.flags"
    mine.write_text("--batch=8\n")
    assert search(f"--flagfile={mine}", "--trials=1") == 0
    assert search(f"--flagfile={mine}", "--trials=2") == 0
    mine.write_text("--batch=16\n")
    assert search(f"--flagfile={mine}", "--trials=3") == 2
    assert "out holds a search with other settings" in capfd.readouterr().err
