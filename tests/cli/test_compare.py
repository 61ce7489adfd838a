"""`bin/compare`."""

from __future__ import annotations

import csv
import json
import sys

import pytest

from mixdmt_tf.cli import compare, experiments
from mixdmt_tf.runs.pace import Pace
from mixdmt_tf.tasks import budget, open_task
from tests.cli import commands

DIGITS = ("--dataset=digits", "--labels=50", "--network=small_cnn")

# Stands for a training run: what it writes depends on method and seed.
TRAIN = """
import json, pathlib, sys
flags = dict(each[2:].split("=") for each in sys.argv[1:] if "=" in each)
flags["max_minutes"] = str(float(flags["max_minutes"]))
folder = pathlib.Path(flags["workdir"])
if flags["algorithm"] == "uda" and not pathlib.Path("mended").exists():
    sys.exit(1)
folder.mkdir(parents=True)
(folder / "flags.txt").write_text("")
error = {"supervised": 20, "realmix": 10, "uda": 10.5}[flags["algorithm"]]
error += float(flags["seed"])
rows = [(1, 30.0, error + 5), (2, 60.0, error)]
(folder / "metrics.csv").write_text(
    "step,seconds,test_error\\n" + "\\n".join(",".join(map(str, r)) for r in rows)
)
results = {"test_error": error, "test_error_raw": error, "steps": 100, "seconds": 60,
           "machine": "a machine", "flags": flags}
(folder / "results.json").write_text(json.dumps(results))
"""


@pytest.fixture
def trainer(tmp_path, monkeypatch):
    """The command with made-up training runs."""
    monkeypatch.setattr(compare, "LAUNCH", TRAIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", sys.stdout)

    def start(*more):
        argv = ["--seeds=2", "--minutes=1", "--workdir=out", *DIGITS]
        names = {each.partition("=")[0] for each in more}
        kept = [each for each in argv if each.partition("=")[0] not in names]
        return compare.main([*kept, *more])

    return start


def test_help(capsys):
    text = commands.helps_at_once("compare")
    for more in (["-h"], ["--labels", "50", "-h"], ["--helpfull"]):
        assert compare.main(more) == 0
        assert capsys.readouterr().out == text
    assert "usage: compare [--flag=value ...]" in text and "--minutes=30.0" in text


def test_a_dry_run_needs_no_tensorflow_and_leaves_nothing(tmp_path):
    done = commands.without_tensorflow(
        "compare",
        *DIGITS,
        "--algorithms=dmt,linear_probe",
        "--minutes=4",
        "--seeds=2",
        f"--workdir={tmp_path / 'runs'}",
        "--dry_run",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--algorithm=dmt --steps=none --max_minutes=4 --noexport" in done.stdout
    assert "--algorithm=linear_probe --steps=1 --noexport --seed=2" in done.stdout
    assert "cost: about 9 min" in done.stdout
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--algorithms=realmx"], "did you mean 'realmix'?"),
        (["--algorithms=dmt,dmt"], "'dmt': expected different ones of"),
        (["--algorithms="], "expected names of methods"),
        (["--steps=100"], "sets it for each run; expected --algorithms"),
        (["--dmt.base_steps=9"], "sets it for each run; expected --algorithms"),
        (["--algorithm", "dmt"], "sets it for each run; expected --algorithms"),
        (["--minutes=0"], "--minutes=0: expected a finite number >= 0.1"),
        (["--labels=no"], "--labels=no: expected an integer"),
        (
            ["--dataset=voc", "--network=auto", "--algorithms=mixup"],
            "expected different ones of",
        ),
        (["--lambda_u=3"], "unknown flag --lambda_u"),
        (["--realmix.lambda_v=3"], "unknown flag --lambda_v"),
        (["--realmix.labels=20"], "compared on the same data, labels and validation"),
        (["--realmix.seed=3"], "--realmix.seed=3: the comparison sets it for each run"),
        (["--realmix.workdir=x"], "workdir=x: the comparison sets it for each run"),
        (["--realmix.batch=10", "--accumulate=3"], "--accumulate=3"),
        (["--dmt.rounds=3"], "--dmt.rounds=3: 'dmt' is none of the methods compared"),
        (["--dataset.batch=3"], "as in --supervised.batch=8"),
    ],
)
def test_what_cannot_be_compared(flags, said, capsys):
    usual = {"--algorithms": "--algorithms=supervised,realmix"}
    usual.update({each.partition("=")[0]: each for each in DIGITS})
    given = [
        v for k, v in usual.items() if k not in {f.partition("=")[0] for f in flags}
    ]
    given += flags
    assert said in commands.refusal(capsys, compare.main, *given)


