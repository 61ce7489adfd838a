"""`bin/train` and `bin/train_realmix`."""

from __future__ import annotations

import re
import tempfile

import pytest

from mixdmt_tf.cli import experiments, train
from mixdmt_tf.errors import UsageError
from mixdmt_tf.runs import cluster, export
from tests.cli import commands
from tests.tasks.classification import tiny


def test_help():
    text = commands.helps_at_once("train")
    assert "usage: train [--flag=value ...]" in text
    for flag in ("--dry_run", "--algorithm=realmix", "--dataset=cifar10"):
        assert flag in text
    assert "--tsa" not in text and "--helpfull shows all" in text
    done = commands.without_tensorflow("train", "--helpfull")
    assert "--tsa=auto" in done.stdout and "--copies=none" in done.stdout


def test_combinations_are_refused_before_tensorflow_is_imported():
    argv = ("--jit_compile=on", "--strategy=mirrored", "--dataset=digits")
    done = commands.without_tensorflow("train", *argv)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --jit_compile=on cannot be used with")
    assert len(done.stderr.splitlines()) == 2


ROUNDS = ("--algorithm=dmt", "--dataset=digits")


@pytest.mark.parametrize(
    "argv, said",
    [
        (
            ("--steps=5", "--round_steps=9"),
            "error: --steps=5 are divided among all stages: --base_steps=2 "
            "--round_steps=2; the run has --round_steps=9\nGive --steps alone",
        ),
        (("--fractions=20,x",), "error: --fractions=20,x: expected percentages"),
        (
            ("--fractions=20,40", "--rounds=5"),
            "2 for 5 rounds.\nGive one for each round, or --rou",
        ),
        (("--rounds=0",), "error: --rounds=0: expected an integer from 1 to 1000"),
        (("--models=3",), "error: --models=3: expected one of 1, 2"),
    ],
)
def test_lengths_of_runs_in_rounds_are_refused_before_tensorflow(argv, said):
    done = commands.without_tensorflow("train", *ROUNDS, *argv)
    assert done.returncode == 2 and said in done.stderr
    assert len(done.stderr.splitlines()) <= 3


def test_train_dmt_trains_dmt_only(capsys, tmp_path):
    def main(argv):
        return train.main(argv, "dmt")

    argv = tiny.flags(tmp_path, tiny.SUPERVISED)
    assert "--algorithm=supervised" in commands.refusal(capsys, main, *argv)
    assert not list(tmp_path.iterdir())


def test_train_dmt_is_the_same_as_train_with_its_flags():
    parsed = experiments.parse([], "train_dmt", "", "dmt")
    other = experiments.parse(["--algorithm=dmt"], "train", "")
    assert (other.values, other.chosen) == (parsed.values, parsed.chosen)
    for given in (["--form=mixmatch"], ["--network=small_cnn"]):
        parsed = experiments.parse(given, "train_dmt", "", "dmt")
        assert parsed.values["network"].get("form") in ("mixmatch", None)
    with pytest.raises(UsageError):
        experiments.parse(["--form=none"], "train_dmt", "", "dmt")


@pytest.mark.parametrize("name", ["realmix", "dmt"])
def test_help_of_a_command_for_one_method(name, capsys):
    with pytest.raises(SystemExit):
        experiments.parse(["--helpfull"], f"train_{name}", "", name)
    assert f"--algorithm={name}" in capsys.readouterr().out


def test_train_realmix_trains_realmix_only(capsys, tmp_path):
    def main(argv):
        return train.main(argv, "realmix")

    argv = tiny.flags(tmp_path, tiny.SUPERVISED)
    assert "--algorithm=supervised" in commands.refusal(capsys, main, *argv)
    assert not list(tmp_path.iterdir())


def test_what_a_run_says(finished):
    said, found = finished.session.out, finished.results
    lines = said.splitlines()
    assert lines[-3].startswith("test error of supervised, same labels and steps: ")
    assert f"test error of realmix: {found['test_error']:.2f} % (raw weights " in said
    # The comparison was in the estimate of the time, and is no longer while it runs.
    assert said.count("with all that follows") == 1
    assert lines[-2] == f"run folder: {finished.folder}"
    assert lines[-1] == f"SavedModel: {finished.folder / 'export'}"
    assert (finished.folder / "export" / "saved_model.pb").exists()
    # What follows from the length, memory, the split, then where, how and how large.
    assert lines[0] == "for this length of the run: --lambda_u_ramp=443"
    assert re.fullmatch(r"memory of a step: .* \(426 weights, 24 images .*", lines[1])
    assert lines[2].split() == ["class", "labelled", "unlabelled", "validation", "test"]
    how = f"426 parameters, float32, 1 device, run folder {finished.folder}"
    assert f"realmix: {how}" in lines
    assert "step 4: error validation " in said
    # In a pipe a run of seconds shows its progress once, at its end.
    assert [line.split()[1] for line in lines if " steps/s " in line] == ["12/12"] * 2
    assert "\r" not in said and finished.session.err == ""


