"""What a run needs before its first step."""

from __future__ import annotations

import pytest
import tensorflow as tf
from PIL import Image

from mixdmt_tf.algorithms.classification import dmt, mixmatch
from mixdmt_tf.cli import experiments
from mixdmt_tf.data import precomputed
from mixdmt_tf.data.classification import datasets, splits
from mixdmt_tf.data.part import Part
from mixdmt_tf.data.splits import write_split
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs.splits import choose_split, open_split
from mixdmt_tf.runs.warnings import average_warning
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.classification import preparation
from mixdmt_tf.tasks.classification.task import Classification
from tests.tasks.classification import tiny


@pytest.fixture
def source():
    return datasets.load(tiny.experiment("runs/x").data)


def test_the_split_is_drawn_from_the_runs_seed(source):
    first, again, other = (
        choose_split(open_task(tiny.experiment("runs/x", f"--seed={seed}"), source))
        for seed in (1, 1, 2)
    )
    assert first.digest() == again.digest() != other.digest()
    assert (len(first.labeled), len(first.validation), first.seed) == (20, 50, 1)


def test_a_run_folder_keeps_its_split(tmp_path, source):
    first = open_split(open_task(tiny.experiment("runs/x"), source), tmp_path)
    kept = splits.read_split(tmp_path / "split.json", source)
    # Whatever would be drawn now, as by a newer version, the folder's own holds.
    now = tiny.experiment("runs/x", "--seed=2")
    again = open_split(open_task(now, source), tmp_path)
    assert first.digest() == kept.digest() == again.digest()


def given_split(tmp_path, source, seed):
    """The path of a split that was drawn with another seed."""
    path = tmp_path / f"{seed}.json"
    write_split(path, splits.make_split(source, 30, 10, seed))
    return path


def test_a_given_split_is_used_and_copied(tmp_path, source):
    path = given_split(tmp_path, source, 5)
    experiment = tiny.experiment("runs/x", f"--split={path}")
    own = open_split(open_task(experiment, source), tmp_path)
    assert own.seed == 5 and len(own.labeled) == 30
    assert (tmp_path / "split.json").read_bytes() == path.read_bytes()


def test_a_given_split_may_move_but_not_change(tmp_path, source):
    path = given_split(tmp_path, source, 5)
    open_split(
        open_task(tiny.experiment("runs/x", f"--split={path}"), source), tmp_path
    )
    moved = path.rename(tmp_path / "moved.json")
    for more in ((), (f"--split={moved}",)):
        again = open_split(
            open_task(tiny.experiment("runs/x", *more), source), tmp_path
        )
        assert again.seed == 5
    other = given_split(tmp_path, source, 6)
    before = (tmp_path / "split.json").read_bytes()
    with pytest.raises(UserError, match="not the split that .* was started with"):
        open_split(
            open_task(tiny.experiment("runs/x", f"--split={other}"), source), tmp_path
        )
    assert (tmp_path / "split.json").read_bytes() == before


def test_only_unlabelled_images_are_copied(source):
    experiment = tiny.experiment("runs/x", "--copies=3", "--copies_augment=simple")
    split = choose_split(open_task(experiment, source))
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
    Classification(experiment).precompute()
    source = datasets.load(experiment.data)
    split = choose_split(open_task(experiment, source))
    copies = preparation.unlabeled_copies(experiment, source, split)
    (folder,) = tmp_path.glob("*/*")
    assert folder == cache / f"copies-{copies.key()[:24]}"
    (shard,) = folder.iterdir()
    assert shard.stat().st_size == copies.nbytes
    said = capsys.readouterr().out
    assert "labelled" in said and f"copies {len(copies):,}/{len(copies):,}" in said
    before = shard.stat()
    Classification(experiment).precompute()
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
    assert rounds.in_rounds
    assert preparation.resolve(rounds).run.steps is None
    one = tiny.experiment("runs/x", *tiny.ROUNDS, "--pseudo_labels=file.npz")
    assert not one.in_rounds
    assert preparation.resolve(one).run.steps == one.method.round_steps
    for name in ("realmix", "dmt_baseline"):
        single = tiny.experiment("runs/x", f"--algorithm={name}")
        assert not single.in_rounds


def test_all_rounds_read_the_same_copies(source):
    """Each has a seed of its own, and the split is the whole run's.

    It is also the whole run for which `bin/precompute_augmentations` makes them.
    """
    labels = "--pseudo_labels=file.npz"
    first, second, ahead, other = (
        preparation.unlabeled_copies(
            tiny.experiment(
                "runs/x",
                *tiny.ROUNDS,
                "--copies_augment=cutout",
                f"--seed={seed}",
                *given,
            ),
            source,
            splits.make_split(source, 20, 50, of_split),
        )
        for seed, of_split, given in (
            (5, 1, [labels]),
            (6, 1, [labels]),
            (7, 1, []),
            (5, 2, [labels]),
        )
    )
    assert first.key() == second.key() == ahead.key() != other.key()


