"""Drawing and describing splits."""

import numpy as np
import pytest

from mixdmt_tf.data.classification import splits
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UsageError
from tests.data.classification import made_up
from tests.oracles import splits as oracle


def _parts(split):
    return split.labeled, split.unlabeled, split.validation


def _per_class(source, ids):
    return np.bincount(source.train.labels[ids], minlength=source.num_classes).tolist()


@pytest.mark.parametrize("unknown", [0, 25])
@pytest.mark.parametrize(("labels", "validation"), [(3, 0), (18, 9), (60, 30)])
def test_every_image_has_exactly_one_place(labels, validation, unknown):
    """Labelled, unlabelled and validation together are all images, without overlap."""
    source = made_up.source(unknown=unknown)
    split = splits.make_split(source, labels, validation, seed=3)
    assert [len(split.labeled), len(split.validation)] == [labels, validation]
    together = np.concatenate(_parts(split))
    assert sorted(together.tolist()) == list(range(90 + unknown))
    assert all(ids.dtype == np.int64 for ids in _parts(split))


def test_classes_are_represented_by_the_rule():
    """Both labelled and validation images follow the sizes of the classes."""
    source = made_up.source()
    split = splits.make_split(source, 18, 27, seed=0)
    assert _per_class(source, split.labeled) == oracle.allocate([40, 30, 20], 18)
    assert _per_class(source, split.validation) == oracle.allocate([40, 30, 20], 27)


def test_a_balanced_set_gives_a_balanced_split():
    """25 labels of each of ten classes."""
    source = made_up.source([60] * 10)
    split = splits.make_split(source, 250, 50, seed=0)
    assert _per_class(source, split.labeled) == [25] * 10
    assert _per_class(source, split.validation) == [5] * 10


def test_images_of_unknown_class_are_only_ever_unlabelled():
    """They can neither teach a class nor judge one."""
    source = made_up.source(unknown=50)
    split = splits.make_split(source, 60, 30, seed=0)
    assert source.train.labels[split.unlabeled].tolist() == [-1] * 50


def test_unlabelled_ids_are_sorted():
    """Item i of the augmented copies must not depend on how images were drawn."""
    split = splits.make_split(made_up.source(unknown=7), 18, 9, seed=0)
    assert split.unlabeled.tolist() == sorted(split.unlabeled.tolist())


