"""Batches of images."""

import collections
import dataclasses

import numpy as np
import pytest

from mixdmt_tf.data.segmentation import splits
from mixdmt_tf.data.segmentation.pipeline import Pipeline
from mixdmt_tf.data.segmentation.source import Sample
from tests.data.segmentation.files import in_memory

SIZE = (6, 8)


class Plain(Sample):
    """An image whose number is its grey and, modulo three, its class."""

    def size(self):
        return SIZE

    def image(self):
        Plain.read.append(int(self.name))
        return np.full((*SIZE, 3), int(self.name), np.uint8)

    def labels(self):
        return np.full(SIZE, int(self.name) % 3, np.uint8)

    read: list = []


def _guess(sample_id):
    """Class by id, nothing in the upper row, confidence by column."""
    labels = np.full(SIZE, sample_id % 2, np.uint8)
    labels[0] = 255
    return labels, np.tile(np.arange(8) / 8, (6, 1)).astype(np.float16)


def _pipeline(**fields):
    source = in_memory(0, validation=[], train=[Plain(str(i)) for i in range(20)])
    split = splits.make_split(source, "8", 0)
    whole = {"crop": SIZE, "scale": (1.0, 1.0)}
    return Pipeline(
        **{**whole, "source": source, "split": split, "seed": 3, "labeled": 2, **fields}
    )


def _numbers(images):
    """Which images a batch shows."""
    return np.rint((np.asarray(images)[:, 0, 0, 0] + 1) * 127.5).astype(int).tolist()


def _same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_every_sample_once_in_each_pass():
    """Each stream through its own images, at its own pace, in changing order."""
    pipeline = _pipeline(unlabeled=6, guesses=_guess)
    labeled, unlabeled = [], []
    for batch in pipeline.dataset(0, 8):
        labeled += _numbers(batch["x"])
        unlabeled += _numbers(batch["u"])
    split = pipeline.split
    passes = [labeled[:8], labeled[8:], unlabeled[:12], unlabeled[12:24]]
    for drawn, pool in zip(passes, [split.labeled] * 2 + [split.unlabeled] * 2):
        assert collections.Counter(drawn) == collections.Counter(pool.tolist())
    assert passes[0] != passes[1] and passes[2] != passes[3]


def test_each_image_is_decoded_once():
    """Later passes have the same pixels from memory, whose arrays stay as they are."""
    pipeline = _pipeline(unlabeled=6, guesses=_guess)
    Plain.read.clear()
    for step in range(4):  # one image after the other
        pipeline.at(step)
    later = [*pipeline.dataset(8, 12)]
    assert sorted(Plain.read) == list(range(20))
    for batch, fresh in zip(
        later, _pipeline(unlabeled=6, guesses=_guess).dataset(8, 12)
    ):
        _same(batch, fresh)


def test_other_guesses_are_not_those_in_memory():
    pipeline = _pipeline(unlabeled=6, guesses=_guess)
    pipeline.at(0)
    other = dataclasses.replace(pipeline, guesses=lambda i: [2 * g for g in _guess(i)])
    np.testing.assert_array_equal(
        other.at(0)["u_confidence"], 2 * pipeline.at(0)["u_confidence"]
    )


def test_labels_and_guesses_belong_to_their_samples():
    """And have the flip of their image."""
    pipeline = _pipeline(unlabeled=6, guesses=_guess)
    directions = set()
    for step in range(3):
        batch = pipeline.at(step)
        for image, label in zip(_numbers(batch["x"]), batch["y"].numpy()):
            assert (label == image % 3).all()
        rows = zip(*(batch[name].numpy() for name in ("u_label", "u_confidence")))
        for image, (label, confidence) in zip(_numbers(batch["u"]), rows):
            assert (label[0] == 255).all() and (label[1:] == image % 2).all()
            directions.add(confidence[0, 0] < confidence[0, 7])
    assert directions == {False, True}


def test_a_batch_depends_on_seed_and_step_alone():
    """Asked for first, last or directly; another seed or step is another batch."""
    pipeline = _pipeline(unlabeled=4, guesses=_guess, scale=(0.5, 1.5), crop=(5, 5))
    batches = list(pipeline.dataset(0, 4))
    _same(pipeline.at(2), batches[2])
    (resumed,) = pipeline.dataset(3, 4)
    _same(resumed, batches[3])
    other = _pipeline(unlabeled=4, seed=4, scale=(0.5, 1.5), crop=(5, 5)).at(2)
    assert not np.array_equal(other["x"], batches[2]["x"])
    assert not np.array_equal(batches[0]["x"], batches[1]["x"])


def test_a_sample_is_cut_anew_each_time():
    """One image alone, again and again."""
    pipeline = _pipeline(labeled=1, scale=(0.5, 1.5), crop=(5, 5))
    only = splits.make_split(pipeline.source, "1", 0)
    batches = dataclasses.replace(pipeline, split=only).dataset(0, 12)
    cuts = {batch["y"].numpy().tobytes() for batch in batches}
    assert len(cuts) > 3


