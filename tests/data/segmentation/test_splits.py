"""Which images have labels: the published rule, and files."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest

from mixdmt_tf.data.segmentation import splits
from mixdmt_tf.data.splits import Split, write_split
from mixdmt_tf.errors import UsageError, UserError
from tests.data.segmentation.files import in_memory
from tests.data.segmentation.published import VOC_106
from tests.oracles import segmentation as oracle

VOC, CITYSCAPES = 10_582, 2_975


@pytest.mark.parametrize(
    ("labels", "total", "expected"),
    [
        ("1/8", VOC, 1322),
        ("1/20", VOC, 530),  # 529 would leave one image over
        ("1/50", VOC, 211),
        ("1/106", VOC, 100),
        ("100", VOC, 100),
        (529, VOC, 529),  # a number is taken at its word
        ("1/4", CITYSCAPES, 743),
        ("1/8", CITYSCAPES, 371),
        ("1/30", CITYSCAPES, 100),
        ("0.05", VOC, 530),
        ("1/1", 9, 9),
        ("1/2", 10, 5),
        ("3/4", 20, 15),
    ],
)
def test_fractions_and_counts(labels, total, expected):
    """Those of the paper, and others."""
    assert splits.count_of(labels, total) == expected


@pytest.mark.parametrize(
    "labels", ["0", "101", "2/1", "1/1000", "1/0", "a", "", "-3", "1/8/2", "1.5", "٣"]
)
def test_what_is_no_number_of_labels(labels):
    """Said with the flag."""
    with pytest.raises(UsageError, match="--labels="):
        splits.count_of(labels, 100)


@pytest.mark.parametrize("total", [17, 200, VOC])
def test_the_lists_are_drawn_as_the_published_ones(total):
    """Shuffled again for each split; of unsorted names, too."""
    names = [f"{i * 7919 % total:06}" for i in range(total)]
    expected = oracle.labeled_lists(names, [8, 4, 2])
    for seed in range(3):
        order = splits.draw_order(total, seed)
        for s in (8, 4, 2):
            count = splits.count_of(f"1/{s}", total)
            drawn = [names[i] for i in order[:count]]
            assert drawn == expected[seed][s]


def test_order_of_a_published_list():
    """Sorting the drawn ids has to sort the names: one in 100! orders does that."""
    ids = splits.draw_order(VOC, 0)[:100]
    assert np.argsort(ids).tolist() == np.argsort(VOC_106).tolist()


def test_published_lists_are_recognised_and_sampled():
    """The names of the data set are made up around those that are known."""
    ids = splits.draw_order(VOC, 0)
    names = np.array([f"unknown {i:05}" for i in range(VOC)], object)
    names[ids[:100]] = VOC_106
    source = in_memory(VOC, names=names.tolist())
    split = splits.make_split(source, "1/106", 0)
    assert splits.published(source, split.labeled) == "split 0 of PASCAL VOC 1/106"
    assert splits.published(source, split.labeled[::-1]) is None
    digests = []
    for ids in splits.subsets(split):
        text = "\n".join(source.train[i].name for i in ids)
        digests.append(hashlib.sha256(text.encode()).hexdigest()[:16])
    assert digests == ["22cc37248f8434fa", "d3553a7f118c9a4d"]


def test_seeds_beyond_the_published():
    """Each has an order of its own, which never changes."""
    orders = [splits.draw_order(50, seed).tolist() for seed in range(20)]
    assert len(set(map(tuple, orders))) == 20
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert splits.draw_order(10, 3).tolist() == [0, 9, 2, 3, 8, 6, 1, 4, 7, 5]


def test_a_split_of_samples():
    """Ids drawn among images of known labels; all the others are unlabelled."""
    source = in_memory(40, unknown=range(0, 40, 4))
    split = splits.make_split(source, "1/3", 1)
    assert len(split.labeled) == 10 and not set(split.labeled) & {*range(0, 40, 4)}
    everything = sorted([*split.labeled, *split.unlabeled])
    assert everything == list(range(40)) and len(split.validation) == 0
    more = splits.make_split(source, 20, 1)
    assert more.labeled[:10].tolist() == split.labeled.tolist()
    assert splits.make_split(source, 10, 2).labeled.tolist() != split.labeled.tolist()
    whole = splits.make_split(source, None, 1)
    assert len(whole.labeled) == 30 and len(whole.unlabeled) == 10
    with pytest.raises(UserError, match="no training image has labels"):
        splits.make_split(in_memory(3, unknown=range(3)), None, 0)


def test_a_list_of_the_data_set():
    """As VOC's own train.txt within the larger list (DMT table 5)."""
    lists = {"train": ("n000005", "n000001"), "odd": ("n000001", "elsewhere")}
    source = in_memory(8, lists=lists)
    split = splits.make_split(source, None, 0, named="train")
    assert split.labeled.tolist() == [5, 1]
    assert split.unlabeled.tolist() == [0, 2, 3, 4, 6, 7]
    with pytest.raises(UserError, match="elsewhere"):
        splits.make_split(source, None, 0, named="odd")
    with pytest.raises(UsageError, match="expected one of train, odd"):
        splits.make_split(source, None, 0, named="val")
    with pytest.raises(UsageError, match="give one"):
        splits.make_split(source, 3, 0, named="train")


