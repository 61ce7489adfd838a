"""`bin/precompute_augmentations`."""

from __future__ import annotations

import pytest

from mixdmt_tf.cli.precompute_augmentations import main
from tests.cli import commands
from tests.tasks.classification import tiny


def test_help():
    text = commands.helps_at_once("precompute_augmentations")
    assert "usage: precompute_augmentations [--flag=value ...]" in text
    full = commands.without_tensorflow("precompute_augmentations", "--helpfull").stdout
    assert "--copies=none" in full and "--seed=1" in full


@pytest.mark.parametrize("store", ["memory", "virtual"])
def test_only_a_disk_keeps_copies(store, capsys, tmp_path):
    argv = tiny.flags(tmp_path / "run", f"--copies_store={store}")
    said = commands.refusal(capsys, main, *argv)
    assert f"--copies_store={store}: expected auto or disk" in said
    assert not list(tmp_path.iterdir())


def test_too_few_labels(capsys, tmp_path):
    argv = tiny.flags(tmp_path / "run", "--copies_store=disk", "--labels=9")
    said = commands.refusal(capsys, main, *argv)
    assert "expected at least one for each of the 10 classes" in said
    assert not list(tmp_path.iterdir())


def test_a_run_reads_what_was_made_ahead(finished, capsys, tmp_path, monkeypatch):
    cache, folder = tmp_path / "cache", tmp_path / "run"
    more = (f"--cache_dir={cache}", "--copies_store=auto")
    assert main(tiny.flags(folder, *more)) == 0
    said = capsys.readouterr().out
    assert "copies 2,744/2,744" in said and str(cache) in said
    assert not folder.exists()
    before = {each: each.stat().st_mtime_ns for each in cache.rglob("*.u8")}
    assert len(before) == 1

    done = tiny.session(folder, f"--cache_dir={cache}", "--copies_store=disk")
    assert done.code == 0
    assert "copies: 2,744 images in" in done.out and "copies 2,744/" not in done.out
    after = {each: each.stat().st_mtime_ns for each in cache.rglob("*.u8")}
    assert after == before
    # The finished run made its copies on the fly: they are the same images.
    assert done.digest == finished.session.digest


def test_a_cache_that_cannot_be_written(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    argv = tiny.flags(
        tmp_path / "run",
        "--copies_store=disk",
        f"--cache_dir={tmp_path / 'file' / 'x'}",
    )
    said = commands.refusal(capsys, main, *argv, code=1)
    assert "augmented copies could not be written" in said
