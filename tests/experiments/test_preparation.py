"""What a run needs before its first step."""

from __future__ import annotations

import pytest

from mixdmt_tf.algorithms import dmt, mixmatch
from mixdmt_tf.data import sources, splits
from mixdmt_tf.errors import UserError
from mixdmt_tf.experiments import preparation
from tests.experiments import tiny


@pytest.fixture
def source():
    return sources.load(tiny.experiment("runs/x").data)


def test_the_split_is_drawn_from_the_runs_seed(source):
    first, again, other = (
        preparation.draw_split(tiny.experiment("runs/x", f"--seed={seed}"), source)
        for seed in (1, 1, 2)
    )
    assert first.digest() == again.digest() != other.digest()
    assert (len(first.labeled), len(first.validation), first.seed) == (20, 50, 1)


def test_a_run_folder_keeps_its_split(tmp_path, source):
    first = preparation.open_split(tiny.experiment("runs/x"), tmp_path, source)
    kept = splits.read_split(tmp_path / "split.json", source)
    # Whatever would be drawn now, as by a newer version, the folder's own holds.
    now = tiny.experiment("runs/x", "--seed=2")
    again = preparation.open_split(now, tmp_path, source)
    assert first.digest() == kept.digest() == again.digest()


def given_split(tmp_path, source, seed):
    """The path of a split that was drawn with another seed."""
    path = tmp_path / f"{seed}.json"
    splits.write_split(path, splits.make_split(source, 30, 10, seed))
    return path


def test_a_given_split_is_used_and_copied(tmp_path, source):
    path = given_split(tmp_path, source, 5)
    experiment = tiny.experiment("runs/x", f"--split={path}")
    own = preparation.open_split(experiment, tmp_path, source)
    assert own.seed == 5 and len(own.labeled) == 30
    assert (tmp_path / "split.json").read_bytes() == path.read_bytes()


def test_a_given_split_may_move_but_not_change(tmp_path, source):
    path = given_split(tmp_path, source, 5)
    preparation.open_split(
        tiny.experiment("runs/x", f"--split={path}"), tmp_path, source
    )
    moved = path.rename(tmp_path / "moved.json")
    for more in ((), (f"--split={moved}",)):
        again = preparation.open_split(
            tiny.experiment("runs/x", *more), tmp_path, source
        )
        assert again.seed == 5
    other = given_split(tmp_path, source, 6)
    before = (tmp_path / "split.json").read_bytes()
    with pytest.raises(UserError, match="not the split that .* was started with"):
        preparation.open_split(
            tiny.experiment("runs/x", f"--split={other}"), tmp_path, source
        )
    assert (tmp_path / "split.json").read_bytes() == before


def test_only_unlabelled_images_are_copied(source):
    experiment = tiny.experiment("runs/x", "--copies=3", "--copies_augment=simple")
    split = preparation.draw_split(experiment, source)
    copies = preparation.unlabeled_copies(experiment, source, split)
    assert copies.ids.tolist() == split.unlabeled.tolist()
    assert len(copies) == 3 * len(split.unlabeled)
    assert (copies.count, copies.augment, copies.seed) == (3, "simple", 1)
    assert (copies.padding, copies.flip) == (source.crop_padding, source.flip)


def test_precomputing_writes_the_copies_of_the_run_and_nothing_else(tmp_path, capsys):
    cache = tmp_path / "cache"
    experiment = tiny.experiment(
        tmp_path / "run", f"--cache_dir={cache}", "--copies_store=disk", "--copies=1"
    )
    preparation.precompute(experiment)
    source = sources.load(experiment.data)
    split = preparation.draw_split(experiment, source)
    copies = preparation.unlabeled_copies(experiment, source, split)
    (folder,) = tmp_path.glob("*/*")
    assert folder == cache / f"copies-{copies.key()[:24]}"
    (shard,) = folder.iterdir()
    assert shard.stat().st_size == copies.nbytes
    said = capsys.readouterr().out
    assert "labelled" in said and f"copies {len(copies):,}/{len(copies):,}" in said
    before = shard.stat()
    preparation.precompute(experiment)
    after = shard.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    # The second time there is nothing to make and so no progress.
    assert f"copies {len(copies):,}/" not in capsys.readouterr().out


def test_a_run_without_a_length(source):
    flags = (tiny.SUPERVISED, "--steps=none")
    resolved = preparation.resolve(tiny.experiment("runs/x", *flags))
    assert resolved.run.steps == preparation.STEPS == 524288
    assert preparation.resolve(tiny.experiment("runs/x")).run.steps == 12


def test_which_runs_are_a_loop_of_several():
    rounds = tiny.experiment("runs/x", *tiny.ROUNDS)
    assert preparation.in_rounds(rounds)
    assert preparation.resolve(rounds).run.steps is None
    one = tiny.experiment("runs/x", *tiny.ROUNDS, "--pseudo_labels=file.npz")
    assert not preparation.in_rounds(one)
    assert preparation.resolve(one).run.steps == one.method.round_steps
    for name in ("realmix", "dmt_baseline"):
        single = tiny.experiment("runs/x", f"--algorithm={name}")
        assert not preparation.in_rounds(single)


def test_all_rounds_read_the_same_copies(source):
    """Each has a seed of its own, and the split is the whole run's."""
    first, second, other = (
        preparation.unlabeled_copies(
            tiny.experiment(
                "runs/x",
                *tiny.ROUNDS,
                "--pseudo_labels=file.npz",
                "--copies_augment=cutout",
                f"--seed={seed}",
            ),
            source,
            splits.make_split(source, 20, 50, of_split),
        )
        for seed, of_split in ((5, 1), (6, 1), (5, 2))
    )
    assert first.key() == second.key() != other.key()


def test_a_run_too_short_for_its_average():
    """.999^1600 is a fifth; with 5,000 steps or a warm-up nothing is left."""
    method = mixmatch.Config(ema_decay=0.999)
    said = preparation.warning_of_average(method, 1600)
    assert "after 1,600 steps 20.2 % of the averaged weights" in said
    assert "--ema_decay=0.999" in said and "set --ema_warmup" in said
    assert len(said.splitlines()) == 1
    assert preparation.warning_of_average(method, 4600)
    assert not preparation.warning_of_average(method, 4610)
    assert not preparation.warning_of_average(mixmatch.Config(ema_decay=0.0), 3)
    assert not preparation.warning_of_average(dmt.Config(), 100)
    assert preparation.warning_of_average(dmt.Config(ema_warmup=False), 100)


def test_such_a_run_says_so_when_it_starts(tmp_path_factory):
    """.8^12 is 7 %."""
    said = tiny.finished(tmp_path_factory).session.out
    assert "warning: after 12 steps 6.9 % of the averaged weights" in said
