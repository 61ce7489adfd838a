"""Drawing, writing, reading and describing splits."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest

from mixdmt_tf.data import splits
from mixdmt_tf.errors import UsageError, UserError
from tests.data import made_up
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


def test_a_file_gives_the_split_back(tmp_path):
    """With the same digest, which is that of the file."""
    source = made_up.source(unknown=5)
    split = splits.make_split(source, 18, 9, seed=11)
    path = tmp_path / "split.json"
    splits.write_split(path, split)
    again = splits.read_split(path, source)
    for before, after in zip(_parts(split), _parts(again)):
        np.testing.assert_array_equal(before, after)
        assert after.dtype == np.int64
    assert (again.dataset, again.seed) == ("made_up", 11)
    assert again.digest() == split.digest()
    assert split.digest() == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [each.name for each in tmp_path.iterdir()] == ["split.json"]


def test_fields_of_the_file():
    """The file is plain JSON for other programs."""
    source = made_up.source()
    split = splits.make_split(source, 18, 9, seed=11)
    fields = json.loads(split.to_json())
    assert fields["version"] == 1
    assert fields["fingerprint"] == source.fingerprint()
    assert fields["labeled"] == split.labeled.tolist()
    assert fields["validation"] == split.validation.tolist()


def test_own_validation_survives_the_file(tmp_path):
    """And is refused where the source has none."""
    source = made_up.source(validation=made_up.images([0]))
    split = splits.make_split(source, 18, None, seed=0)
    splits.write_split(tmp_path / "split.json", split)
    assert splits.read_split(tmp_path / "split.json", source).own_validation
    bare = made_up.source()
    with pytest.raises(UserError, match="own_validation"):
        splits.read_split(tmp_path / "split.json", bare)


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    """Neither half a file nor a temporary one."""
    path = tmp_path / "split.json"
    split = splits.make_split(made_up.source(), 18, 9, seed=0)
    splits.write_split(path, split)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        splits.write_split(path, dataclasses.replace(split, seed=object()))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_split_of_other_data_is_refused(tmp_path):
    """One pixel more is other data; so is another name."""
    source = made_up.source()
    path = tmp_path / "split.json"
    splits.write_split(path, splits.make_split(source, 18, 9, seed=0))
    other = made_up.source(train=made_up.images(source.train.labels, seed=1))
    for wrong in (other, dataclasses.replace(source, name="another")):
        with pytest.raises(UserError, match="split of other data"):
            splits.read_split(path, wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labeled": [0, 95]}, "labeled has the id 95; expected 0 to 94"),
        ({"unlabeled": [-1]}, "unlabeled has the id -1"),
        ({"labeled": [3, 3]}, "the id 3 occurs twice"),
        ({"labeled": [3], "unlabeled": [3]}, "the id 3 occurs twice"),
        ({"unlabeled": [3], "validation": [3]}, "the id 3 occurs twice"),
        ({"labeled": "unknown"}, "labeled has the id .* without a label"),
        ({"validation": "unknown"}, "validation has the id .* without a label"),
        ({"labeled": []}, "no image is labelled"),
        ({"labeled": [1.0]}, "labeled: expected integers"),
        ({"labeled": [True]}, "labeled: expected integers"),
        ({"labeled": [10**30]}, "labeled: an id is out of range"),
        ({"labeled": "5"}, "labeled: expected list"),
        ({"seed": "1"}, "seed: expected int"),
        ({"version": 2}, "expected an object with version 1"),
        ({"surprise": 1}, "unknown fields .*surprise"),
    ],
)
def test_damaged_or_wrong_files_are_refused(tmp_path, change, message):
    """Each with one message that names the file and the fault."""
    source = made_up.source(unknown=5)
    fields = {"labeled": [0], "unlabeled": [], "validation": []}
    nameless = int(np.flatnonzero(source.train.labels == -1)[0])
    known = int(np.flatnonzero(source.train.labels >= 0)[10])
    for part, ids in change.items():
        fields[part] = [nameless] if ids == "unknown" else ids
    if fields["labeled"] == [0]:
        fields["labeled"] = [known]
    whole = {"version": 1, "dataset": source.name, "seed": 0}
    whole.update(fingerprint=source.fingerprint(), own_validation=False)
    path = tmp_path / "split.json"
    path.write_text(json.dumps({**whole, **fields}))
    with pytest.raises(UserError, match=message) as caught:
        splits.read_split(path, source)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000]
)
def test_files_that_are_no_split(tmp_path, content):
    """Also those that aren't even JSON."""
    path = tmp_path / "split.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match="is no split.json"):
        splits.read_split(path, made_up.source())


def test_a_missing_file(tmp_path):
    """And a folder in its place."""
    with pytest.raises(UserError, match="No such file"):
        splits.read_split(tmp_path / "nowhere.json", made_up.source())
    with pytest.raises(UserError, match="expected a split.json"):
        splits.read_split(tmp_path, made_up.source())


def test_a_handmade_split_may_leave_images_out(tmp_path):
    """As experiments on mismatched classes do; `own_validation` may be missing."""
    source = made_up.source()
    split = splits.make_split(source, 18, 9, seed=0)
    fields = json.loads(split.to_json())
    fields["unlabeled"] = fields["unlabeled"][:10]
    del fields["own_validation"]
    path = tmp_path / "split.json"
    path.write_text(json.dumps(fields))
    assert len(splits.read_split(path, source).unlabeled) == 10


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
    split = splits.Split(
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
