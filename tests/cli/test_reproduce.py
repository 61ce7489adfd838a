"""`bin/reproduce`."""

from __future__ import annotations

import json

import pytest

from mixdmt_tf.cli.reproduce import main
from mixdmt_tf.tables import table, table_ini
from tests.cli import commands
from tests.tables import made_table

TABLES = table_ini.find(commands.ROOT / "flags")
# Their networks start from published weights.
WITH_WEIGHTS = ("dmt/4", "dmt/5", "dmt/6", "dmt/7")
NO_MORE = "--noexport\n--report=false\n"  # than a training


def test_help():
    text = commands.helps_at_once("reproduce")
    assert "usage: reproduce [--flag=value ...]" in text and "--seeds=2" in text


def test_a_dry_run_needs_no_tensorflow_and_leaves_nothing(tmp_path):
    flags = made_table.write(tmp_path)
    done = commands.without_tensorflow(
        "reproduce",
        "--table=made/1",
        f"--tables_dir={flags}",
        f"--workdir={tmp_path / 'runs'}",
        "--rows=clever",
        "--data_dir=over there",
        "--dry_run",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "[4/4] clever, labels 50, seed 2: 2 min\n" in done.stdout
    assert "clever.flags '--data_dir=over there' --labels=50 --seed=2" in done.stdout
    assert "cost: about 8 min" in done.stdout
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "flag, said",
    [
        ("--table=made/11", "there are: made/1\ndid you mean --table=made/1?"),
        ("--table=", "--table is missing"),
        ("--rows=clevr", "did you mean --rows=clever?"),
        ("--columns=21", "there are: 20, 50"),
        ("--seeds=0", "expected an integer from 1 to 1000"),
        ("--tables_dir=nowhere", "leave it out for the tables that come with"),
    ],
)
def test_what_there_is_not(flag, said, capsys, tmp_path):
    argv = {"--table": "made/1", "--tables_dir": str(made_table.write(tmp_path))}
    argv.update([flag.split("=")])
    given = [f"{name}={value}" for name, value in argv.items()]
    assert said in commands.refusal(capsys, main, *given)


@pytest.fixture
def quoting(tmp_path):
    """A command line for a table with a row that is quoted."""
    hung = "[row hung]\nlabel = Hung\npublished = 20: 57.2\nquoted = true\n"
    flags = made_table.write(tmp_path, made_table.INI + hung)
    return ["--table=made/1", f"--tables_dir={flags}", f"--workdir={tmp_path / 'r'}"]


def test_a_quoted_row_is_never_run(quoting, capsys):
    assert main([*quoting, "--dry_run"]) == 0
    said = capsys.readouterr().out
    assert "[8/8] clever, labels 50, seed 2" in said and "hung" not in said
    for rows in ("hung", "plain,hung"):
        said = commands.refusal(capsys, main, *quoting, f"--rows={rows}")
        assert f"--rows={rows}: hung: quoted from the paper, never run" in said
        assert "there are: plain, clever" in said


def test_only_quoted_rows_at_this_budget(quoting, capsys, tmp_path):
    for name in ("plain", "clever"):
        (tmp_path / "flags" / "made" / "table_1" / "cpu" / f"{name}.flags").unlink()
    said = commands.refusal(capsys, main, *quoting)
    assert "has no plain, clever at --budget=cpu\nthere are: none" in said


def test_columns_with_a_slash(capsys, tmp_path):
    # Any flag that takes a slash; '--data_dir' asks nothing of its value.
    ini = made_table.IOU_INI.replace("columns = labels", "columns = data_dir")
    flags = made_table.write(tmp_path, ini)
    argv = ["--table=made/1", f"--tables_dir={flags}", f"--workdir={tmp_path / 'r'}"]
    argv += ["--rows=plain", "--columns=1/8", "--seeds=1", "--dry_run"]
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert "[1/1] plain, data_dir 1/8, seed 1: 2 min\n" in said
    folder = tmp_path / "r" / "made" / "1" / "cpu" / "plain" / "1_8-seed1"
    assert f" --data_dir=1/8 --seed=1 --workdir={folder}\n" in said


def test_a_flagfile_that_is_wrong_is_found_before_anything_runs(capsys, tmp_path):
    flags = made_table.write(tmp_path)
    path = flags / "made" / "table_1" / "clever.flags"
    path.write_text(path.read_text("utf-8") + "--tsaa=log\n", "utf-8")
    argv = ["--table=made/1", f"--tables_dir={flags}", f"--workdir={tmp_path / 'r'}"]
    said = commands.refusal(capsys, main, *argv)
    assert "did you mean --tsa" in said and not (tmp_path / "r").exists()


def test_data_that_are_missing_are_said_once(capfd, tmp_path):
    flags = made_table.write(tmp_path)
    for name in ("plain", "clever"):
        path = flags / "made" / "table_1" / f"{name}.flags"
        path.write_text(path.read_text("utf-8").replace("=digits", "=folder"), "utf-8")
    argv = ["--table=made/1", f"--tables_dir={flags}", f"--workdir={tmp_path / 'r'}"]
    assert main([*argv, f"--data_dir={tmp_path / 'nowhere'}"]) == 1
    said = capfd.readouterr()
    assert "[1/8]" not in said.out and said.err.count("nowhere") == 1