def test_flags_go_where_they_belong():
    given = compare.separate(
        ["--seeds", "2", "--labels", "50", "--minutes=3", "--dmt.batch", "3"]
        + ["--noexport", "--dry_run", "--uda.nonesterov"]
    )
    assert given.own == ["--seeds", "2", "--minutes=3", "--dry_run"]
    assert given.of_all == ["--labels", "50", "--noexport"]
    assert given.of_one == {"dmt": ["--batch", "3"], "uda": ["--nonesterov"]}


@pytest.mark.parametrize(
    "of_all, own, expected",
    [
        (["--batch=8", "--width=2"], ["--batch=9"], ["--width=2", "--batch=9"]),
        (
            ["--batch", "8", "--width=2"],
            ["--batch", "9"],
            ["--width=2", "--batch", "9"],
        ),
        (
            ["--nesterov", "--noaugment"],
            ["--nonesterov"],
            ["--noaugment", "--nonesterov"],
        ),
        (["--nonesterov"], ["--nesterov=true"], ["--nesterov=true"]),
        (["--flagfile=a"], ["--flagfile=b"], ["--flagfile=a", "--flagfile=b"]),
        (["--batch=8"], [], ["--batch=8"]),
    ],
)
def test_a_flag_of_one_method_replaces_that_of_all(of_all, own, expected):
    given = compare.CommandLine([], of_all, {"dmt": own})
    assert given.of("dmt") == expected
    assert given.of("realmix") == of_all


def test_each_method_with_flags_of_its_own(capsys):
    own = ["--dmt.flagfile=flags/base/pretrained_rounds.flags", "--realmix.lambda_u=7"]
    given = [*DIGITS[:2], "--flagfile=flags/base/pretrained.flags", *own]
    given += ["--algorithms=realmix,dmt", "--seeds=1", "--dry_run"]
    assert compare.main(given) == 0
    commands_of = [
        each for each in capsys.readouterr().out.splitlines() if "bin/" in each
    ]
    assert [("--lambda_u=7" in each) for each in commands_of] == [True, False]
    assert [("pretrained_rounds" in each) for each in commands_of] == [False, True]
    assert "--base_" not in commands_of[1]  # what base models learn by is in the file


def test_every_method_trains_for_the_minutes(monkeypatch, tmp_path):
    """Whatever lengths the flagfiles have: the command of docs/classification.md."""
    monkeypatch.chdir(tmp_path)
    planned = []
    monkeypatch.setattr(
        "mixdmt_tf.tables.running.execute",
        lambda table, runs, *_: planned.extend(each.command(s) for each, s in runs),
    )
    monkeypatch.setattr("mixdmt_tf.tables.contest_report.write", lambda *_: "")
    given = [*DIGITS[:2], "--flagfile=flags/base/pretrained.flags", "--seeds=1"]
    own = ["--mixmatch.mixup_beta=0.1", "--dmt.flagfile=base/pretrained_rounds"]
    compare.main([*given, "--algorithms=supervised,mixmatch,dmt", *own])
    paces = {k: Pace() for k in ("run", "base", "round_1")}
    monkeypatch.setattr(Pace, "seconds_per_step", 0.5)
    for argv in planned:
        experiment = experiments.build(experiments.parse(argv, "train", ""))
        mine = {k: v for k, v in paces.items() if experiment.in_rounds == (k != "run")}
        monkeypatch.setattr(budget, "measured", lambda *_, mine=mine: (mine, 10))
        found = budget.within_minutes(open_task(experiment), None)
        method = vars(found.method)
        steps = found.run.steps or method["base_steps"] + 3 * method["round_steps"]
        assert steps == pytest.approx(30 * 60 / 0.5, abs=3)
    assert len(planned) == 3
    assert method["round_steps"] / method["base_steps"] == pytest.approx(
        4 / 3, rel=0.01
    )


@pytest.mark.parametrize(
    "more, added",
    [
        ([], []),
        (["--learning_rate=0.0003"], ["--base_learning_rate=0.0003"]),
        (["--batch=32"], ["--base_batch=32"]),
    ],
)
def test_a_base_model_learns_as_labels_alone_do(more, added, capsys):
    algorithms = "--algorithms=supervised,dmt"
    assert compare.main([*DIGITS, *more, algorithms, "--seeds=1", "--dry_run"]) == 0
    lines = [each.split() for each in capsys.readouterr().out.splitlines()]
    found = [[w for w in words if w.startswith("--base_")] for words in lines]
    assert [each for each in found if each] == ([added] if added else [])
    assert any(
        "--algorithm=dmt" in words and not set(added) - {*words} for words in lines
    )


