"""Commands that are given addresses in place of paths."""

from __future__ import annotations

import csv
import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf import stores
from mixdmt_tf.cli import (
    compare,
    evaluate,
    export_model,
    precompute_augmentations,
    predict,
    pseudo_label,
    train,
)
from tests import stored
from tests.cli import commands
from tests.cli.test_compare import DIGITS, TRAIN
from tests.tasks.classification import tiny


@pytest.fixture(name="machine")
def fixture_machine(monkeypatch, tmp_path):
    return stored.Machine(monkeypatch, tmp_path)


@pytest.fixture(name="place")
def fixture_place(machine, finished, tmp_path):
    """The finished run as another program would copy it to a store."""
    place = f"file://{tmp_path}/store/run"
    stored.copy(finished.folder, place)
    return place


def test_a_run_is_evaluated(place, finished, capsys):
    assert evaluate.main([f"--workdir={finished.folder}"]) == 0
    expected = capsys.readouterr().out.splitlines()
    before = stored.names(place)
    assert evaluate.main([f"--workdir={place}"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{place}, step 12", *expected[1:]]
    assert stored.names(place) == before


def test_images_are_predicted_from_a_store_into_a_store(place, tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8), np.uint8)
    folder = tmp_path / "store/images"
    folder.mkdir()
    for number, pixels in enumerate(images):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    argv = [f"--workdir={place}", "file://" + str(folder)]
    assert predict.main([*argv, "--output=-"]) == 0
    expected = capsys.readouterr().out
    rows = [*csv.reader(io.StringIO(expected))]
    assert [row[0] for row in rows] == ["file", "0.png", "1.png", "2.png"]
    output = f"file://{tmp_path}/store/predictions.csv"
    assert predict.main([*argv, f"--output={output}"]) == 0
    assert f"3 images: {output}" in capsys.readouterr().out
    assert (tmp_path / "store/predictions.csv").read_text() == expected


def test_labels_and_models_join_their_run(place, machine, tmp_path, capsys):
    assert pseudo_label.main([f"--workdir={place}"]) == 0
    assert "run/pseudo_labels.npz" in stored.names(place, "run/")
    model = f"file://{tmp_path}/store/model"
    assert export_model.main([f"--workdir={place}", f"--output={model}"]) == 0
    assert f"ema weights: {model}" in capsys.readouterr().out
    assert "saved_model.pb" in stored.names(model)
    machine.another()
    folder = stored.fetch(f"{place}/pseudo_labels.npz")
    assert np.load(folder, allow_pickle=False)
    said = commands.refusal(capsys, pseudo_label.main, f"--workdir={place}", code=2)
    assert "pseudo_labels.npz" in said


def test_copies_are_made_in_parts_on_machines_that_share_a_store(machine, tmp_path):
    cache = f"--cache_dir=file://{tmp_path}/store/cache"
    flags = tiny.flags(tmp_path / "run", cache, "--copies_store=disk")
    for shard in ("1/2", "2/2"):
        assert precompute_augmentations.main([*flags, f"--shard={shard}"]) == 0
        machine.another()
    (made,) = (tmp_path / "store/cache").glob("copies-*/*.u8")
    before = made.stat().st_mtime_ns
    done = tiny.session(tmp_path / "run", cache, "--copies_store=disk")
    assert done.code == 0 and "copies 2,744/" not in done.out, "they are there"
    assert made.stat().st_mtime_ns == before
    assert {p.name.split("-")[0] for p in made.parents[1].iterdir()} == {"copies"}


def test_parts_of_labels_are_joined_by_who_finds_all(place, machine, tmp_path):
    """Also into the run's own folder, to which each machine adds its part."""
    for shard in ("2/2", "1/2"):
        assert "pseudo_labels.npz" not in stored.names(place)
        assert pseudo_label.main([f"--workdir={place}", f"--shard={shard}"]) == 0
        machine.another()
    joined = (tmp_path / "store/run/pseudo_labels.npz").read_bytes()
    output = tmp_path / "store/labels.npz"
    argv = [f"--workdir={place}", f"--output=file://{output}"]
    for shard in ("1/2", "2/2"):
        assert not output.exists()
        assert pseudo_label.main([*argv, f"--shard={shard}"]) == 0
        machine.another()
    assert output.read_bytes() == joined


def test_a_comparison_goes_on_elsewhere(machine, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compare, "LAUNCH", TRAIN)
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.chdir(tmp_path)
    place = stored.address()
    argv = ["--algorithms=supervised,uda", "--seeds=1", "--minutes=1", *DIGITS]
    argv.append(f"--workdir={place}")
    assert compare.main(argv) == 1  # uda fails
    (tmp_path / "mended").touch()
    machine.another()
    assert compare.main(argv) == 0
    out = capsys.readouterr().out
    assert "supervised, seed 1: finished" in out.replace("[1/2] ", "")
    there = stored.there(place)
    assert json.loads(there["uda-seed1/results.json"])["test_error"] == 11.5
    assert "comparison.md" in there


def test_what_cannot_be_opened_is_refused_before_tensorflow(tmp_path):
    for module, flag in (("train", "workdir"), ("train", "init_from")):
        done = commands.without_tensorflow(
            module, "--dataset=digits", f"--{flag}=s3://bucket/run"
        )
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: --{flag}=s3://bucket/run: TensorFlow")
        assert "pip install tensorflow-io" in done.stderr
    done = commands.without_tensorflow("evaluate", "--workdir=s3://bucket/run")
    assert done.returncode == 2 and "tensorflow-io" in done.stderr


def test_what_needs_a_file_system(capsys, monkeypatch):
    argv = ["--dataset=digits", "--workdir=gs://bucket/run"]
    said = commands.refusal(
        capsys, train.main, *argv, "--data_service=grpc://localhost:1"
    )
    assert "it has to be on a file system" in said
    cluster = {"worker": ["a:1", "b:1"]}
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    said = commands.refusal(capsys, train.main, *argv)
    assert "need a folder that all of them see" in said


def test_a_store_that_does_not_answer(machine, capsys, monkeypatch):
    """In three lines at most, and without a traceback."""
    monkeypatch.setattr(stores, "gfile", lambda: stored.Files(every=1))
    place = stored.address()
    said = commands.refusal(capsys, evaluate.main, f"--workdir={place}", code=1)
    assert f"error: {place}/.mixdmt-index.json: UnavailableError: HTTP 503" in said
    argv = tiny.flags(place)
    said = commands.refusal(capsys, train.main, *argv, code=1)
    assert "UnavailableError" in said


def test_an_address_without_a_run(machine, capsys):
    place = stored.address()
    said = commands.refusal(capsys, evaluate.main, f"--workdir={place}")
    assert f"--workdir={place} holds no run" in said