def test_a_run_too_short_for_its_average():
    """.999^1600 is a fifth; with 5,000 steps or a warm-up nothing is left."""
    method = mixmatch.Config(ema_decay=0.999)
    said = average_warning(method, 1600)
    assert "after 1,600 steps 20.2 % of the averaged weights" in said
    assert "--ema_decay=0.999" in said and "set --ema_warmup" in said
    assert len(said.splitlines()) == 1
    assert average_warning(method, 4600)
    assert not average_warning(method, 4610)
    assert not average_warning(mixmatch.Config(ema_decay=0.0), 3)
    assert not average_warning(dmt.Config(), 100)
    assert average_warning(dmt.Config(ema_warmup=False), 100)


def test_such_a_run_says_so_when_it_starts(tmp_path_factory):
    """.8^12 is 7 %."""
    said = tiny.finished(tmp_path_factory).session.out
    assert "warning: after 12 steps 6.9 % of the averaged weights" in said


@pytest.mark.parametrize(("steps", "shown"), [(4, 32), (700, 5600), (None, None)])
def test_a_run_that_shows_copies_once_at_most_writes_none(
    steps, shown, source, tmp_path, capsys
):
    """8 unlabelled images a step, of 2 copies each of 1,372 to 1,442 images."""
    experiment = tiny.experiment(
        tmp_path / "run",
        f"--steps={steps or 'none'}",
        f"--cache_dir={tmp_path}",
        "--copies_store=auto",
        "--copies_augment=simple",
    )
    split = splits.make_split(source, 20, 50, 1)
    copies = preparation.unlabeled_copies(experiment, source, split)
    preparation.open_copies(experiment, copies)
    said = capsys.readouterr().out
    written = list(tmp_path.glob("copies-*/shard-*"))
    if shown == 32:
        assert f"the run takes 32 of {len(copies):,}" in said and not written
    else:
        assert len(written) == 1


def test_workers_make_parts_of_the_copies_that_a_run_reads(
    source, tmp_path, capsys, monkeypatch
):
    """Also one who does not see the parts of the others."""
    monkeypatch.setattr(precomputed, "SHARD_BYTES", 64 * 400)  # seven files

    def of(cache, store="disk"):
        argv = (f"--copies_store={store}", f"--cache_dir={tmp_path / cache}")
        return open_task(tiny.experiment("runs/x", *argv), source)

    def files(cache):
        return {e.name: e.read_bytes() for e in (tmp_path / cache).rglob("*.u8")}

    split = choose_split(of("alone"))
    of("alone").pipeline(split, None, 1)
    for cache, parts in (("shared", (1, 2)), ("own", (2,))):
        for number in parts:
            of(cache).share_copies(split, Part(number, 2))
        assert len(files(cache)) == (7 if parts == (1, 2) else 4)
        of(cache).pipeline(split, None, 1)
        assert files(cache) == files("alone") and len(files(cache)) == 7
    # A run of twelve steps takes no copy twice: they are made on the fly.
    for store in ("virtual", "auto"):
        of(store, store).share_copies(split, Part(1, 2))
        assert not files(store)
    assert "copies: part 2/2 of 2,744 images" in capsys.readouterr().out


def test_asked_for_on_the_disk_all_copies_are_made(source, tmp_path, capsys):
    """Which of them a run shows depends on its length, and that may grow."""
    experiment = tiny.experiment(
        tmp_path / "run",
        f"--cache_dir={tmp_path}",
        "--copies_store=disk",
        "--copies_augment=simple",
    )
    split = splits.make_split(source, 20, 50, 1)
    copies = preparation.unlabeled_copies(experiment, source, split)
    preparation.open_copies(experiment, copies)
    assert "warning: 2,744 copies are made" in capsys.readouterr().out
    (shard,) = tmp_path.glob("copies-*/shard-*")
    assert shard.stat().st_size == copies.nbytes


@pytest.mark.parametrize(
    "given, network, gpus, expected",
    [
        ("auto", "efficientnet_lite0", [], 128),
        ("auto", "efficientnet_lite0", ["a GPU"], 224),
        ("auto", "small_cnn", ["a GPU"], None),
        ("none", "efficientnet_lite0", ["a GPU"], 96),
        ("40", "efficientnet_lite0", [], 40),
    ],
)
def test_the_size_of_images(given, network, gpus, expected, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    argv = ["--dataset=digits", f"--network={network}", f"--image_size={given}"]
    experiment = experiments.build(experiments.parse(argv, "train", ""))
    assert preparation.resolve(experiment).data.image_size == expected


@pytest.mark.parametrize(
    "side, gpus, expected",
    [
        (20, [], 96),
        (130, [], 128),
        (500, [], 160),
        (180, ["a GPU"], 192),
        (500, ["a GPU"], 224),
    ],
)
def test_the_size_of_images_that_files_have(
    side, gpus, expected, monkeypatch, tmp_path
):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    for name in ("a", "b"):
        (tmp_path / "labeled" / name).mkdir(parents=True)
        for number in range(3):
            image = Image.new("RGB", (2 * side, side))
            image.save(tmp_path / "labeled" / name / f"{number}.png")
    argv = ["--dataset=folder", f"--data_dir={tmp_path}", "--image_size=auto"]
    experiment = experiments.build(
        experiments.parse([*argv, "--network=efficientnet_lite0"], "train", "")
    )
    assert preparation.resolve(experiment).data.image_size == expected
    # As soon as somebody asks for them, such as a measurement before.
    assert open_task(experiment).source.image_shape == (expected, expected, 3)
