"""`bin/pseudo_label` of a segmentation run, and a round on the folder it writes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mixdmt_tf.cli import beam, experiments, train
from mixdmt_tf.cli.pseudo_label import main
from mixdmt_tf.data.segmentation import datasets, pseudo_labels, splits
from mixdmt_tf.data.segmentation.source import IGNORED
from mixdmt_tf.tasks.segmentation.scoring import Scorer
from tests.cli import commands, pipelines
from tests.tasks.classification import tiny as images
from tests.tasks.segmentation import tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tiny.finished(tmp_path_factory)


@pytest.fixture(scope="module")
def labelled(run, tmp_path_factory):
    """The folder with the surer half of the pixels of each class; read only."""
    folder = tmp_path_factory.mktemp("labels") / "labels"
    argv = [f"--workdir={run.folder}", f"--output={folder}", "--fraction=50"]
    assert main([*argv, "--rank_every=1"]) == 0
    return folder


def test_a_pipeline_labels_as_the_command_alone_does(
    run, labelled, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(beam, "_beam", lambda: pipelines.BEAM)
    argv = [f"--workdir={run.folder}", f"--output={tmp_path / 'parts'}"]
    more = ("--fraction=50", "--rank_every=1", "--runner=Stub", "--parts=3")
    assert main([*argv, *more]) == 0, capsys.readouterr().err
    assert "still missing, --shard=" in capsys.readouterr().out
    for file in sorted(labelled.glob("*.npz")):
        assert (tmp_path / "parts" / file.name).read_bytes() == file.read_bytes()


def opened(run, folder):
    source = datasets.load(tiny.experiment(run.folder).data)
    split = splits.read_split(run.folder / "split.json", source)
    return pseudo_labels.read(folder, split, 11), source, split


def test_labels_and_what_is_said_of_them(run, capsys, tmp_path):
    argv = [f"--workdir={run.folder}", f"--output={tmp_path / 'labels'}"]
    assert main([*argv, "--fraction=30", "--rank_every=1", "--weights=raw"]) == 0
    said = capsys.readouterr().out.splitlines()
    found, source, split = opened(run, tmp_path / "labels")
    assert len(list(found.folder.glob("*.npz"))) == 40 == len(split.unlabeled)
    facts = {"fraction": 0.3, "count": "exact", "every": 1, "step": 8}
    theirs = experiments.read_run(str(run.folder))[1]().network_flags()
    assert found.facts == {**facts, "network": theirs}
    kept = right = known = 0
    for i in map(int, split.unlabeled):
        labels, truth = found(i)[0], source.train[i].labels()
        some = labels != IGNORED
        kept += some.sum()
        known += (some & (truth != IGNORED)).sum()
        right += (some & (labels == truth)).sum()
    assert said[-1] == f"written to {tmp_path / 'labels'}"
    share = 100 * kept / (40 * 48 * 48)
    assert f"kept {share:.2f} % of the pixels of 40 unlabelled images" in said
    assert any(s.startswith(f"right: {100 * right / known:.2f} % of") for s in said)
    assert 29.9 < share < 32  # ties are kept together


def test_an_interrupted_command_goes_on(run, labelled, capsys, tmp_path, monkeypatch):
    folder = tmp_path / "labels"
    argv = [f"--workdir={run.folder}", f"--output={folder}", "--fraction=50"]
    argv.append("--rank_every=1")
    guess, asked = Scorer.guess, []

    def count(self, image):
        if len(asked) == 7:
            raise KeyboardInterrupt
        asked.append(image)
        return guess(self, image)

    monkeypatch.setattr(Scorer, "guess", count)
    assert main(argv) == 130
    assert len(list(folder.glob("*.npz"))) == 7
    # What was begun is not lost to other weights.
    said = commands.refusal(capsys, main, *argv, "--weights=raw")
    assert "was begun with another model, or other weights" in said
    asked = [None] * 8
    assert main(argv) == 0
    assert len(asked) == 8 + 33
    assert opened(run, folder)[0].digest() == opened(run, labelled)[0].digest()


@pytest.mark.parametrize("of", [1, 2, 4])
def test_parts_together_are_the_whole(of, run, labelled, capsys, tmp_path):
    """To the byte; the last one finds the thresholds."""
    folder = tmp_path / "labels"
    argv = [f"--workdir={run.folder}", f"--output={folder}", "--fraction=50"]
    argv.append("--rank_every=1")
    for number in range(1, of + 1):
        # Another process is at work on an image of another part.
        others = [folder / f".{p.name}.1.tmp" for p in sorted(folder.glob("0*.npz"))]
        for foreign in others[:1]:
            foreign.write_bytes(b"half")
        assert not (folder / "index.json").exists()
        assert main([*argv, f"--shard={number}/{of}"]) == 0
        assert len(list(folder.glob("0*.npz"))) == 40 * number // of
        said = capsys.readouterr().out
        lacking = ", ".join(f"{each}/{of}" for each in range(number + 1, of + 1))
        assert f"still missing, --shard={lacking}" in said or number == of
        for foreign in others[:1]:
            foreign.unlink()  # it was left alone
    assert f"written to {folder}" in said
    both = [{p.name: p.read_bytes() for p in f.iterdir()} for f in (folder, labelled)]
    assert both[0] == both[1]
    assert main([*argv, f"--shard={of}/{of}"]) == 0
    assert "all parts have been joined" in capsys.readouterr().out


def test_what_is_there_stays(run, labelled, capsys, tmp_path):
    argv = (f"--workdir={run.folder}",)
    before = {path: path.stat().st_mtime_ns for path in labelled.iterdir()}
    said = commands.refusal(capsys, main, *argv, f"--output={labelled}")
    assert f"--output={labelled} is there already" in said
    assert {path: path.stat().st_mtime_ns for path in labelled.iterdir()} == before
    (tmp_path / "notes.txt").write_text("precious")
    said = commands.refusal(capsys, main, *argv, f"--output={tmp_path / 'notes.txt'}")
    assert "notes.txt is there already.\nRemove it, or name another folder" in said
    said = commands.refusal(capsys, main, *argv, f"--output={tmp_path}")
    assert f"--output={tmp_path} holds something else than pseudo labels" in said
    (tmp_path / "teacher.json").write_text("[")
    said = commands.refusal(capsys, main, *argv, f"--output={tmp_path}")
    assert "was begun with another model" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.txt", "teacher.json"]


def test_pixels_are_not_labelled_by_a_graph(run, tmp_path, capsys):
    argv = [f"--workdir={run.folder}", f"--output={tmp_path}/labels"]
    said = commands.refusal(capsys, main, *argv, "--labeling=graph")
    assert "--labeling: the run in" in said and "leave it out" in said
    assert not (tmp_path / "labels").exists()


def test_runs_on_images_rank_no_pixels(tmp_path, capsys):
    argv = images.flags(tmp_path, "--algorithm=supervised")
    (tmp_path / "flags.txt").write_text("\n".join(argv))
    said = commands.refusal(capsys, main, f"--workdir={tmp_path}", "--rank_every=16")
    assert "--rank_every: the run in" in said and "is not of segmentation" in said


ROUND = ("--algorithm=dmt", "--batch=1", "--unlabeled_ratio=2", "--noexport")


@pytest.mark.long
def test_one_round_from_the_folder(run, labelled, capsys, tmp_path):
    more = (
        f"--pseudo_labels={labelled}",
        f"--split={run.folder / 'split.json'}",
        f"--init_from={run.folder}",
    )
    argv = [*tiny.flags(tmp_path, *ROUND, "--round_steps=2", *more), "--labels="]
    argv.remove("--labels=1/20")
    argv.remove("--batch=2")
    other = [each.replace("--width=4", "--width=3") for each in argv]
    said = commands.refusal(capsys, train.main, *other, code=1)
    assert "are of another network: --width=4.\nGive this run the same" in said
    assert train.main(argv) == 0
    said = capsys.readouterr().out
    assert f"weights (5,327 numbers) from {run.folder}, step 8, averaged" in said
    found = json.loads((tmp_path / "results.json").read_text())
    assert (found["algorithm"], found["steps"], found["labels"]) == ("dmt", 2, 20)
    assert "rounds" not in found and not (tmp_path / "base_a").exists()
    assert np.isfinite(found["test_miou"])
    # The finished run needs no step more, but still its labels.
    assert train.main(argv) == 0
    argv[argv.index(more[0])] = "--pseudo_labels=none"
    assert "there is no index.json" in commands.refusal(
        capsys, train.main, *argv, code=1
    )
