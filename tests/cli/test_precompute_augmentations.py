"""`bin/precompute_augmentations`."""

from __future__ import annotations

import pytest

from mixdmt_tf.cli.precompute_augmentations import main
from mixdmt_tf.data import precomputed
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
    assert "warning: 2,744 copies are made, 0 MB, and the run reads 96" in said
    assert not folder.exists()
    before = {each: each.stat().st_mtime_ns for each in cache.rglob("*.u8")}
    assert len(before) == 1

    done = tiny.session(folder, f"--cache_dir={cache}", "--copies_store=disk")
    assert done.code == 0
    assert "copies: 2,744 images in" in done.out and "copies 2,744/" not in done.out
    assert "copies are made" not in done.out
    after = {each: each.stat().st_mtime_ns for each in cache.rglob("*.u8")}
    assert after == before
    # The finished run made its copies on the fly: they are the same images.
    assert done.digest == finished.session.digest


def cached(folder):
    return {each.name: each.read_bytes() for each in folder.rglob("*.u8")}


@pytest.mark.parametrize("of", [1, 2, 4])
def test_parts_make_the_files_of_the_whole(of, capsys, tmp_path, monkeypatch):
    """Each its own and no other, in any order; the last one says that all are there."""
    monkeypatch.setattr(precomputed, "SHARD_BYTES", 64 * 400)  # seven files

    def make(name, *more):
        cache = f"--cache_dir={tmp_path / name}"
        argv = tiny.flags(tmp_path / "run", cache, "--copies_store=disk", *more)
        assert main(argv) == 0
        said = capsys.readouterr().out
        assert "warning: 2,744 copies are made" in said
        return said

    make("whole")
    expected = cached(tmp_path / "whole")
    assert len(expected) == 7
    for number in range(of, 0, -1):
        said = make("parts", f"--shard={number}/{of}")
        files = range(7 * (number - 1) // of, 7)
        there = cached(tmp_path / "parts")
        assert sorted(int(name[6:11]) for name in there) == [*files]
        lacking = ", ".join(f"{each}/{of}" for each in range(1, number))
        last = f"still missing, --shard={lacking}" if lacking else f"all {of} parts are"
        assert last in said
    assert cached(tmp_path / "parts") == expected


def test_a_part_goes_on_and_mends_its_own_files_only(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(precomputed, "SHARD_BYTES", 64 * 400)
    cache = f"--cache_dir={tmp_path / 'cache'}"
    argv = tiny.flags(tmp_path / "run", cache, "--copies_store=disk")
    assert main([*argv, "--shard=1/2"]) == 0  # the files 0 to 2
    assert main([*argv, "--shard=2/2"]) == 0
    expected = cached(tmp_path / "cache")
    first, last = sorted(tmp_path.rglob("shard-*"))[:: len(expected) - 1]
    for damaged in (first, last):
        damaged.write_bytes(b"\0" * damaged.stat().st_size)
    capsys.readouterr()
    assert main([*argv, "--shard=1/2"]) == 0
    assert f"{first.name} is damaged and is made again" in capsys.readouterr().out
    now = cached(tmp_path / "cache")
    assert [name for name in now if now[name] != expected[name]] == [last.name]


@pytest.mark.parametrize("text", ["3/2", "half"])
def test_no_part(text, capsys, tmp_path):
    argv = tiny.flags(tmp_path / "run", f"--shard={text}")
    assert f"--shard={text}: expected the number" in commands.refusal(
        capsys, main, *argv
    )


def test_a_cache_that_cannot_be_written(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    argv = tiny.flags(
        tmp_path / "run",
        "--copies_store=disk",
        f"--cache_dir={tmp_path / 'file' / 'x'}",
    )
    said = commands.refusal(capsys, main, *argv, code=1)
    assert "augmented copies could not be written" in said


@pytest.mark.parametrize("more", ["--algorithm=supervised --copies=3", "--copies=0"])
def test_what_a_run_does_not_read_is_not_made(more, capsys, tmp_path):
    argv = ["--dataset=digits", "--labels=20", f"--cache_dir={tmp_path}"]
    for part in ([], ["--shard=1/2"]):
        assert main([*argv, *more.split(), *part]) == 0
        assert capsys.readouterr().out.endswith("copies: none, this run reads none\n")
    assert not list(tmp_path.iterdir())