def test_a_ranking_that_a_failure_does_not_stop(trainer, tmp_path, capfd):
    assert trainer("--algorithms=supervised,realmix,uda") == 1
    out = capfd.readouterr().out
    assert "uda, seed 1: failed with exit code 1" in out
    text = (tmp_path / "out" / "comparison.md").read_text(encoding="utf-8")
    assert "`uda`" not in text
    assert "| 1 | `realmix` | **11.50 ± 6.35** |" in text
    assert (
        "| 2 | `supervised` | **21.50 ± 6.35** | 10.00 ± 0.00 (may be chance) |" in text
    )
    (tmp_path / "mended").touch()
    assert trainer("--algorithms=supervised,realmix,uda") == 0
    out = capfd.readouterr().out
    assert out.count(": finished") == 4  # nothing is trained twice
    text = (tmp_path / "out" / "comparison.md").read_text(encoding="utf-8")
    assert "| 2 | `uda` | **12.00 ± 6.35** | 0.50 ± 0.00 (may be chance) |" in text
    with (tmp_path / "out" / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["supervised"] * 2 + ["realmix"] * 2 + [
        "uda"
    ] * 2
    kept = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert len(kept) == 6 and kept[0]["flags"]["labels"] == "50"
    assert (tmp_path / "out" / "comparison.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    "more, said",
    [
        (["--labels=100"], "--labels=50, not 100"),
        (["--minutes=2"], "--max_minutes=1.0, not 2.0"),
        (["--realmix.lambda_u=7"], "--lambda_u=75.0, not 7.0"),
        (["--data_dir=elsewhere"], "--data_dir=, not elsewhere"),
    ],
)
def test_finished_runs_of_other_settings_are_not_ranked(more, said, tmp_path, capsys):
    """They would stand under a title, and beside runs, that they don't belong to."""
    folder = tmp_path / "out" / "realmix-seed2"
    folder.mkdir(parents=True)
    flags = {"labels": "50", "max_minutes": "1.0", "lambda_u": "75.0", "data_dir": ""}
    (folder / "results.json").write_text(json.dumps({"flags": flags}))
    given = {each.partition("=")[0]: each for each in (*DIGITS, "--minutes=1", *more)}
    given["--workdir"] = f"--workdir={tmp_path / 'out'}"
    given["--algorithms"] = "--algorithms=supervised,realmix"
    words = commands.refusal(capsys, compare.main, *given.values())
    assert f"realmix-seed2 is a finished run with {said}.\n" in words


def test_its_own_flags_are_not_for_flagfiles(tmp_path, capsys):
    mine = tmp_path / "my.flags"
    mine.write_text("--workdir=runs/a\n--minutes=1\n")
    said = commands.refusal(capsys, compare.main, f"--flagfile={mine}", "--dry_run")
    assert f"{mine}:2: --minutes is a flag of bin/compare itself" in said


def test_data_of_one_method_in_its_flagfile(tmp_path, capsys):
    for labels in (50, 100):
        (tmp_path / f"{labels}.flags").write_text(f"--labels={labels}\n")
    given = ["--dataset=digits", f"--flagfile={tmp_path / '50.flags'}", "--dry_run"]
    given += ["--algorithms=supervised,realmix"]
    own = f"--realmix.flagfile={tmp_path / '100.flags'}"
    said = commands.refusal(capsys, compare.main, *given, own)
    assert "--labels is 100 for realmix and 50 for supervised: methods are" in said
    assert compare.main([*given, own.replace("100", "50")]) == 0


def test_flags_of_methods_that_are_compared(capsys):
    """RealMix, which takes no part, has no rounds."""
    given = [*DIGITS, "--rounds=2", "--seeds=1", "--dry_run"]
    assert compare.main([*given, "--algorithms=dmt,dmt_naive"]) == 0
    assert capsys.readouterr().out.count("--rounds=2") == 2


def test_data_that_are_missing_are_said_once(trainer, tmp_path, capfd):
    more = ["--algorithms=supervised,realmix", f"--data_dir={tmp_path / 'nowhere'}"]
    assert trainer("--dataset=folder", *more, "--labels=50") == 1
    said = capfd.readouterr()
    assert said.out == "" and said.err.count("nowhere") == 1


def test_a_setting_that_is_left_open_now_was_given_before(trainer, capfd):
    """Then a run has the copies of its method, and those before had what was given."""
    given = ["--algorithms=supervised", "--copies=3"]
    assert trainer(*given) == 0
    assert trainer(*given, "--seeds=3") == 0
    capfd.readouterr()
    assert trainer(*given[:1]) == 2
    said = capfd.readouterr().err
    assert "out has finished runs of supervised with --copies=3, not none.\n" in said