@pytest.mark.parametrize(
    ("count", "common", "size"),
    [(100, 60, 80), (211, 125, 168), (530, 318, 424), (1322, 792, 1057), (50, 30, 40)],
)
def test_sizes_of_difference_maximised_subsets(count, common, size):
    """Of the paper's runs."""
    split = splits.make_split(in_memory(1400), count, 0)
    first, second = map(set, splits.subsets(split))
    assert (len(first), len(second), len(first & second)) == (size, size, common)
    assert first | second == set(split.labeled)


def test_subsets_go_on_with_one_generator():
    """Lists of the published sizes, split after split; others have their own order."""
    source = in_memory(1400)
    sizes = (1322, 530, 211, 100)
    drawn = [splits.make_split(source, n, seed) for seed in range(3) for n in sizes]
    expected = oracle.sampled_subsets([split.labeled.tolist() for split in drawn])
    for split, (first, second) in zip(drawn, expected):
        result = splits.subsets(split)
        assert (result[0].tolist(), result[1].tolist()) == (first, second)
    same = [
        dataclasses.replace(splits.make_split(source, 64, 0), seed=seed)
        for seed in range(5)
    ]
    assert len({tuple(splits.subsets(split)[0]) for split in same}) == 5


def test_file_and_back(tmp_path):
    """Whole, and the same; one of other data is refused."""
    source = in_memory(12, unknown=[3])
    split = splits.make_split(source, "1/2", 1)
    path = tmp_path / "split.json"
    write_split(path, split)
    again = splits.read_split(path, source)
    assert isinstance(again, Split) and again.digest() == split.digest()
    for other in (in_memory(13), in_memory(12), in_memory(12, unknown=[3], name="b")):
        with pytest.raises(UserError, match="a split of other data"):
            splits.read_split(path, other)
    with pytest.raises(UserError, match="expected a split.json"):
        splits.read_split(tmp_path / "none.json", source)
    path.with_name("none.json").write_text("{")
    with pytest.raises(UserError, match="is no split.json"):
        splits.read_split(path.with_name("none.json"), source)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"labeled": [1, 12]}, "the id 12 is out of range; expected 0 to 11"),
        ({"unlabeled": [-1]}, "the id -1 is out of range"),
        ({"labeled": [1], "unlabeled": [1]}, "the id 1 occurs twice"),
        ({"labeled": [3], "unlabeled": []}, "labeled has the id 3, an image without"),
        ({"labeled": []}, "no image is labelled"),
        ({"validation": [2]}, "validation: expected"),
        ({"own_validation": False}, "validation: expected"),
    ],
)
def test_files_by_hand(tmp_path, fields, message):
    """With ids that can't be."""
    source = in_memory(12, unknown=[3])
    path = tmp_path / "split.json"
    written = json.loads(splits.make_split(source, "1/2", 1).to_json())
    path.write_text(json.dumps({**written, **fields}))
    with pytest.raises(UserError, match=message):
        splits.read_split(path, source)