def test_streams_are_shuffled_apart():
    """Though as many images are labelled as are not."""
    pipeline = _pipeline(labeled=10, unlabeled=10)
    half = splits.make_split(pipeline.source, "10", 0)
    batch = dataclasses.replace(pipeline, split=half).at(0)
    places = [
        np.argsort(ids)[np.argsort(np.argsort(_numbers(batch[name])))].tolist()
        for name, ids in (("x", half.labeled), ("u", half.unlabeled))
    ]
    assert places[0] != places[1]


def test_replicas_share_the_rows():
    """The rows of one batch, whoever computes them."""
    pipeline = _pipeline(labeled=4, unlabeled=2, guesses=_guess, scale=(0.5, 1.5))
    whole = pipeline.at(5)
    parts = [pipeline.at(5, replica, 2) for replica in range(2)]
    for name in ("x", "y", "u", "u_label", "u_confidence"):
        together = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(together, whole[name])
    for part, batch in zip(parts, pipeline.dataset(5, 6, replicas=2)):
        _same(part, batch)


def test_shapes_are_known():
    """A network can be built on what the data set says of itself."""
    data = _pipeline(unlabeled=6, guesses=_guess, crop=(5, 7)).dataset(0, 1)
    shapes = {name: spec.shape.as_list() for name, spec in data.element_spec.items()}
    assert shapes == {
        "step": [],
        "x": [2, 5, 7, 3],
        "y": [2, 5, 7],
        "u": [6, 5, 7, 3],
        "u_label": [6, 5, 7],
        "u_confidence": [6, 5, 7],
    }


def test_only_what_a_batch_shows_is_read():
    """The data set need not fit into memory."""
    pipeline = _pipeline()
    Plain.read.clear()
    batch = pipeline.at(0)
    assert sorted(Plain.read) == sorted(_numbers(batch["x"])) and len(Plain.read) == 2
    assert set(batch) == {"step", "x", "y"}


def test_without_guesses_everything_is_ignored():
    """For methods that make their own."""
    batch = _pipeline(unlabeled=2).at(0)
    assert (batch["u_label"].numpy() == 255).all()
    assert (batch["u_confidence"].numpy() == 1).all()
    large = _pipeline(unlabeled=2, crop=(3 * SIZE[0], SIZE[1]), scale=(1.0, 1.0)).at(0)
    inside = large["u_confidence"].numpy()
    assert (inside[:, : SIZE[0]] == 1).all() and (inside[:, SIZE[0] :] == 0).all()


def test_random_numbers_for_boxes_are_shared_by_the_replicas():
    pipeline = _pipeline(labeled=2, unlabeled=4, boxes=True)
    whole = pipeline.at(3)["u_box"].numpy()
    assert whole.shape == (2, 3) and ((whole >= 0) & (whole < 1)).all()
    parts = [pipeline.at(3, replica, 2)["u_box"].numpy() for replica in (0, 1)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    batch = next(iter(pipeline.dataset(3, 4)))
    np.testing.assert_array_equal(batch["u_box"], whole)
    assert (pipeline.at(4)["u_box"].numpy() != whole).any()
    with pytest.raises(ValueError, match="make no pairs"):
        _pipeline(labeled=2, unlabeled=6, boxes=True).at(0, 0, 2)


def test_every_unlabelled_image_has_a_key_whatever_the_replicas():
    pipeline = _pipeline(labeled=2, unlabeled=4, keys=True)
    whole = pipeline.at(3)["u_key"].numpy()
    assert whole.shape == (4, 2) and len(np.unique(whole)) == 8
    parts = [pipeline.at(3, replica, 2)["u_key"].numpy() for replica in (0, 1)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    batch = next(iter(pipeline.dataset(3, 4)))
    np.testing.assert_array_equal(batch["u_key"], whole)
    assert (pipeline.at(4)["u_key"].numpy() != whole).all()


def test_what_cannot_be_shared_or_drawn():
    """Rows among replicas; unlabelled images where there are none."""
    with pytest.raises(ValueError, match="3 images cannot be shared by 2"):
        _pipeline(labeled=3).at(0, 0, 2)
    pipeline = _pipeline()
    split = splits.make_split(pipeline.source, "20", 0)
    with pytest.raises(ValueError, match="no unlabeled images"):
        _pipeline(split=split, unlabeled=1).at(0)


def test_a_machine_has_the_rows_of_its_devices():
    pipeline = _pipeline(
        labeled=4, unlabeled=8, guesses=_guess, scale=(0.5, 1.5), boxes=True, keys=True
    )
    found = list(pipeline.dataset(5, 7, 4, range(2, 4)))
    wanted = [(step, replica) for step in (5, 6) for replica in (2, 3)]
    assert len(found) == len(wanted)
    for batch, (step, replica) in zip(found, wanted):
        _same(pipeline.at(step, replica, 4), batch)
