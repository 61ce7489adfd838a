"""Checkpoints and digests hold variables of a method's own, and notes."""

from __future__ import annotations

import errno
import json
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.parts import means, own_state
from mixdmt_tf.algorithms.segmentation import supervised
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import checkpoints
from mixdmt_tf.runs.checkpoints import Checkpoints
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.algorithms.classification import batches, stateful
from tests.algorithms.segmentation import batches as source
from tests.conformance import steps
from tests.runs.test_checkpoints import Box

assert "stateful" in steps.of_their_own()  # and is registered


def trained(steps=0, seed=1, name="stateful"):
    keras.utils.set_random_seed(seed)
    method = batches.build(name)
    go_on(method, range(steps))
    return method


def go_on(method, steps):
    recipe = method.recipe(method.config)
    for step in steps:
        method.train_step(batches.make(recipe, 4, step=step, seed=step))


PATHS = {
    "mean",
    "by_class.mean",
    "queue.0",
    "queue.1",
    "module",
    "layer",
    "plain.means.0",
}


def test_it_is_found_wherever_a_method_keeps_it():
    method = trained()
    assert method.own_state.keys() == PATHS
    assert len(method.own_variables) == len(PATHS)
    found = {id(each) for each in method.own_variables}
    assert found == {id(each) for each in method.running()}


@pytest.mark.parametrize("name", ["supervised", "mean_teacher", "dual_student"])
def test_others_have_none(name):
    """Neither compiled, trained, evaluated nor with a second name for a layer."""
    method = trained(1, name=name)
    method.compile(metrics=["accuracy"])
    method.last = method.network.layers[-1]
    method.settings = {"config": method.config, "names": [method.name, None, 1]}
    batch = batches.make(method.recipe(method.config), 4)
    method.fit(tf.data.Dataset.from_tensors(batch), verbose=0)
    method.evaluate(batch["x"], batch["y"], verbose=0)
    assert not method.own_state and not method.own_variables


def test_generators_optimizers_and_unbuilt_layers_are_found():
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer.build([tf.Variable(1.0)])
    owned = {
        "generator": tf.random.Generator.from_seed(1),
        "optimizer": optimizer,
        "unbuilt": keras.layers.Dense(1),
        "metric": keras.metrics.Mean(),
        "function": trained,
        "class": Checkpoints,
        "number": 1,
    }
    owned["again"] = owned  # a cycle
    found = {path.partition(".")[0] for path in own_state.parts(owned, [])}
    assert found == {"generator", "optimizer", "unbuilt", "metric"}
    assert not own_state.parts({"x": optimizer}, own_state.variables([optimizer]))


def test_it_is_restored_and_goes_on_as_it_would_have(tmp_path):
    method, fresh = trained(2), trained(seed=2)
    Checkpoints(tmp_path, checkpoints.state(method)).save(2)
    assert Checkpoints(tmp_path, checkpoints.state(fresh)).restore() == 2
    assert checkpoints.digest(fresh) == checkpoints.digest(method)
    for one, other in zip(fresh.own_variables, method.own_variables):
        np.testing.assert_array_equal(one, other)
    for each in (method, fresh):
        go_on(each, [2])
    assert checkpoints.digest(fresh) == checkpoints.digest(method)


def test_the_digest_tells_every_one_of_them_apart():
    method = trained(1)
    before = checkpoints.digest(method)
    assert checkpoints.digest(trained(1)) == before
    for variable in method.own_variables:
        value = variable.numpy()
        variable.assign(value + 1)
        assert checkpoints.digest(method) != before, variable.name
        variable.assign(value)
    assert checkpoints.digest(method) == before


class Counting(supervised.Supervised):
    """A method for images that counts its steps."""

    def __init__(self, *given):
        super().__init__(*given)
        self.count = stateful.variable(0)

    def step_losses(self, batch):
        self.count.assign_add(1)
        return super().step_losses(batch)


def test_methods_for_samples_take_the_same_way(tmp_path):
    made = [source.build("supervised", "rows") for _ in range(2)]
    methods = [Counting(each.network, each.config, each.facts) for each in made]
    for each in methods:
        each.compile()
    methods[0].train_step(source.batch_for(methods[0]))
    Checkpoints(tmp_path, checkpoints.state(methods[0])).save(1)
    Checkpoints(tmp_path, checkpoints.state(methods[1])).restore()
    assert [int(each.count) for each in methods] == [1, 1]
    one, other = map(checkpoints.digest, methods)
    assert one == other