def test_the_seed_alone_decides():
    """One seed always gives the same split, another seed another one."""
    source = made_up.source()
    digests = [splits.make_split(source, 18, 9, seed).digest() for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_splits_stay_the_same_for_ever():
    """Numbers drawn when this was written: saved runs and tables rest on them."""
    split = splits.make_split(made_up.source(), 6, 3, seed=1)
    assert split.labeled.tolist() == [15, 62, 32, 82, 46, 87]
    assert split.validation.tolist() == [50, 88, 45]


def test_more_labels_contain_fewer():
    """The first 18 of 40 labelled images are the 18 of a smaller split."""
    source = made_up.source()
    small, large = (splits.make_split(source, n, 9, seed=4) for n in (18, 40))
    assert large.labeled[:18].tolist() == small.labeled.tolist()


def test_labels_and_validation_do_not_disturb_each_other():
    """Experiments that differ in one of them share the other's images."""
    source = made_up.source()
    base = splits.make_split(source, 18, 9, seed=4)
    more_validation = splits.make_split(source, 18, 50, seed=4)
    more_labels = splits.make_split(source, 60, 9, seed=4)
    assert more_validation.labeled.tolist() == base.labeled.tolist()
    assert more_labels.validation.tolist() == base.validation.tolist()


def test_images_are_drawn_from_everywhere():
    """Over many seeds each image is labelled about equally often."""
    source = made_up.source([20, 20])
    times = np.zeros(40)
    for seed in range(400):
        times[splits.make_split(source, 10, 0, seed).labeled] += 1
    # Binomial with mean 100 and deviation 8.7.
    assert times.min() > 60 and times.max() < 140


@pytest.mark.parametrize(
    ("counts", "labels", "expected"),
    [([300, 250], 100, 5), ([40, 30], 20, 0), ([300, 250], 548, 2)],
)
def test_validation_by_default(counts, labels, expected):
    """One image in a hundred, as far as labels leave any."""
    source = made_up.source(counts, unknown=900)
    assert len(splits.make_split(source, labels, None, seed=0).validation) == expected


def test_all_labels_by_default_are_all_but_those_held_out():
    """As of a folder labeled/, where 'all' is no number that the user gave."""
    every = made_up.source([300, 250], unknown=900, default_labels=550)
    for validation, expected in ((None, (550, 0)), (0, (550, 0)), (50, (500, 50))):
        split = splits.make_split(every, None, validation, seed=0)
        assert (len(split.labeled), len(split.validation)) == expected
        assert len(split.unlabeled) == 900
    with pytest.raises(UsageError, match=r"2 \+ 549 = 551, .* only 550"):
        splits.make_split(every, None, 549, seed=0)
    with pytest.raises(UsageError, match="together"):  # 250 by default are meant
        splits.make_split(made_up.source([200, 60]), None, 50, seed=0)


def test_validation_images_of_the_source():
    """They are used unless a number is asked for, and 0 means none."""
    own = made_up.images([0, 1, 2, 2])
    source = made_up.source([200, 200, 200], validation=own)
    default, none, some = (
        splits.make_split(source, 18, validation, seed=0) for validation in (None, 0, 9)
    )
    assert splits.validation_images(default, source) is own
    assert len(default.unlabeled) == 600 - 18
    assert splits.validation_images(none, source) is None
    held_out = splits.validation_images(some, source)
    np.testing.assert_array_equal(held_out.images, source.train.images[some.validation])
    assert len(held_out) == 9


@pytest.mark.parametrize(
    ("labels", "validation", "message"),
    [
        (2, 0, r"--labels=2: .* at least one for each of the 3 classes"),
        (91, None, r"--labels=91: .* only 90 .*\n.*--labels=90"),
        (80, 11, r"80 \+ 11 = 91, .* only 90"),
    ],
)
def test_impossible_numbers(labels, validation, message):
    """Refused with the numbers that there are."""
    with pytest.raises(UsageError, match=message):
        splits.make_split(made_up.source(unknown=500), labels, validation, seed=0)


def test_all_known_images_may_be_labelled():
    """As with a labeled/ folder."""
    split = splits.make_split(made_up.source(unknown=5), 90, None, seed=0)
    assert [len(ids) for ids in _parts(split)] == [90, 5, 0]


TABLE = """\
class      labelled  unlabelled  validation  test
class 0          10       1,490           0     1
class 1           2           4           4     0
(unknown)         0           3           0     0
total            12       1,497           4     1
left out: 2 files"""


def test_describe():
    """An aligned table of images per class, and what the source has to say."""
    source = made_up.source(
        [1500, 10],
        unknown=3,
        test=made_up.images([0]),
        notes=("left out: 2 files",),
    )
    truth = source.train.labels
    first, second = (np.flatnonzero(truth == c) for c in (0, 1))
    split = Split(
        dataset=source.name,
        seed=0,
        fingerprint=source.fingerprint(),
        labeled=np.concatenate([first[:10], second[:2]]),
        unlabeled=np.concatenate([first[10:], second[6:], np.flatnonzero(truth < 0)]),
        validation=second[2:6],
    )
    assert splits.describe(split, source) == TABLE


def test_describe_counts_the_sources_own_validation_images():
    """Where those are used."""
    source = made_up.source(validation=made_up.images([1, 1]))
    split = splits.make_split(source, 18, None, seed=0)
    row = splits.describe(split, source).splitlines()[2]
    assert row.split()[-2:] == ["2", "0"]
