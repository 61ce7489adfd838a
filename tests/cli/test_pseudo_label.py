"""`bin/pseudo_label`, and one round from the file that it writes."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from mixdmt_tf.cli.pseudo_label import main
from mixdmt_tf.data.classification import datasets, pseudo_labels, splits
from mixdmt_tf.tasks.classification import scoring
from tests.cli import commands
from tests.tasks.classification import tiny

ONE_ROUND = ("--algorithm=dmt", "--augment=none", "--unlabeled_ratio=2", "--steps=4")


def test_help():
    text = commands.helps_at_once("pseudo_label")
    assert "usage: pseudo_label [--flag=value ...]" in text
    assert "--fraction=20" in text and "bin/train learns from them" in text


def test_it_needs_a_run(capsys, tmp_path):
    commands.needs_a_run(capsys, main, tmp_path)


def read(folder, file):
    source = datasets.load(tiny.experiment(folder).data)
    split = splits.read_split(folder / "split.json", source)
    return pseudo_labels.read(file, split, 10), source


@pytest.fixture(scope="session")
def labelled(finished, tmp_path_factory):
    """The file with the most confident fifth of the labels of a finished run."""
    file = tmp_path_factory.mktemp("labels") / "labels.npz"
    assert main([f"--workdir={finished.folder}", f"--output={file}"]) == 0
    return file


def test_labels_and_what_is_said_of_them(finished, capsys, tmp_path):
    file = tmp_path / "labels.npz"
    before = sorted(finished.folder.iterdir())
    argv = [f"--workdir={finished.folder}", f"--output={file}", "--fraction=50"]
    assert main(argv) == 0
    said = capsys.readouterr().out.splitlines()
    found, source = read(finished.folder, file)
    assert (found.kept.sum(), len(found.kept)) == (686, 1372)
    least = found.confidence[found.kept].min()
    assert least >= found.confidence[~found.kept].max()
    right = found.labels == source.train.labels[found.ids]
    assert said[0] == (
        f"kept 686 of 1,372 pseudo labels, confidence {least:.4f} and above"
    )
    kept, all_of_them = 100 * right[found.kept].mean(), 100 * right.mean()
    assert said[1] == f"right: {kept:.2f} % of those kept, {all_of_them:.2f} % of all"
    counts = [re.fullmatch(r"  confid.* ([\d,]+) images, .* right", s) for s in said]
    assert sum(int(each[1].replace(",", "")) for each in counts if each) == 1372
    assert said[-1] == f"written to {file}"
    assert sorted(finished.folder.iterdir()) == before


def test_figure_1_of_random_images(finished, capsys, tmp_path):
    """The same labels; of 100 images, how many of the most confident are wrong."""
    file = tmp_path / "labels.npz"
    argv = [f"--workdir={finished.folder}", f"--output={file}", "--figure_images=100"]
    assert main(argv) == 0
    said = capsys.readouterr().out
    errors = re.findall(r"(\d+) %: ([\d.]+) %", said)
    assert [share for share, _ in errors] == ["20", "40", "60", "80", "100"]
    assert "of 100 random images" in said
    found, source = read(finished.folder, file)
    drawn = np.random.default_rng(
        tiny.experiment(finished.folder).run.seed
    ).permutation(1372)
    rows = np.sort(drawn[:100])
    order = rows[np.argsort(-found.confidence[rows], kind="stable")]
    wrong = found.labels != source.train.labels[found.ids]
    for share, error in errors:
        expected = 100 * wrong[order[: int(share)]].mean()
        assert float(error) == pytest.approx(expected, abs=0.006)
    assert (tmp_path / "labels_figure_1.png").read_bytes()[:4] == b"\x89PNG"


def test_count_and_weights(finished, labelled, tmp_path):
    file = tmp_path / "labels.npz"
    argv = [f"--workdir={finished.folder}", f"--output={file}"]
    assert main([*argv, "--count=released", "--weights=raw"]) == 0
    averaged, _ = read(finished.folder, labelled)
    raw, _ = read(finished.folder, file)
    assert (averaged.kept.sum(), raw.kept.sum()) == (274, 272)
    assert not np.array_equal(averaged.confidence, raw.confidence)


@pytest.mark.long
def test_a_whole_run_in_rounds_is_asked_for_its_result(tmp_path_factory, tmp_path):
    folder = tiny.finished_rounds(tmp_path_factory).folder
    for name in ("", "base"):
        file = tmp_path / f"{name}.npz"
        argv = [f"--workdir={folder / name}", f"--output={file}", "--fraction=50"]
        assert main(argv) == 0
    base, _ = read(folder, tmp_path / "base.npz")
    first, _ = read(folder, folder / "pseudo_labels" / "round_1.npz")
    assert base.digest() == first.digest()
    assert read(folder, tmp_path / ".npz")[0].digest() != first.digest()


def test_a_file_that_is_there_stays(labelled, finished, capsys):
    before = labelled.read_bytes()
    argv = [f"--workdir={finished.folder}", f"--output={labelled}"]
    said = commands.refusal(capsys, main, *argv)
    assert f"--output={labelled} is there already" in said
    assert labelled.read_bytes() == before


@pytest.mark.parametrize(
    "flag, code, said",
    [
        ("--fraction=0", 2, "--fraction=0 keeps nothing"),
        ("--fraction=101", 2, "from 0.0 to 100.0"),
        ("--fraction=0.01", 1, "0.01 % of 1,372 unlabelled images is none"),
        ("--output=missing/labels.npz", 2, "there is no folder missing"),
    ],
)
def test_what_is_refused(flag, code, said, finished, capsys, tmp_path):
    argv = [f"--workdir={finished.folder}", flag]
    if not flag.startswith("--output"):
        argv.append(f"--output={tmp_path / 'labels.npz'}")
    assert said in commands.refusal(capsys, main, *argv, code=code)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def short_passes(monkeypatch):
    """So that the 1,372 images are 14 passes, the last one shorter."""
    monkeypatch.setattr(scoring, "BATCH", 100)


@pytest.mark.parametrize("of", [1, 2, 4])
def test_parts_together_are_the_whole(of, finished, capsys, tmp_path, short_passes):
    """To the byte, in any order; who ends last writes the file."""
    argv = [f"--workdir={finished.folder}", "--fraction=50"]
    assert main([*argv, f"--output={tmp_path / 'whole.npz'}"]) == 0
    everything = capsys.readouterr().out.splitlines()[:-1]
    file = tmp_path / "parts.npz"
    for number in range(of, 0, -1):
        assert not file.exists()
        assert main([*argv, f"--output={file}", f"--shard={number}/{of}"]) == 0
        said = capsys.readouterr().out
        lacking = ", ".join(f"{each}/{of}" for each in range(1, number))
        assert f"still missing, --shard={lacking}" in said or number == 1
    assert said.splitlines() == [*everything, f"written to {file}"]
    assert file.read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_a_part_that_is_run_again(finished, capsys, tmp_path, short_passes):
    """What is there is not labelled again; what is damaged, or of others, is."""
    file = tmp_path / "labels.npz"
    argv = [f"--workdir={finished.folder}", f"--output={file}"]
    predict, asked = scoring.Scorer.predict, []

    def count(self, weights, images, poll=lambda: None):
        asked.append(len(images))
        return predict(self, weights, images, poll)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring.Scorer, "predict", count)
        assert main([*argv, "--shard=1/2"]) == main([*argv, "--shard=1/2"]) == 0
        assert asked == [700]
        part = tmp_path / "labels.npz.parts" / "1-of-2.npz"
        part.write_bytes(part.read_bytes()[:-40])
        assert main([*argv, "--shard=2/2"]) == 0
        assert "still missing, --shard=1/2" in capsys.readouterr().out
        assert main([*argv, "--shard=1/2"]) == 0
        assert asked[:3] == [700, 672, 700] and file.exists()
    assert main([*argv, "--shard=2/2"]) == 0  # as a scheduler may
    assert "all parts have been joined" in capsys.readouterr().out
    # Other weights are another network, and the file is not theirs.
    said = commands.refusal(capsys, main, *argv, "--shard=2/2", "--weights=raw")
    assert f"--output={file} is there already" in said


def test_no_part_of_a_graph(finished, capsys, tmp_path):
    argv = (f"--workdir={finished.folder}", "--shard=1/2", "--labeling=graph")
    said = commands.refusal(capsys, main, *argv)
    assert "--shard=1/2: a graph connects all images" in said


def test_a_run_that_has_no_checkpoint_yet(finished, capsys, tmp_path):
    text = (finished.folder / "flags.txt").read_text()
    (tmp_path / "flags.txt").write_text(text)
    said = commands.refusal(capsys, main, f"--workdir={tmp_path}", code=1)
    assert "no intact checkpoint yet" in said


def test_one_round_from_the_file(labelled, finished, tmp_path):
    more = (f"--pseudo_labels={labelled}", f"--split={finished.folder / 'split.json'}")
    done = tiny.session(tmp_path, *ONE_ROUND, *more)
    assert (done.code, done.steps) == (0, (1, 2, 3, 4)), done.err
    assert "274 of 1,372 unlabelled images have pseudo labels, from " in done.out
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["algorithm"] == "dmt" and "rounds" not in found
    assert not (tmp_path / "base").exists()
    # With more steps it goes on, and needs the file.
    assert tiny.session(tmp_path, *ONE_ROUND[:-1], "--steps=5", *more).steps == (5,)
    given = (*ONE_ROUND[:-1], "--steps=6", more[1], "--pseudo_labels=none.npz")
    said = tiny.session(tmp_path, *given).err
    assert "--pseudo_labels=none.npz: there is no such file" in said


def test_methods_that_learn_from_no_pseudo_labels(labelled, capsys, tmp_path):
    done = tiny.session(tmp_path, f"--pseudo_labels={labelled}")
    assert (done.code, done.steps) == (2, ())
    assert "--algorithm=realmix learns from none" in done.err


@pytest.mark.parametrize(
    "flag, theirs",
    [("--filters=5", "--filters=4"), ("--network=cnn13", "--network=small_cnn")],
)
def test_a_file_of_another_network(flag, theirs, labelled, finished, tmp_path):
    more = (f"--pseudo_labels={labelled}", f"--split={finished.folder / 'split.json'}")
    done = tiny.session(tmp_path, *ONE_ROUND, *more, flag)
    assert (done.code, done.steps) == (1, ())
    assert f"are of another network: {theirs}.\nGive this run the same" in done.err
    # The folder is not kept for a command that was refused.
    done = tiny.session(tmp_path, *ONE_ROUND, *more)
    assert (done.code, done.steps) == (0, (1, 2, 3, 4)), done.err


def test_an_older_file_does_not_say_whose_it_is(labelled, finished, tmp_path):
    pseudo, source = read(finished.folder, labelled)
    assert pseudo.facts.pop("network")["filters"] == "4"
    split = splits.read_split(finished.folder / "split.json", source)
    file = tmp_path / "labels.npz"
    pseudo_labels.write(file, pseudo, split)
    more = (f"--pseudo_labels={file}", f"--split={finished.folder / 'split.json'}")
    done = tiny.session(tmp_path / "run", *ONE_ROUND, *more, "--filters=5")
    assert (done.code, done.steps) == (0, (1, 2, 3, 4)), done.err


def test_a_file_of_another_split(labelled, tmp_path):
    more = (f"--pseudo_labels={labelled}", "--seed=2")
    done = tiny.session(tmp_path, *ONE_ROUND, *more)
    assert (done.code, done.steps) == (1, ())
    assert "belongs to another split.\nGive --split=RUN/split.json" in done.err


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "labels.npz").write_text("labels")
    more = f"--pseudo_labels={tmp_path / 'labels.npz'}"
    done = tiny.session(tmp_path / "run", *ONE_ROUND, more)
    assert done.code == 1 and "is damaged or no file of pseudo labels" in done.err