def older(folder, method):
    """A checkpoint as it was before methods had variables of their own and notes."""
    state = tf.train.Checkpoint(
        network=method.network, average=method.average, optimizer=method.optimizer
    )
    path = Checkpoints(folder, state).save(1)
    manifest = json.loads((path / "manifest.json").read_text())
    del manifest["note"], manifest["digest"]
    (path / "manifest.json").write_text(json.dumps(manifest))


def test_an_older_checkpoint_is_restored_by_methods_without_any(tmp_path):
    method, fresh = trained(1, name="supervised"), trained(seed=2, name="supervised")
    older(tmp_path, method)
    box = Checkpoints(tmp_path, checkpoints.state(fresh))
    assert box.restore() == 1 and box.note == {}
    assert checkpoints.digest(fresh) == checkpoints.digest(method)


def test_and_refused_by_methods_with_some(tmp_path):
    method = trained(1)
    older(tmp_path, method)
    box = Checkpoints(tmp_path, checkpoints.state(method))
    with pytest.raises(
        UserError, match="of step 1 .* does not hold all variables"
    ) as e:
        box.restore()
    assert len(str(e.value).splitlines()) == 2


def test_a_note_comes_back_with_its_checkpoint(tmp_path):
    state = tf.train.Checkpoint(v=tf.Variable(1.0))
    box = Checkpoints(tmp_path, state, keep=3)
    for step in (1, 2, 3):
        box.save(step, note={"numbers": {"loss": step / 3}})
    again = Checkpoints(tmp_path, state)
    assert again.note == {}
    again.restore()
    assert again.note == {"numbers": {"loss": 1.0}}
    again.restore(2)
    assert again.note == {"numbers": {"loss": 2 / 3}}


# --- Means of what the steps report ---


def of_two(strategy=None):
    with (strategy or tf.distribute.get_strategy()).scope():
        return {name: keras.metrics.Mean(name, dtype="float32") for name in "ab"}


def test_means_go_on_from_text():
    one, other, straight = of_two(), of_two(), of_two()
    values = [0.1, 1 / 3, 1e-8, 7.7]
    for value in values[:3]:
        for each in (one, straight):
            each["a"].update_state(value)
    text = json.dumps(means.state(one))
    means.restore(other, {**json.loads(text), "unknown": [[1.0]]})
    for value in values[3:]:
        for each in (other, straight):
            each["a"].update_state(value)
    assert float(other["a"].result()) == float(straight["a"].result())
    assert float(other["b"].count) == 0
    means.restore(other, {})
    assert float(other["a"].result()) == float(straight["a"].result())


def test_means_of_replicas_stay_apart():
    """Their sums are rounded separately."""
    strategy = mirrored_strategy()

    def update(each, value):
        def step():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            each["a"].update_state(value * (1.0 + 1e7 * tf.cast(replica, tf.float32)))

        strategy.run(step)

    one, other = of_two(strategy), of_two(strategy)
    update(one, 0.1)
    saved = means.state(one)
    assert len(saved["a"][0]) == 2 and saved["a"][0][0] != saved["a"][0][1]
    means.restore(other, saved)
    assert means.state(other) == saved
    alone = of_two()
    means.restore(alone, saved)
    assert float(alone["a"].result()) == pytest.approx(float(one["a"].result()))
    again = of_two(strategy)
    means.restore(again, means.state(alone))
    assert float(again["a"].result()) == pytest.approx(float(one["a"].result()))


def test_one_that_cannot_be_removed_yet_ends_no_run(tmp_path, monkeypatch):
    """On NFS a folder stays as long as another machine reads a file of it."""

    def fail(*_, **__):
        raise OSError(errno.ENOTEMPTY, "Directory not empty")

    box = Box(tmp_path, keep=1)
    box.save(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", fail)
        box.save(2)
    assert box.restore() == 2
    box.save(3)
    assert box.checkpoints.steps() == [3]