def test_too_few_labels_and_another_try(capsys, tmp_path):
    short = (tiny.SUPERVISED, "--steps=1")
    argv = tiny.flags(tmp_path, *short, "--labels=9")
    said = commands.refusal(capsys, train.main, *argv)
    assert "expected at least one for each of the 10 classes" in said
    assert train.main(tiny.flags(tmp_path, *short)) == 0


def test_another_run_in_the_folder_is_refused(finished, capsys):
    before = (finished.folder / "flags.txt").read_bytes()
    assert train.main(tiny.flags(finished.folder, "--labels=30", "--seed=2")) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        f"error: {finished.folder} holds a run with other settings (old -> new):",
        "  --seed: 1 -> 2",
        "  --labels: 20 -> 30",
        "Use the old settings to resume it, or choose another --workdir.",
    ]
    assert said.out == ""
    assert (finished.folder / "flags.txt").read_bytes() == before


@pytest.mark.parametrize("name", ["file", "file/run"])
def test_a_folder_that_cannot_be_written(name, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    argv = tiny.flags(tmp_path / name)
    said = commands.refusal(capsys, train.main, *argv, code=1)
    assert f"--workdir={tmp_path / name} cannot be written" in said


def test_a_dry_run_does_everything_and_keeps_nothing(finished, tmp_path, monkeypatch):
    temporary, elsewhere = tmp_path / "tmp", tmp_path / "elsewhere"
    temporary.mkdir()
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(elsewhere)
    places = []
    write = export.export

    def watched(format_name, scorer, weights, names, place, colours, bands):
        write(format_name, scorer, weights, names, place, colours, bands=bands)
        run = place.parent
        files = {each.name for each in run.iterdir()}
        shards = [each.name for each in run.parent.glob("cache/copies-*/shard-*")]
        places.append((files, sorted((run / "checkpoints").iterdir()), shards))

    monkeypatch.setattr(export, "export", watched)
    before = (finished.folder / "flags.txt").read_bytes()
    done = tiny.session(
        finished.folder,
        "--dry_run",
        tiny.EXPORT,
        "--labels=30",
        "--copies_store=disk",
        f"--cache_dir={elsewhere / 'cache'}",
    )
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("dry run complete: nothing was kept\n")
    assert "test error of realmix: " in done.out
    # A step, a checkpoint, a second session, another step.
    assert done.steps == (1, 2)
    assert "resuming at step 1 (50 % done)" in done.out
    (_, first, _), (files, second, shards) = places
    assert [each.name for each in first] == ["step-00000001"]
    assert [each.name for each in second] == ["step-00000001", "step-00000002"]
    assert {"metrics.csv", "split.json", "export"} <= files
    assert any(each.startswith("events.out.tfevents.") for each in files)
    assert len(shards) == 1
    total = next(line for line in done.out.splitlines() if line.startswith("total"))
    assert total.split()[1:] == ["30", "30", "4", "64"]
    # TensorFlow has files of its own there until the process ends.
    assert not list(temporary.glob("mixdmt*")) and not list(elsewhere.iterdir())
    assert (finished.folder / "flags.txt").read_bytes() == before


def test_no_unlabelled_images_are_a_sentence(tmp_path, capsys):
    flags = tiny.flags(tmp_path / "run", "--labels=1442", "--validation=0")
    assert train.main(flags) == 2
    message = capsys.readouterr().err
    assert "all 1442 of digits are labelled" in message
    assert "--algorithm=supervised" in message


def test_what_several_machines_cannot_do_is_refused_before_tensorflow(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    done = commands.without_tensorflow("train", "--strategy=multi_worker")
    assert done.returncode == 2 and "TF_CONFIG is not set" in done.stderr
    monkeypatch.setenv("TF_CONFIG", "{worker: here}")
    done = commands.without_tensorflow("train", "--dataset=digits")
    assert done.returncode == 2 and "TF_CONFIG: it is not JSON" in done.stderr
    monkeypatch.setenv("TF_CONFIG", cluster.text(("a:1", "b:2"), 0))
    for flag in ("--dry_run", "--max_minutes=5"):
        done = commands.without_tensorflow("train", "--dataset=digits", flag)
        assert done.returncode == 2
        assert f"{flag.partition('=')[0]} works on a single machine" in done.stderr
