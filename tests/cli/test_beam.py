"""Commands in parts as a pipeline of Apache Beam: `--runner`."""

from __future__ import annotations

import importlib.util
import sys
from unittest import mock

import pytest

from mixdmt_tf.cli import beam, precompute_augmentations, pseudo_label
from mixdmt_tf.data import precomputed
from mixdmt_tf.data.classification import label_parts
from tests.cli import commands, pipelines
from tests.tasks.classification import tiny

needs_beam = pytest.mark.skipif(
    importlib.util.find_spec("apache_beam") is None,
    reason="Apache Beam is not installed: make test-beam runs this with it",
)
DIRECT = ("--runner=DirectRunner", "--parts=3")


def cached(folder):
    return {each.name: each.read_bytes() for each in folder.rglob("*.u8")}


@needs_beam
def test_copies_are_those_of_the_command_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(precomputed, "SHARD_BYTES", 64 * 400)  # seven files
    argv = tiny.flags(tmp_path / "run", "--copies_store=disk")
    for name, more in (("whole", ()), ("parts", DIRECT)):
        cache = f"--cache_dir={tmp_path / name}"
        assert precompute_augmentations.main([*argv, cache, *more]) == 0
    assert cached(tmp_path / "whole") == cached(tmp_path / "parts")
    assert len(cached(tmp_path / "parts")) == 7


@needs_beam
def test_pseudo_labels_are_those_of_the_command_alone(finished, tmp_path):
    argv = [f"--workdir={finished.folder}", "--fraction=50"]
    files = [tmp_path / "whole.npz", tmp_path / "parts.npz"]
    for file, more in zip(files, ((), DIRECT)):
        assert pseudo_label.main([*argv, f"--output={file}", *more]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()


def test_labels_are_joined_where_no_part_sees_the_others(
    finished, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(beam, "_beam", lambda: pipelines.BEAM)
    alone = mock.patch.object(label_parts, "read", return_value=None)
    monkeypatch.setattr(pipelines, "PARTS", alone)
    argv = [f"--workdir={finished.folder}", "--fraction=50"]
    files = [tmp_path / "whole.npz", tmp_path / "parts.npz"]
    for file, more in zip(files, ((), ("--runner=Stub", "--parts=2"))):
        assert pseudo_label.main([*argv, f"--output={file}", *more]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    assert "still missing, --shard=1/2, 2/2" in capsys.readouterr().out


@needs_beam
def test_a_part_that_fails_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    cache = f"--cache_dir={tmp_path / 'file' / 'x'}"
    argv = tiny.flags(tmp_path / "run", "--copies_store=disk", cache, *DIRECT)
    assert precompute_augmentations.main(argv) == 1
    said = capsys.readouterr().err
    assert "augmented copies could not be written" in said
    assert "precompute_augmentations --shard=1/3 ended with exit code 1" in said


@needs_beam
def test_an_engine_that_is_none(tmp_path, capsys):
    argv = tiny.flags(tmp_path / "run", "--copies_store=disk", "--runner=NoRunner")
    said = commands.refusal(capsys, precompute_augmentations.main, *argv)
    assert "--runner=NoRunner" in said and "Apache Beam says" in said


def test_without_beam_the_command_says_how_to_install_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    argv = tiny.flags(tmp_path / "run", "--copies_store=disk", *DIRECT)
    said = commands.refusal(capsys, precompute_augmentations.main, *argv, code=1)
    assert 'pip install "mixdmt_tf[beam]"' in said


def test_a_part_and_a_pipeline(tmp_path, capsys):
    argv = tiny.flags(tmp_path / "run", "--copies_store=disk", *DIRECT, "--shard=1/2")
    said = commands.refusal(capsys, precompute_augmentations.main, *argv)
    assert "--shard=1/2 --runner=DirectRunner: a pipeline does all parts" in said


def test_a_part_of_a_pipeline_is_the_command_with_its_shard(monkeypatch):
    """What an engine calls, wherever it is."""
    seen = []
    monkeypatch.setattr(pseudo_label, "main", lambda argv: seen.append(argv) or 0)
    argv = ["--parts", "3", "--workdir", "x", "--runner=DirectRunner", "--count=exact"]
    beam.run_part("2/3", "pseudo_label", argv)
    assert seen == [["--workdir", "x", "--count=exact", "--runner=", "--shard=2/3"]]
    monkeypatch.setattr(pseudo_label, "main", lambda argv: 1)
    with pytest.raises(RuntimeError, match="--shard=2/3 ended with exit code 1"):
        beam.run_part("2/3", "pseudo_label", [])
