"""Labels by the mean of all networks of a run so far."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.data.classification import pseudo_labels
from mixdmt_tf.rounds import stages
from mixdmt_tf.runs import trained
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.classification import preparation, probability_sums
from tests.tasks.classification import tiny

FLAGS = (*tiny.ROUNDS, "--teachers=all", "--learning_rate=0.05", "--ema_decay=0.5")


@pytest.fixture(name="whole", scope="module")
def fixture_whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("all") / "run"
    done = tiny.session(folder, *FLAGS)
    assert done.code == 0, done.err
    return done, folder


@pytest.fixture(name="run", scope="module")
def fixture_run(whole):
    return whole[1]


@pytest.fixture(name="said", scope="module")
def fixture_said(run):
    """What the networks of a run say of the unlabelled images, and its split."""
    task = open_task(tiny.experiment(run))
    split = task.read_split(run / "split.json")
    images = task.source.train.images[split.unlabeled]
    probs = {}
    for name in ("base", "round_1"):
        model = trained.load(task, run / name)
        probs[name] = model.scorer.predict(model.averaged, images)
    return probs, split


def test_labels_are_those_of_the_mean(run, said):
    probs, split = said
    first, second = (
        pseudo_labels.read(run / "pseudo_labels" / f"round_{n}.npz", split, 10)
        for n in (1, 2)
    )
    np.testing.assert_array_equal(first.labels, probs["base"].argmax(-1))
    mean = (probs["base"].astype(np.float64) + probs["round_1"]) / 2
    np.testing.assert_array_equal(second.labels, mean.argmax(-1))
    np.testing.assert_allclose(second.confidence, mean.max(-1), rtol=1e-5)
    # Not what the network of the round before says by itself.
    assert np.abs(second.confidence - probs["round_1"].max(-1)).max() > 1e-3


def hooks_of(run, said):
    experiment = preparation.resolve(tiny.experiment(run, *FLAGS))
    found = stages.of_run(open_task(experiment), run, said[1])
    return found, found.hooks, found.all[2]


def test_what_is_not_needed_is_removed_and_what_is_lost_found_again(run, said):
    kept = sorted(path.name for path in (run / "pseudo_labels").iterdir())
    assert kept == ["round_1.npz", "round_2.npz", "round_2_probabilities.npz"]
    found, hooks, last = hooks_of(run, said)
    path = run / "pseudo_labels" / kept[-1]
    sums = probability_sums.read(path, said[1], 10)
    path.write_bytes(path.read_bytes()[:-7])
    assert probability_sums.read(path, said[1], 10) is None
    np.testing.assert_array_equal(hooks._sums(found, last), sums)
    np.testing.assert_array_equal(probability_sums.read(path, said[1], 10), sums)
    before = run / "pseudo_labels" / "round_1_probabilities.npz"
    np.testing.assert_allclose(
        probability_sums.read(before, said[1], 10), said[0]["base"], rtol=1e-5
    )
    hooks.clean_up(last)
    assert path.exists() and not before.exists()


def test_a_stop_between_sums_and_labels_changes_nothing(
    whole, run, tmp_path, monkeypatch
):
    write = probability_sums.write

    def last(path, *rest):
        write(path, *rest)
        if path.name.startswith("round_2"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(probability_sums, "write", last)
        assert tiny.session(tmp_path / "run", *FLAGS).code != 0
    left = {path.name for path in (tmp_path / "run" / "pseudo_labels").iterdir()}
    assert "round_2_probabilities.npz" in left and "round_2.npz" not in left
    again = tiny.session(tmp_path / "run", *FLAGS)
    assert again.code == 0 and again.last_digest == whole[0].last_digest


def test_sums_of_other_images_are_not_read(tmp_path, said):
    split, path = said[1], tmp_path / "sums.npz"
    sums = np.random.default_rng(0).random((len(split.unlabeled), 10), np.float32)
    probability_sums.write(path, sums, split)
    np.testing.assert_array_equal(probability_sums.read(path, split, 10), sums)
    assert probability_sums.read(path, split, 9) is None
    assert probability_sums.read(tmp_path / "none.npz", split, 10) is None
    changed = sums.copy()
    changed[0, 0] += 1
    with np.load(path) as file:
        np.savez(path.with_name("other.npz"), sums=changed, digest=file["digest"])
    assert probability_sums.read(tmp_path / "other.npz", split, 10) is None


def test_guesses_are_probabilities_of_the_mean():
    one = np.array([[0.6, 0.4, 0.0], [0.1, 0.2, 0.7]], np.float32)
    two = np.array([[0.1, 0.9, 0.0], [0.3, 0.0, 0.7]], np.float32)
    labels, confidence = probability_sums.guesses(one + two)
    assert labels.tolist() == [1, 2] and labels.dtype == np.int32
    np.testing.assert_allclose(confidence, [0.65, 0.7], rtol=1e-6)
    assert np.isfinite(probability_sums.guesses(np.zeros((1, 3), np.float32))[1]).all()


def test_a_graph_asks_one_network(tmp_path):
    done = tiny.session(tmp_path / "run", *FLAGS, "--labeling=graph")
    assert (done.code, done.steps) == (2, ()) and "--teachers=all" in done.err
