"""Checkpoints: complete or invisible, and never silently wrong."""

from __future__ import annotations

import json
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import supervised
from mixdmt_tf.errors import UserError
from mixdmt_tf.models import small_cnn
from mixdmt_tf.runs import checkpoints, manifests
from mixdmt_tf.runs.checkpoints import Checkpoints


class Box:
    """A variable, and checkpoints of it."""

    def __init__(self, folder, split="split a", keep=2):
        self.value = tf.Variable(np.zeros(1000, np.float32))
        self.said = []
        self.checkpoints = Checkpoints(
            folder, tf.train.Checkpoint(v=self.value), split, keep, self.said.append
        )

    def save(self, step, best=None):
        """Saves a value that tells the step."""
        self.value.assign(np.full(1000, step, np.float32))
        return self.checkpoints.save(step, best)

    def restore(self, step=None):
        """The step that was restored, having looked at the value too."""
        self.value.assign(np.full(1000, -1, np.float32))
        found = self.checkpoints.restore(step)
        held = set(self.value.numpy().tolist())
        assert held == {-1 if found is None else found}
        return found


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


def data_file(folder, step):
    """The file with the values of a checkpoint."""
    return folder / f"step-{step:08d}" / "state.data-00000-of-00001"


def test_the_newest_one_is_restored(folder):
    box = Box(folder)
    for step in (5, 100, 20):
        box.save(step)
    assert Box(folder).restore() == 100
    assert Box(folder).restore(20) == 20
    assert not box.said


def test_nothing_there(folder):
    box = Box(folder)
    assert box.restore() is None and box.checkpoints.steps() == []
    assert not folder.exists()


def test_the_last_ones_and_the_best_are_kept(folder):
    box = Box(folder, keep=2)
    kept = []
    for step in range(1, 7):
        box.save(step, best=2 if step >= 2 else None)
        kept.append(box.checkpoints.steps())
    assert kept[0] == [1] and kept[2] == [2, 3]
    assert kept[3] == [2, 3, 4] and kept[5] == [2, 5, 6]
    box.save(7, best=7)
    assert box.checkpoints.steps() == [6, 7]


def test_keep_one(folder):
    box = Box(folder, keep=1)
    for step in (1, 2, 3):
        box.save(step)
    assert box.checkpoints.steps() == [3]


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("moment", ["write", "digest", "manifest", "rename"])
def test_a_save_that_fails_leaves_the_earlier_ones(folder, monkeypatch, moment, error):
    box = Box(folder)
    box.save(1)
    box.save(2)

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        if moment == "write":
            # The first half of the files is there.
            write = box.checkpoints._checkpoint.write
            patch.setattr(
                box.checkpoints._checkpoint, "write", lambda p: (write(p), fail())
            )
        elif moment == "digest":
            patch.setattr(manifests, "_digest", fail)
        elif moment == "manifest":
            patch.setattr(manifests, "write_atomically", fail)
        else:
            patch.setattr(os, "rename", fail)
        expected = UserError if isinstance(error, OSError) else KeyboardInterrupt
        with pytest.raises(expected) as failed:
            box.save(3)
    if expected is UserError:
        assert "checkpoint of step 3 could not be written" in str(failed.value)
        assert "MB free" in str(failed.value)
        assert len(str(failed.value).splitlines()) == 2
        assert not list(folder.glob(".*"))
    assert box.checkpoints.steps() == [1, 2]
    assert Box(folder).restore() == 2
    Box(folder).save(4)
    assert sorted(path.name for path in folder.iterdir()) == [
        "step-00000002",
        "step-00000004",
    ]


def test_a_failure_inside_tensorflow_is_told_too(folder, monkeypatch):
    box = Box(folder)
    box.save(1)

    def fail(_):
        raise tf.errors.ResourceExhaustedError(None, None, "no space left on device")

    monkeypatch.setattr(box.checkpoints._checkpoint, "write", fail)
    with pytest.raises(UserError, match="could not be written"):
        box.save(2)
    assert box.restore() == 1


def test_looking_on_leaves_a_save_in_progress_alone(folder):
    writer = Box(folder)
    writer.save(1)
    half = folder / ".step-00000002.tmp"
    half.mkdir()
    reader = Box(folder)
    assert reader.restore() == 1
    assert half.exists()
    writer.save(3)
    assert not half.exists()


