"""`bin/evaluate`."""

from __future__ import annotations

import re

import pytest

from mixdmt_tf.cli.evaluate import main
from mixdmt_tf.tasks.classification import recorder
from tests.cli import commands
from tests.tasks.classification import tiny


def test_help():
    text = commands.helps_at_once("evaluate")
    assert (
        "usage: evaluate [--flag=value ...]" in text and "--checkpoint=result" in text
    )


def test_it_needs_a_run(capsys, tmp_path):
    commands.needs_a_run(capsys, main, tmp_path)


def line(name, images, error, raw, fine):
    return (
        f"{name}: error {error:.2f} % of {images} images (raw weights {raw:.2f} %), "
        f"fine-grained accuracy {fine:.2f} %"
    )


def test_settings_of_a_filter_without_one(capsys, tmp_path):
    given = [f"--workdir={tmp_path}", "--class_filter_form=released"]
    assert main(given) == 2
    assert "--class_filter_form needs --class_filter=RUN" in capsys.readouterr().err


def test_errors_are_those_that_the_run_ended_with(finished, capsys):
    assert main([f"--workdir={finished.folder}"]) == 0
    said = capsys.readouterr().out.splitlines()
    found = finished.results
    assert said[0] == f"{finished.folder}, step 12"
    numbers = {
        name: [found[f"{name}_{of}"] for of in ("error", "error_raw", "fine_grained")]
        for name in ("validation", "test")
    }
    assert line("validation", 50, *numbers["validation"]) in said
    place = said.index(line("test", 355, *numbers["test"]))
    accuracies = [
        re.fullmatch(r"  (\d)  accuracy +([\d.]+) %", s) for s in said[place + 1 :]
    ]
    assert [match[1] for match in accuracies] == list("0123456789")
    mean = sum(float(match[2]) for match in accuracies) / 10
    assert mean == pytest.approx(100 - found["test_error"], abs=1)


def test_the_best_checkpoint(finished, capsys):
    assert main([f"--workdir={finished.folder}", "--checkpoint=best"]) == 0
    rows = recorder.read_rows(finished.folder)
    best = min(rows, key=lambda row: row["validation_error"])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{finished.folder}, step {best['step']}"
    names = ("test_error", "test_raw_error", "test_fine_grained")
    assert line("test", 355, *(best[name] for name in names)) in said


def test_a_run_without_validation(capsys, tmp_path):
    flags = (tiny.SUPERVISED, "--validation=0", "--steps=1")
    assert tiny.session(tmp_path, *flags).code == 0
    assert main([f"--workdir={tmp_path}"]) == 0
    assert "validation: no images\ntest: error " in capsys.readouterr().out
    argv = [f"--workdir={tmp_path}", "--checkpoint=best"]
    said = commands.refusal(capsys, main, *argv, code=1)
    assert "no validation scores" in said


def test_a_run_that_has_no_checkpoint_yet(finished, capsys, tmp_path):
    text = (finished.folder / "flags.txt").read_text()
    (tmp_path / "flags.txt").write_text(text)
    said = commands.refusal(capsys, main, f"--workdir={tmp_path}", code=1)
    assert "no intact checkpoint yet" in said


def test_other_data_than_the_run_was_trained_on(finished, capsys, tmp_path):
    for name in ("flags.txt", "data.json"):
        text = (finished.folder / name).read_text()
        (tmp_path / name).write_text(text.replace("fingerprint", "print"))
    split = (finished.folder / "split.json").read_text()
    (tmp_path / "split.json").write_text(re.sub('print": "..', 'print": "00', split))
    (tmp_path / "checkpoints").symlink_to(finished.folder / "checkpoints")
    assert main([f"--workdir={tmp_path}"]) == 1
    said = capsys.readouterr().err
    assert "has no digests" in said  # nor can these be noticed by others
    assert "is a split of other data" in said and "Traceback" not in said