def test_a_real_run(capfd, tmp_path):
    flags = made_table.write(tmp_path)
    path = flags / "made" / "table_1" / "plain.flags"
    tiny = "--network=small_cnn\n--filters=4\n--batch=8\n--steps=2\n--eval_every=2\n"
    text = path.read_text("utf-8").replace("--steps=10\n", tiny + NO_MORE)
    path.write_text(text, "utf-8")
    argv = ["--table=made/1", f"--tables_dir={flags}", f"--workdir={tmp_path / 'r'}"]
    argv += ["--rows=plain", "--columns=20", "--seeds=1"]
    assert main(argv) == 0
    folder = tmp_path / "r" / "made" / "1" / "cpu"
    found = json.loads((folder / "plain" / "20-seed1" / "results.json").read_text())
    said = capfd.readouterr().out
    assert f"**{found['test_error']:.2f} (n=1)**" in said
    assert main(argv) == 0
    assert "[1/1] plain, labels 20, seed 1: finished" in capfd.readouterr().out


@pytest.mark.parametrize("budget", table.BUDGETS)
@pytest.mark.parametrize("name", TABLES)
def test_each_table_of_the_checkout_can_be_planned(name, budget, capsys, tmp_path):
    argv = [f"--table={name}", f"--budget={budget}", f"--workdir={tmp_path}"]
    if budget == "paper" and name in WITH_WEIGHTS:
        argv += give(tmp_path, "coco", "imagenet")
    assert main([*argv, "--dry_run"]) == 0
    assert "cost: " in capsys.readouterr().out


def give(folder, *kinds):
    """Flags with files of weights, which nobody reads in a dry run."""
    for kind in kinds:
        (folder / f"{kind}.npz").touch()
    return [f"--{kind}={folder / f'{kind}.npz'}" for kind in kinds]


@pytest.mark.parametrize(
    "more, given, said",
    [
        (
            "4 --columns=1/20,1/50 --dry_run",
            (),
            "--coco is missing; needed by the rows baseline (1/50, 1/20), mean_teacher "
            "(1/50, 1/20), hung (1/50, 1/20), s4gan (1/50, 1/20), cct (1/50, 1/20), "
            "gct (1/50, 1/20), dmt (1/50, 1/20)\n--imagenet is missing; needed by the "
            "rows cutmix (1/50, 1/20), dmt (1/20)\nexpected files",
        ),
        ("5", ["coco"], "error: --imagenet is missing; needed by the rows dmt\nexp"),
        (
            "5 --coco=nowhere.npz",
            ["imagenet"],
            "--coco=nowhere.npz: no such file; need",
        ),
        ("5 --budget=cpu", ["coco"], "none of the chosen rows starts from published"),
        ("2", ["imagenet"], "weights at --budget=paper\nleave it out"),
    ],
)
def test_weights_that_are_missing_are_said_first(more, given, said, capsys, tmp_path):
    argv = [f"--workdir={tmp_path / 'r'}", *give(tmp_path, *given)]
    argv += f"--table=dmt/{more}".split()
    argv += [] if "budget" in more else ["--budget=paper"]
    assert said in commands.refusal(capsys, main, *argv)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    "more, given",
    [
        ("4 --rows=dmt --columns=1/50,1/106", ["coco"]),
        ("6 --rows=cutmix", ["imagenet"]),
        ("7 --rows=online_st", ["coco", "imagenet"]),  # for its base model
    ],
)
def test_only_weights_of_chosen_rows_are_wanted(more, given, tmp_path):
    argv = ["--budget=paper", f"--workdir={tmp_path / 'r'}", *give(tmp_path, *given)]
    assert main([*argv, *f"--table=dmt/{more}".split(), "--dry_run"]) == 0


@pytest.fixture
def rounds_table(tmp_path):
    """Its rows: labels alone, and DMT that takes them for its base model."""
    common = "--network=small_cnn\n--filters=4\n--augment=none\n--validation=50\n"
    common += NO_MORE
    rows = {
        "plain": "--algorithm=dmt_baseline\n--batch=8\n--steps=2\n",
        "clever": "--algorithm=dmt\n--batch=8\n--rounds=1\n--round_steps=2\n"
        "--unlabeled_ratio=2\n--select_on=valtiny\n",
    }
    flags = made_table.write(tmp_path, made_table.adding("row clever", "first = plain"))
    for name, own in rows.items():
        path = flags / "made" / "table_1" / f"{name}.flags"
        head, _, _ = path.read_text("utf-8").partition("--dataset")
        path.write_text(f"{head}--dataset=digits\n--labels=20\n{own}{common}", "utf-8")
    argv = ["--table=made/1", f"--tables_dir={flags}", f"--workdir={tmp_path / 'r'}"]
    return [*argv, "--columns=20", "--seeds=1"], tmp_path / "r" / "made" / "1" / "cpu"


@pytest.mark.long
def test_a_run_in_rounds_takes_another_row_for_its_base_model(rounds_table, capfd):
    argv, folder = rounds_table
    assert main([*argv, "--rows=clever"]) == 0
    base, found = (
        json.loads((folder / name / "20-seed1" / "results.json").read_text())
        for name in ("plain", "clever")
    )
    assert found["base_error"] == base["test_error"] and found["steps"] == 2
    assert not (folder / "clever" / "20-seed1" / "base").exists()
    said = capfd.readouterr().out
    assert f"{found['test_error']:.2f} (n=1)" in said
    assert main([*argv, "--rows=clever", "--dry_run"]) == 0
    said = capfd.readouterr().out
    assert "[2/2] clever, labels 20, seed 1: finished" in said


def test_lengths_of_a_row_in_rounds_are_checked_before_anything_runs(
    rounds_table, capsys, tmp_path
):
    argv, folder = rounds_table
    path = tmp_path / "flags" / "made" / "table_1" / "clever.flags"
    path.write_text(path.read_text("utf-8") + "--steps=9\n", "utf-8")
    assert "--steps=9 are divided among all" in commands.refusal(capsys, main, *argv)
    assert not folder.exists()
