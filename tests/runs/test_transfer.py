from __future__ import annotations

import types

import keras
import numpy as np
import pytest

from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import trained, transfer
from mixdmt_tf.tasks import open_task
from tests.tasks.classification import tiny

FIVE = "--labeled_classes=0,1,2,3,4"


@pytest.fixture(name="run", scope="module")
def fixture_run(tmp_path_factory):
    return tiny.finished(tmp_path_factory).folder


def start(run, *more):
    """A new network initialized from the run, its report, and what it was before."""
    experiment = tiny.experiment("runs/x", f"--init_from={run}", *more)
    classes = 5 if FIVE in more else 10
    keras.utils.set_random_seed(99)
    network = experiment.network.build((8, 8, 1), classes)
    before = network.get_weights()
    names = [str(c) for c in range(classes)]
    source = types.SimpleNamespace(class_names=names)
    report = transfer.initialize(network, open_task(experiment, source))
    return network, report, before


@pytest.mark.parametrize("which", ["ema", "raw"])
def test_everything_but_the_head_is_taken_over(run, which):
    network, report, before = start(run, FIVE, f"--init_weights={which}")
    theirs = trained.load(open_task(tiny.experiment(run)), run)
    expected = theirs.averaged if which == "ema" else theirs.raw
    *got, kernel, bias = network.get_weights()
    for one, other in zip(got, expected):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(kernel, before[-2])
    np.testing.assert_array_equal(bias, before[-1])
    loaded, new = report.splitlines()
    assert f"loaded {len(got)} of {len(got) + 2} weights" in loaded
    assert f"step {tiny.STEPS}" in loaded
    assert "logits/kernel" in new and "[8, 5]" in new and "logits/bias" in new
    numbers = sum(each.size for each in got)
    assert f"({numbers:,} numbers)" in loaded


def test_the_head_too_if_the_classes_are_the_same(run):
    network, report, _ = start(run)
    theirs = trained.load(open_task(tiny.experiment(run)), run)
    for one, other in zip(network.get_weights(), theirs.averaged):
        np.testing.assert_array_equal(one, other)
    assert report.endswith("new: none")


def test_averaged_and_raw_weights_differ(run):
    """Otherwise the tests above could not tell them apart."""
    theirs = trained.load(open_task(tiny.experiment(run)), run)
    pairs = zip(theirs.averaged, theirs.raw)
    assert any((one != other).any() for one, other in pairs)


def test_another_network_is_refused(run):
    with pytest.raises(UserError, match="another network: --filters=4"):
        start(run, "--filters=8")


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no trained run"):
        start(tmp_path)


def test_a_run_starts_there_and_goes_on_without_it(run, tmp_path):
    """Stopped after step 6 and gone on, it ends as if it had not been."""
    more = (FIVE, f"--init_from={run}", "--algorithm=supervised", "--validation=8")
    straight = tiny.session(tmp_path / "straight", *more)
    assert straight.code == 0, straight.err
    assert "loaded" in straight.out
    fresh = tiny.session(tmp_path / "fresh", *[m for m in more if "init" not in m])
    assert fresh.digest != straight.digest
    stop = {("progress", 6): tiny.TERMINATE}
    stopped = tiny.session(tmp_path / "stopped", *more, moments=stop)
    assert stopped.code == 143
    resumed = tiny.session(tmp_path / "stopped", *more)
    assert "loaded" not in resumed.out
    assert resumed.digest == straight.digest


@pytest.mark.parametrize("more", [(), (FIVE,)])
def test_both_of_two_networks_start_there(run, more, tmp_path):
    """The second with an output layer of its own, or it would remain the first."""
    name = "--algorithm=dual_student"
    flags = (name, f"--init_from={run}", "--learning_rate=0", "--weight_decay=0")
    with tiny.Watch() as watch:
        done = tiny.session(tmp_path, *flags, *more, "--validation=8", "--steps=3")
    assert done.code == 0, done.err
    assert "the second network: loaded" in done.out
    theirs = trained.load(open_task(tiny.experiment(run)), run).averaged
    (method,) = watch.algorithms
    trainable = [i for i, w in enumerate(method.network.weights) if w.trainable]
    head = trainable[-2:]
    for i in trainable:
        one, other = (n.get_weights()[i] for n in (method.network, method.peer))
        assert np.array_equal(one, theirs[i]) or (more and i in head)
        assert np.array_equal(other, theirs[i]) == (i not in head) or not other.any()
    kernels = (n.get_weights()[head[0]] for n in (method.network, method.peer))
    assert not np.array_equal(*kernels)


def test_networks_that_enlarge_images(tmp_path):
    """The classes' layer is within the inner network, and stays new all the same."""
    enlarged = ("--image_size=12", "--algorithm=supervised")
    run = tmp_path / "run"
    done = tiny.session(run, *enlarged)
    assert done.code == 0, done.err
    theirs = trained.load(open_task(tiny.experiment(run, *enlarged)), run)
    more = (FIVE, f"--init_from={run}", "--validation=8", "--steps=1", *enlarged)
    with tiny.Watch() as watch:
        done = tiny.session(tmp_path / "next", *more, "--learning_rate=0")
    assert done.code == 0, done.err
    assert "new: logits/kernel" in done.out
    (method,) = watch.algorithms
    assert method.network.name.endswith("_at_12")
    *got, kernel, bias = method.network.get_weights()
    assert kernel.shape == (8, 5) and bias.shape == (5,)
    for one, other in zip(got, theirs.averaged):
        np.testing.assert_array_equal(one, other)


def test_images_are_not_made_smaller_within_the_network(tmp_path):
    done = tiny.session(tmp_path, "--image_size=7")
    assert done.code == 2
    assert "images of digits have 8 pixels" in done.err
