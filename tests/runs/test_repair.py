"""Damaged files of a run folder: noticed, put back, and never published."""

from __future__ import annotations

import json
import shutil

import pytest

from mixdmt_tf import digests
from mixdmt_tf.cli import (
    evaluate,
    export_model,
    find_strangers,
    pseudo_label,
    report,
    suggest_labels,
)
from mixdmt_tf.runs import finished, manifests, repair
from mixdmt_tf.runs.rows import read_rows
from mixdmt_tf.runs.run_folder import read_results
from tests.cli.commands import refusal
from tests.runs.damaged import flipped
from tests.tasks.classification import tiny

FLAGS = ("--algorithm=supervised", "--noexport")
KEPT = ("flags.txt", "split.json", "metrics.csv", "data.json", "results.json")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run, and what its files hold."""
    folder = tmp_path_factory.mktemp("run") / "run"
    assert tiny.session(folder, *FLAGS).code == 0
    return folder


@pytest.fixture
def copied(run, tmp_path):
    """A copy, to be spoilt; it has the settings of the original, but for its place."""
    return shutil.copytree(run, tmp_path / "run")


def numbers(folder):
    """What is published of a run, without what clocks say."""
    found = json.loads((folder / "results.json").read_text())
    return {k: v for k, v in found.items() if k not in ("seconds", "flags", "machine")}


def other_digit(path):
    """Changes one digit in the second half of a file."""
    text = path.read_text()
    place = next(i for i in range(len(text) // 2, len(text)) if text[i] in "12345678")
    path.write_text(text[:place] + "9" + text[place + 1 :])


DAMAGES = {
    "digit": other_digit,
    "empty": lambda path: path.write_text(""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "binary": lambda path: path.write_bytes(b"\xff\x00" * 40),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        *(("digit", name) for name in KEPT),
        *(("missing", name) for name in KEPT),
        *((damage, "metrics.csv") for damage in ("empty", "cut", "binary")),
    ],
)
def test_a_finished_run_whose_file_is_damaged_gives_the_same(damage, name, run, copied):
    DAMAGES[damage](copied / name)
    again = tiny.session(copied, *FLAGS)
    assert again.code == 0, again.err
    assert f"{copied / name} " in again.out and again.steps == ()
    assert numbers(copied) == numbers(run)
    assert (copied / "split.json").read_bytes() == (run / "split.json").read_bytes()
    assert not any(digests.is_damaged(copied / each) for each in KEPT)
    assert [
        {k: v for k, v in row.items() if k != "seconds"} for row in read_rows(copied)
    ] == [{k: v for k, v in row.items() if k != "seconds"} for row in read_rows(run)]
    quiet = tiny.session(copied, *FLAGS)
    assert quiet.code == 0 and "damaged" not in quiet.out


@pytest.mark.parametrize("name", ["flags.txt", "split.json", "metrics.csv"])
def test_a_run_without_a_checkpoint_begins_again(name, run, copied):
    shutil.rmtree(copied / "checkpoints")
    other_digit(copied / name)
    again = tiny.session(copied, *FLAGS)
    if name == "flags.txt":  # which held another folder when it was whole
        assert again.code == 1 and "no checkpoint has a copy of it" in again.err
        return
    assert again.code == 0, again.err
    assert again.steps[0] == 1 and "was damaged" in again.out
    assert numbers(copied) == numbers(run)


def test_damaged_digests_do_not_block(run, copied):
    (copied / digests.NAME).write_text("{}")
    again = tiny.session(copied, *FLAGS)
    assert again.code == 0 and "digests.json is damaged" in again.out
    assert numbers(copied) == numbers(run)


def test_an_older_run_is_taken_as_it_is_with_a_word_once(run, copied, capsys):
    (copied / digests.NAME).unlink()
    for place in (copied / "checkpoints").iterdir():
        for name in manifests.COPIES:
            (place / name).unlink()
        manifest = json.loads((place / "manifest.json").read_text())
        for name in (*manifests.COPIES, "digest"):
            manifest["sha256"].pop(name, None)
            manifest.pop(name, None)
        (place / "manifest.json").write_text(json.dumps(manifest))
    assert evaluate.main([f"--workdir={copied}"]) == 0
    assert "has no digests" in capsys.readouterr().err
    first, second = (tiny.session(copied, *FLAGS) for _ in range(2))
    assert (first.code, second.code, first.steps) == (0, 0, ())
    assert "has no digests of its files: they are taken" in first.out
    assert "digests" not in second.out
    assert numbers(copied) == numbers(run)
    other_digit(copied / "metrics.csv")
    third = tiny.session(copied, *FLAGS)
    assert third.code == 0 and "its evaluations are lost" in third.out


@pytest.mark.parametrize(
    ("name", "argv"),
    [
        ("flags.txt", []),
        ("split.json", []),
        ("data.json", []),
        ("metrics.csv", ["--checkpoint=best"]),
        (digests.NAME, []),
    ],
)
@pytest.mark.parametrize("damage", ["digit", "empty", "binary"])
def test_commands_that_only_read_refuse(damage, name, argv, copied, capsys):
    DAMAGES[damage](copied / name)
    before = {path: path.read_bytes() for path in copied.glob("*.*")}
    said = refusal(capsys, evaluate.main, f"--workdir={copied}", *argv, code=1)
    assert f"{copied / name} is damaged" in said
    assert "Run the training command of the folder again" in said
    assert before == {path: path.read_bytes() for path in copied.glob("*.*")}


@pytest.mark.parametrize(
    ("main", "more"),
    [
        (evaluate.main, []),
        (export_model.main, []),
        (pseudo_label.main, []),
        (find_strangers.main, ["--strangers=10"]),
        (suggest_labels.main, ["--by=views"]),
        (report.main, []),
    ],
)
def test_commands_refuse_older_weights_than_the_results_are_of(
    main, more, copied, capsys
):
    place = flipped(copied / "checkpoints" / "step-00000012")
    before = {*copied.iterdir()}
    where = [str(copied)] if main is report.main else [f"--workdir={copied}"]
    said = refusal(capsys, main, *where, *more, code=1)
    assert f"{place} is damaged: changed since it was written" in said
    assert "Run the training command of the folder again" in said
    assert before == {*copied.iterdir()}


def test_weights_of_a_run_are_not_started_from_if_they_are_older(copied, tmp_path):
    place = flipped(copied / "checkpoints" / "step-00000012")
    done = tiny.session(tmp_path / "other", *FLAGS, f"--init_from={copied}")
    assert (done.code, done.steps) == (1, ())
    assert f"{place} is damaged: changed since it was written" in done.err


@pytest.mark.long
def test_the_training_command_restores_checkpoints(tmp_path_factory, tmp_path):
    """Those of the comparison with labels alone, too."""
    whole = tiny.finished(tmp_path_factory).folder
    folder = shutil.copytree(whole, tmp_path / "run")
    for place in (folder, folder / "supervised"):
        flipped(place / "checkpoints" / "step-00000012")
    again = tiny.session(folder, "--compare_supervised")
    assert again.code == 0 and again.steps == (10, 11, 12) * 2, again.err
    assert again.out.count("checkpoint step-00000012 is damaged and is not used") == 2
    assert numbers(folder) == numbers(whole)
    for place in (folder, folder / "supervised"):
        assert finished.is_finished(place, 12)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data.json", "{}"),
        ("data.json", '{"class_names": ["a"], "image_shape": "large"}'),
        ("data.json", '{"class_names": [1, 2], "image_shape": [8, 8, 1]}'),
        ("data.json", "[[["),
        ("flags.txt", ""),
        ("metrics.csv", "step\nabc\n"),
    ],
)
def test_nonsense_is_refused_whatever_its_digest(name, text, copied, capsys):
    digests.write(copied / name, text)
    argv = [f"--workdir={copied}", "--checkpoint=best"]
    said = refusal(capsys, evaluate.main, *argv, code=1)
    assert f"{copied / name} is damaged" in said


def test_weights_of_another_split_are_refused_whatever_its_digest(copied, capsys):
    fields = json.loads((copied / "split.json").read_text())
    one, other = fields["labeled"], fields["unlabeled"]
    one[0], other[0] = other[0], one[0]
    digests.write(copied / "split.json", json.dumps(fields))
    said = refusal(capsys, evaluate.main, f"--workdir={copied}", code=1)
    assert "is not the split that the checkpoints were trained on" in said


def test_a_shape_that_does_not_fit_the_weights(copied, capsys):
    facts = json.loads((copied / "data.json").read_text())
    facts["class_names"].append("ten")
    digests.write(copied / "data.json", json.dumps(facts))
    said = refusal(capsys, evaluate.main, f"--workdir={copied}", code=1)
    assert "does not hold all variables" in said


def test_what_a_file_said(copied):
    text = (copied / "flags.txt").read_text()
    assert repair.intact(copied, "flags.txt", True) == text
    (copied / "flags.txt").write_text("--steps=1\n")
    assert repair.intact(copied, "flags.txt", True) == text
    assert repair.intact(copied, "flags.txt", False) is None
    shutil.rmtree(copied / "checkpoints")
    assert repair.intact(copied, "flags.txt", True) is None
    assert repair.intact(copied, "nothing.txt", True) is None


def test_the_best_checkpoint_that_is_missing(copied, capsys):
    rows = read_rows(copied)
    best = min(rows, key=lambda row: row["validation_error"])
    shutil.rmtree(copied / "checkpoints" / f"step-{best['step']:08d}")
    argv = [f"--workdir={copied}", "--checkpoint=best"]
    said = refusal(capsys, evaluate.main, *argv, code=1)
    assert f"that of step {best['step']}, is missing or damaged" in said


def test_a_damaged_result_is_not_read(copied):
    other_digit(copied / "results.json")
    with pytest.raises(digests.Damaged, match="changed since it was written"):
        read_results(copied)


@pytest.mark.long
def test_flags_of_a_run_in_rounds_are_not_those_of_a_stage(tmp_path_factory, tmp_path):
    finished = tiny.finished_rounds(tmp_path_factory)
    folder = shutil.copytree(finished.folder, tmp_path / "run")
    more = (*tiny.ROUNDS, "--compare_supervised")
    assert tiny.session(folder, *more).code == 0  # which notes the new place
    for path in (folder / "flags.txt", folder / "split.json"):
        other_digit(path)
        other_digit(folder / "round_1" / path.name)
    other_digit(folder / "base" / "results.json")
    table = (folder / "rounds.csv").read_bytes()
    other_digit(folder / "rounds.csv")
    again = tiny.session(folder, *more)
    assert (again.code, again.steps) == (0, ()), again.err
    assert f"{folder / 'flags.txt'} was damaged: it is as the command says" in again.out
    assert f"{folder / 'split.json'} was damaged: it was drawn again" in again.out
    assert f"{folder / 'rounds.csv'} was damaged: it is written again" in again.out
    assert (folder / "rounds.csv").read_bytes() == table
    assert numbers(folder) == numbers(finished.folder)
    ours, theirs = (each / "split.json" for each in (folder, finished.folder))
    assert ours.read_bytes() == theirs.read_bytes()