def damage_by_flipping_a_bit(folder, step):
    path = data_file(folder, step)
    held = bytearray(path.read_bytes())
    held[len(held) // 2] ^= 1
    path.write_bytes(held)


def damage_by_cutting(folder, step):
    path = data_file(folder, step)
    path.write_bytes(path.read_bytes()[:-1])


def damage_by_losing_a_file(folder, step):
    (folder / f"step-{step:08d}" / "state.index").unlink()


def damage_by_losing_the_manifest(folder, step):
    (folder / f"step-{step:08d}" / "manifest.json").unlink()


def damage_by_cutting_the_manifest(folder, step):
    path = folder / f"step-{step:08d}" / "manifest.json"
    path.write_text(path.read_text()[:20])


DAMAGES = [
    damage_by_flipping_a_bit,
    damage_by_cutting,
    damage_by_losing_a_file,
    damage_by_losing_the_manifest,
    damage_by_cutting_the_manifest,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_passed_over_with_a_warning(folder, damage):
    box = Box(folder)
    box.save(1)
    box.save(2)
    damage(folder, 2)
    again = Box(folder)
    assert again.restore() == 1
    assert again.said == ["checkpoint step-00000002 is damaged and is not used"]


def test_all_damaged(folder):
    box = Box(folder)
    box.save(1)
    box.save(2)
    for step, damage in zip((1, 2), DAMAGES):
        damage(folder, step)
    again = Box(folder)
    assert again.restore() is None
    assert len(again.said) == 2


@pytest.mark.parametrize("keep", [1, 2])
def test_a_damaged_later_one_does_not_push_out_intact_ones(folder, keep):
    box = Box(folder, keep=3)
    for step in (2, 4, 8):
        box.save(step)
    damage_by_flipping_a_bit(folder, 8)
    again = Box(folder, keep=keep)
    assert again.restore() == 4
    again.save(6)
    last = Box(folder, keep=keep)
    assert last.restore() == 6
    again.save(8)
    assert Box(folder).restore() == 8


def test_another_split_is_refused(folder):
    Box(folder, "split a").save(1)
    with pytest.raises(UserError, match="trained on another split") as refused:
        Box(folder, "split b").checkpoints.restore()
    assert str(folder) in str(refused.value)
    assert "or other pseudo labels" in str(refused.value)
    assert Box(folder, None).restore() == 1


def test_the_manifest_names_step_split_and_every_file(folder):
    place = Box(folder).save(3)
    manifest = json.loads((place / "manifest.json").read_text())
    assert (manifest["step"], manifest["split"]) == (3, "split a")
    files = {path.name for path in place.iterdir()} - {"manifest.json"}
    assert set(manifest["sha256"]) == files and len(files) == 2


def test_a_step_that_is_there_is_not_written_twice(folder, monkeypatch):
    box = Box(folder, keep=1)
    box.save(1)
    box.save(2)
    again = Box(folder, keep=1)
    assert again.restore() == 2

    def fail(*_):
        raise OSError(28, "written again")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", fail)
        assert box.checkpoints.save(2) == again.checkpoints.save(2)
    again.save(3)
    assert again.restore() == 3


def algorithm(seed=1, steps=0):
    """A tiny algorithm after some steps."""
    keras.utils.set_random_seed(seed)
    network = small_cnn.SmallCNN(filters=2).build((8, 8, 1), 3)
    made = supervised.Supervised(network, supervised.Config(), base.RunFacts(3, 6, 10))
    made.compile()
    checkpoints.state(made)
    for step in range(steps):
        images = tf.random.stateless_uniform([6, 8, 8, 1], [step, 0])
        labels = tf.constant([0, 1, 2, 0, 1, 2])
        made.train_step({"x": images, "y": labels, "step": tf.constant(step, tf.int64)})
    return made


def every_variable(made):
    weights = made.network.weights + made.average.averages
    return [*weights, *compat.variables(made.optimizer)]


def test_a_checkpoint_holds_all_that_a_run_needs_to_go_on(folder):
    trained, fresh = algorithm(steps=2), algorithm(seed=2)
    Checkpoints(folder, checkpoints.state(trained)).save(2)
    assert checkpoints.digest(fresh) != checkpoints.digest(trained)
    Checkpoints(folder, checkpoints.state(fresh)).restore()
    assert checkpoints.digest(fresh) == checkpoints.digest(trained)
    for ours, theirs in zip(every_variable(fresh), every_variable(trained)):
        np.testing.assert_array_equal(np.array(ours), np.array(theirs))


def test_the_digest_tells_every_variable_apart():
    made = algorithm(steps=1)
    before = checkpoints.digest(made)
    assert checkpoints.digest(algorithm(steps=1)) == before
    names = {type(each).__name__ for each in every_variable(made)}
    assert names and len(every_variable(made)) >= 6 + 6 + 13
    for variable in every_variable(made):
        value = np.array(variable)
        variable.assign(value + np.ones_like(value))
        assert checkpoints.digest(made) != before, variable.name
        variable.assign(value)
        assert checkpoints.digest(made) == before
