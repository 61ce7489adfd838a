"""Asking a network for labels of images, and how good they are."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from mixdmt_tf.data.segmentation import pseudo_labels, splits
from mixdmt_tf.data.segmentation.source import Sample, Source
from mixdmt_tf.errors import UserError
from mixdmt_tf.tasks.segmentation import labeling
from tests.oracles import selection

SIZE, COUNT, CLASSES = (6, 9), 10, 4
NEVER = 2  # a class that nobody guesses


class Numbered(Sample):
    """An image whose number is its grey."""

    def size(self):
        return SIZE

    def image(self):
        return np.full((*SIZE, 3), int(self.name), np.uint8)

    def labels(self):
        if not self.known:
            return None
        truth = np.random.RandomState(int(self.name)).randint(0, CLASSES + 1, SIZE)
        return np.where(truth == CLASSES, 255, truth).astype(np.uint8)


class Asked:
    """Answers with made-up guesses in place of a trained network."""

    step, network = 7, {"network": "small_segmenter"}

    def __init__(self, averaged=1.0, raw=2.0):
        self.scorer = self
        self.values = {"ema": [np.full(3, averaged)], "raw": [np.full(3, raw)]}
        self.seen, self.used = [], []

    def weights(self, name):
        return self.values[name]

    def use(self, weights):
        self.used.append(weights)

    def guess(self, image):
        number = int(image[0, 0, 0])
        self.seen.append(number)
        return answer(number)


def answer(number):
    """Classes and doubts, of which some are equal."""
    rng = np.random.RandomState(100 + number)
    classes = rng.choice([0, 1, 1, 1, 3], SIZE).astype(np.uint8)
    doubt = np.where(rng.uniform(size=SIZE) < 0.2, 0.25, rng.uniform(0, 0.6, SIZE))
    return classes, doubt.astype(np.float16)


def made(unknown=()):
    train = [Numbered(str(i), i not in unknown) for i in range(COUNT)]
    return Source("made_up", tuple("abcd"), train, [Numbered("50")])


IMAGES = made()
SPLIT = splits.make_split(IMAGES, "3", 0)
IDS = SPLIT.unlabeled.tolist()


def label(folder, fraction=0.4, model=None, source=IMAGES, split=SPLIT, **more):
    return labeling.label(model or Asked(), source, split, folder, fraction, **more)


def ranked(every):
    """What is ranked, in plain Python: each guess, with its confidence."""
    classes, confidence = [], []
    for number in IDS:
        guessed, doubt = answer(number)
        for place in range(0, guessed.size, every):
            classes.append(int(guessed.ravel()[place]))
            confidence.append(1 - float(doubt.ravel()[place]))
    return classes, confidence


@pytest.mark.parametrize("count", ["exact", "released"])
@pytest.mark.parametrize("every", [1, 16])
@pytest.mark.parametrize(
    ("fraction", "share"),
    [(0.2, (1, 5)), (0.5, (1, 2)), (0.02, (1, 50)), (1.0, (1, 1))],
)
def test_thresholds_are_those_of_a_ranking_by_hand(
    tmp_path, fraction, share, every, count
):
    name = "class_thresholds" + "_released" * (count == "released")
    expected = getattr(selection, name)(*ranked(every), CLASSES, *share)
    found = label(tmp_path, fraction, count=count, every=every)
    assert found.thresholds.tolist() == expected
    kept = sum(np.count_nonzero(found(i)[0] != 255) for i in IDS)
    by_hand = zip(*ranked(1))
    assert kept == sum(s >= expected[c] for c, s in by_hand)


def test_the_share_of_each_class_is_kept_by_itself(tmp_path):
    """Whatever the number of pixels of the others; ties of the last are kept, too."""
    found = label(tmp_path, 0.3, every=1)
    classes, confidence = map(np.array, ranked(1))
    for c in (0, 1, 3):
        own = confidence[classes == c]
        above = np.count_nonzero(own > found.thresholds[c])
        assert (
            above
            < round(0.3 * len(own))
            <= np.count_nonzero(own >= found.thresholds[c])
        )


def test_all_is_kept_in_the_last_round_but_by_the_release(tmp_path):
    found = label(tmp_path / "exact", 1.0)
    assert all((found(i)[0] == answer(i)[0]).all() for i in IDS)
    released = label(tmp_path / "released", 1.0, count="released")
    lost = sum(np.count_nonzero(released(i)[0] == 255) for i in IDS)
    # Of the sixteenth that is ranked the lowest is rarely the lowest of all.
    assert 0 < lost < len(IDS) * SIZE[0] * SIZE[1] / 4


def test_the_thresholds_of_the_reference(tmp_path):
    """s = .5, .55, ..., .95 in one class; in half precision, as files have them."""
    scores = np.arange(10, 20) / 20

    class Ten(Asked):
        def guess(self, image):
            return np.zeros((1, 10), np.uint8), (1 - scores[np.newaxis]).astype("f2")

    one = splits.make_split(IMAGES, "9", 0)
    for fraction, kept in ((0.2, 3), (0.4, 5), (0.6, 7), (0.8, 9), (1, 10), (0.05, 10)):
        found = label(tmp_path, fraction, Ten(), split=one, count="released", every=1)
        labels, _ = found(one.unlabeled[0])
        assert np.count_nonzero(labels == 0) == kept
        exact = label(tmp_path, fraction, Ten(), split=one, every=1)
        labels, _ = exact(one.unlabeled[0])
        assert np.count_nonzero(labels == 0) == max(1, round(fraction * 10))


def test_what_is_written_are_the_answers_at_full_size(tmp_path):
    model, progress = Asked(), []
    found = label(
        tmp_path, model=model, progress=lambda *numbers: progress.append(numbers)
    )
    assert model.seen == IDS and model.used == [model.values["ema"]]
    for number in IDS:
        classes, confidence = pseudo_labels.read_guess(tmp_path, number)
        np.testing.assert_array_equal(classes, answer(number)[0])
        doubt = answer(number)[1].astype(np.float64)
        np.testing.assert_array_equal(confidence.astype(np.float64), 1 - doubt)
    assert found.facts == {
        "fraction": 0.4,
        "count": "exact",
        "every": 16,
        "step": 7,
        "network": Asked.network,
    }
    again = pseudo_labels.read(tmp_path, SPLIT, CLASSES)
    assert again.digest() == found.digest()
    assert progress == [(i, 7) for i in range(8)]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def interrupt_at(number):
    calls = []

    def poll():
        calls.append(None)
        if len(calls) == number:
            raise KeyboardInterrupt

    return poll


@pytest.mark.parametrize("number", range(1, len(IDS) + 1))
def test_stopped_and_resumed_equals_uninterrupted(tmp_path, number):
    straight = label(tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        label(tmp_path / "stopped", poll=interrupt_at(number))
    assert not pseudo_labels.is_whole(tmp_path / "stopped", SPLIT)
    model = Asked()
    resumed = label(tmp_path / "stopped", model=model)
    assert model.seen == IDS[number - 1 :]
    assert contents(tmp_path / "stopped") == contents(tmp_path / "straight")
    assert resumed.digest() == straight.digest()


def test_asking_again_asks_nothing_but_another_network_anew(tmp_path):
    first = label(tmp_path)
    model = Asked()
    other_share = label(tmp_path, 0.7, model=model)
    assert model.seen == [] and other_share.content == first.content
    assert other_share.digest() != first.digest()
    for other, weights in ((Asked(averaged=3.0), "ema"), (Asked(), "raw")):
        label(tmp_path, model=other, weights=weights)
        assert other.seen == IDS and other.used == [other.values[weights]]


def test_the_content_says_which_guess_is_whose(tmp_path):
    """Equal guesses, but of two images exchanged."""

    class Exchanged(Asked):
        def guess(self, image):
            self.seen.append(int(image[0, 0, 0]))
            moved = {IDS[0]: IDS[1], IDS[1]: IDS[0]}
            return answer(moved.get(self.seen[-1], self.seen[-1]))

    one, two = label(tmp_path / "a"), label(tmp_path / "b", model=Exchanged())
    assert one.content != two.content


def test_damage_is_noticed_when_labelling_goes_on(tmp_path):
    label(tmp_path)
    path = pseudo_labels.path_of(tmp_path, IDS[2])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=path.name):
        label(tmp_path)
    path.unlink()
    model = Asked()
    label(tmp_path, model=model)
    assert model.seen == [IDS[2]]


def by_hand(pseudo, source):
    """Quality, one pixel after the other."""
    guessed, kept = [0] * CLASSES, [0] * CLASSES
    known, right, known_kept, right_kept = 0, 0, 0, 0
    for number in IDS:
        labels = pseudo(number)[0].ravel().tolist()
        truth = source.train[number].labels()
        truth = [255] * len(labels) if truth is None else truth.ravel().tolist()
        for one, used, true in zip(answer(number)[0].ravel().tolist(), labels, truth):
            guessed[one] += 1
            known += true != 255
            right += true == one
            if used != 255:
                kept[one] += 1
                known_kept += true != 255
                right_kept += true == one
    return (
        100 * sum(kept) / sum(guessed),
        100 * right_kept / known_kept if known_kept else None,
        100 * right / known if known else None,
        [100 * k / g if g else None for k, g in zip(kept, guessed)],
    )


@pytest.mark.parametrize("unknown", [(), IDS[:3], IDS])
def test_quality(tmp_path, unknown):
    """With some truths that unknown, and without any."""
    source = made(unknown)
    split = dataclasses.replace(SPLIT, fingerprint=source.fingerprint())
    pseudo = label(tmp_path, source=source, split=split)
    found = labeling.quality(pseudo, source, split)
    share, accuracy, of_all, by_class = by_hand(pseudo, source)
    assert found.share_labeled == pytest.approx(share)
    assert found.accuracy == (accuracy and pytest.approx(accuracy))
    assert found.accuracy_of_all == (of_all and pytest.approx(of_all))
    assert (found.accuracy is None) == (unknown == IDS)
    assert list(found.share_by_class) == list("abcd")
    for one, other in zip(found.share_by_class.values(), by_class):
        assert one == (other and pytest.approx(other))
    assert found.share_by_class["c"] is None and by_class[NEVER] is None
    assert json.loads(json.dumps(dataclasses.asdict(found)))["share_by_class"]


def test_hidden_numbers_that_are_no_class_are_not_judged(tmp_path, monkeypatch):
    pseudo, truth = label(tmp_path), Numbered.labels
    expected = labeling.quality(pseudo, IMAGES, SPLIT)
    strange = {255: 77}  # nobody has checked them
    changed = np.vectorize(lambda number: strange.get(number, number), [np.uint8])
    monkeypatch.setattr(Numbered, "labels", lambda sample: changed(truth(sample)))
    assert labeling.quality(pseudo, IMAGES, SPLIT) == expected


def test_in_words():
    shares = {"sky": 12.345, "a road": None}
    quality = labeling.Quality(40.0, 90.0, 80.0, shares)
    assert labeling.describe(quality, 6000).splitlines() == [
        "kept 40.00 % of the pixels of 6,000 unlabelled images",
        "right: 90.00 % of those kept, 80.00 % of all",
        "  sky:  12.35 % kept",
        "  a road: never guessed",
    ]
    unknown = dataclasses.replace(quality, accuracy=None, accuracy_of_all=None)
    assert "right" not in labeling.describe(unknown, 6000)
