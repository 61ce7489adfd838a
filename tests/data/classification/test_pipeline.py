"""Batches as a pure function of (seed, step, replica)."""

import dataclasses
import hashlib
import itertools

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data.classification import pipeline as pipelines
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.data.pixels import to_float
from tests.data.classification import made_up, streams
from tests.oracles import crop_flip as oracle


def assert_equal(first, second):
    """Two batches, bit for bit."""
    assert set(first) == set(second)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def differ(first, second, name):
    return bool(np.any(np.asarray(first[name]) != np.asarray(second[name])))


def batches(pipeline, start, stop, replicas=1):
    return list(pipeline.dataset(start, stop, replicas).as_numpy_iterator())


def gathered(pipeline, name, stop):
    """One entry of the batches of the first steps, row after row."""
    return np.concatenate([batch[name] for batch in batches(pipeline, 0, stop)])


@pytest.mark.parametrize("recipe", [streams.JOINT, Recipe()])
def test_batch_1000_asked_for_directly_equals_batch_1000_reached(recipe):
    """From the start, and from where a run was resumed."""
    source = made_up.source(crop_padding=1, flip=True)
    pipeline = streams.pipeline(recipe, source, batch=2, count=3)

    direct = pipeline.at(1000)

    assert direct["step"] == 1000
    for start in (0, 990):
        *_, reached = pipeline.dataset(start, 1001)
        assert_equal(direct, reached)


def test_a_data_set_has_the_steps_it_was_asked_for():
    assert [b["step"] for b in batches(streams.pipeline(), 3, 7)] == [3, 4, 5, 6]


def test_steps_and_seeds_change_everything():
    """Every entry of a batch but the step, which only tells."""
    source = made_up.source(crop_padding=1, flip=True)
    batch = streams.pipeline(source=source, count=3).at(5)
    later = streams.pipeline(source=source, count=3).at(6)
    other = streams.pipeline(source=source, count=3, seed=1).at(5)

    for name in set(batch) - {"step"}:
        assert differ(batch, later, name), name
        assert differ(batch, other, name), name


def test_these_batches_never_change():
    """Published runs are repeated, and interrupted ones go on, by their seeds."""
    source = made_up.source(crop_padding=1, flip=True)
    batch = streams.pipeline(streams.SEPARATE, source, batch=4, count=3).at(1000)

    pixels = [np.round((batch[name] + 1) * 127.5).astype(np.uint8) for name in "xu"]
    digests = [hashlib.sha256(each.tobytes()).hexdigest()[:8] for each in pixels]
    assert digests == ["fc49db9f", "02e52964"]
    assert batch["partner"].numpy()[4:].tolist() == [4, 7, 11, 9, 6, 10, 8, 5]
    np.testing.assert_allclose(
        batch["lam"][:3], [0.4762398, 0.0297552, 0.0811109], rtol=1e-5
    )


@pytest.mark.parametrize("replicas", [2, 4])
def test_rows_of_all_replicas_are_the_rows_of_one_device(replicas):
    """Images, augmentations and labels; mixup is each replica's own."""
    source = made_up.source(crop_padding=1, flip=True)
    pipeline = streams.pipeline(source=source, count=3, augment="none")
    whole = pipeline.at(7)
    parts = [pipeline.at(7, replica, replicas) for replica in range(replicas)]

    for name in ("x", "y", "u", "u_truth"):
        together = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(together, whole[name], err_msg=name)
    for part in parts:
        assert part["step"] == 7
        assert part["lam"].shape == part["partner"].shape == [24 // replicas]
    for first, second in itertools.combinations(parts, 2):
        assert differ(first, second, "lam")


def test_elements_of_a_data_set_go_round_the_replicas():
    pipeline = streams.pipeline()
    elements = batches(pipeline, 4, 7, replicas=2)

    assert len(elements) == 6
    for i, element in enumerate(elements):
        assert_equal(element, pipeline.at(4 + i // 2, i % 2, 2))


def test_a_batch_that_replicas_cannot_share_is_refused():
    with pytest.raises(ValueError, match="batch of 8 cannot be shared by 3 replicas"):
        streams.pipeline().at(0, 0, 3)


def test_unlabelled_images_without_a_store_are_refused():
    pipeline = dataclasses.replace(streams.pipeline(), store=None)

    with pytest.raises(ValueError, match="there is no store"):
        pipeline.at(0)


def test_labelled_rows_are_passes_over_the_labelled_images():
    """All six, then all six again in another order; their own labels beside."""
    pipeline = streams.pipeline()
    ids = streams.ids_of(gathered(pipeline, "x", 15))
    labels = gathered(pipeline, "y", 15)

    passes = ids.reshape(-1, 6)
    for each in passes:
        assert sorted(each) == sorted(pipeline.split.labeled)
    assert len(np.unique(passes, axis=0)) > 10
    np.testing.assert_array_equal(labels, pipeline.source.train.labels[ids])


@pytest.mark.parametrize("count", [0, 3])
def test_unlabelled_rows_are_passes_over_the_copies(count):
    """No labelled and no validation image among them; the hidden class beside."""
    pipeline = streams.pipeline(count=count, augment="none")
    size = len(pipeline.split.unlabeled) * max(count, 1)
    steps = size // 8 + 1
    ids = streams.ids_of(gathered(pipeline, "u", steps))
    truth = gathered(pipeline, "u_truth", steps)

    np.testing.assert_array_equal(ids[:, 0], ids[:, 1])  # views of the same image
    seen = np.bincount(ids[:size, 0], minlength=len(pipeline.source.train))
    expected = np.zeros_like(seen)
    expected[pipeline.split.unlabeled] = max(count, 1)
    np.testing.assert_array_equal(seen, expected)
    np.testing.assert_array_equal(truth, pipeline.source.train.labels[ids[:, 0]])
    assert -1 in truth


def test_copies_reach_the_batch():
    """Erased images, and the same numbers of steps see others."""
    source = streams.numbered(counts=(80, 80), shape=(8, 8, 1))
    u = gathered(streams.pipeline(source=source, count=2), "u", 15)

    changed = np.ptp(u, axis=(2, 3, 4)) > 0
    np.testing.assert_array_equal(changed[:, 0], changed[:, 1])
    assert 0.1 < changed.mean() < 0.5


def test_labelled_rows_do_not_depend_on_what_else_is_asked_for():
    """The supervised comparison sees the images that RealMix sees."""
    source = made_up.source(crop_padding=1, flip=True)
    alone = streams.pipeline(Recipe(), source).at(9)
    beside = streams.pipeline(streams.JOINT, source, count=3).at(9)

    for name in ("step", "x", "y"):
        np.testing.assert_array_equal(alone[name], beside[name])


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("padding", [0, 1])
def test_online_augmentation_is_the_one_that_suits_the_set(padding, flip):
    """Every crop and flip that the source allows, of each view's images; no other."""
    source = made_up.source(crop_padding=padding, flip=flip)
    pipeline = streams.pipeline(source=source, batch=120)
    (batch,) = batches(pipeline, 0, 1)
    labeled, unlabeled = pipeline.split.labeled, pipeline.split.unlabeled
    views = [
        (batch["x"], labeled),
        (batch["u"][:, 0], unlabeled),
        (batch["u"][:, 1], unlabeled),
    ]

    for rows, ids in views:
        variants = {
            variant.tobytes(): place
            for image in source.train.images[ids]
            for place, variant in enumerate(oracle.variants(image, padding, flip))
        }
        pixels = np.round((rows + 1) * 127.5).astype(np.uint8)
        occurring = {variants[row.tobytes()] for row in pixels}
        expected = (2 * padding + 1) ** 2 * (1 + flip)
        # Of 18 equally likely variants 120 rows may well miss one.
        assert expected - 2 <= len(occurring) <= expected and len(occurring) > 0
        assert len(occurring) == expected or expected == 18


def test_views_are_augmented_independently():
    """Labelled rows too: no two of the three see the same draws."""
    source = made_up.source(crop_padding=1)
    ramp = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    images = np.broadcast_to(ramp, (len(source.train), 4, 4, 1)).copy()
    train = dataclasses.replace(source.train, images=images)
    source = dataclasses.replace(source, train=train)
    (batch,) = batches(streams.pipeline(source=source, batch=300), 0, 1)
    views = [batch["x"], batch["u"][:, 0], batch["u"][:, 1]]

    for first, second in itertools.combinations(views, 2):
        same = (first == second).all((1, 2, 3)).mean()
        assert 0.03 < same < 0.25  # 1 / 9 of independent shifts agree


def test_images_fill_the_range_from_minus_one_to_one():
    levels = to_float(tf.range(256))

    assert levels.dtype == tf.float32
    assert levels[0] == -1 and levels[255] == 1
    np.testing.assert_allclose(levels, np.linspace(-1, 1, 256), atol=1e-6)


def test_images_of_a_batch_stay_in_range():
    batch = streams.pipeline(source=made_up.source(crop_padding=1), count=3).at(0)

    for name in ("x", "u"):
        assert -1 <= np.min(batch[name]) < -0.9 and 0.9 < np.max(batch[name]) <= 1


@pytest.mark.parametrize("replicas", [1, 2])
def test_joint_partners_are_one_permutation_of_all_rows_of_a_replica(replicas):
    pipeline = streams.pipeline(streams.JOINT)
    rows = 24 // replicas
    mixed = 0
    for element in batches(pipeline, 0, 10, replicas):
        partner = element["partner"]
        assert sorted(partner) == list(range(rows))
        mixed += np.sum(partner[: rows // 3] >= rows // 3)
    # Two of three labelled rows meet an unlabelled one.
    assert 0.5 < mixed / (10 * 8) < 0.85


@pytest.mark.parametrize("replicas", [1, 2])
def test_separate_partners_stay_in_their_group(replicas):
    """Labelled rows meet labelled rows, unlabelled rows of both views each other."""
    pipeline = streams.pipeline(streams.SEPARATE)
    rows = 8 // replicas
    crossed = 0
    for element in batches(pipeline, 0, 10, replicas):
        partner = element["partner"]
        assert sorted(partner[:rows]) == list(range(rows))
        assert sorted(partner[rows:]) == list(range(rows, 3 * rows))
        crossed += np.sum(partner[rows : 2 * rows] >= 2 * rows)
    assert 0.3 < crossed / (10 * 8) < 0.7


def test_groups_are_shuffled_independently():
    """Two groups of the same size are not shuffled alike."""
    pipeline = streams.pipeline(Recipe(2, mixup_groups=(1, 1, 1)))
    partner = pipeline.at(0)["partner"].numpy().reshape(3, 8)

    orders = partner - np.arange(3)[:, None] * 8
    assert len(np.unique(orders, axis=0)) == 3


def test_lam_follows_the_beta_distribution_of_the_recipe():
    """Over steps and rows: mean 1/2, variance 1 / (8 beta + 4)."""
    recipe = Recipe(mixup_groups=(3,), mixup_beta=0.3)
    lam = gathered(streams.pipeline(recipe, batch=64), "lam", 60)
    variance = 1 / (8 * 0.3 + 4)

    assert lam.min() >= 0 and lam.max() <= 1
    assert abs(lam.mean() - 0.5) < 4 * np.sqrt(variance / len(lam))
    np.testing.assert_allclose(lam.var(), variance, rtol=0.05)
    # Neither rows nor steps share a draw; those near 0 and 1 may meet in float32.
    middle = lam[(lam > 0.01) & (lam < 0.99)]
    assert len(np.unique(middle)) > 0.99 * len(middle)


@pytest.mark.parametrize("at_once", [2, 3, 250])
def test_labelled_images_once_and_in_the_order_of_the_split(at_once, monkeypatch):
    monkeypatch.setattr(pipelines, "PASS", at_once)
    made = streams.pipeline(batch=2)
    labeled = made.split.labeled
    parts = list(made.labeled_images())
    assert all(len(images) <= at_once for images, _ in parts)
    expected = made.source.train.take(labeled)
    pixels = np.concatenate([images for images, _ in parts])
    np.testing.assert_array_equal(pixels, to_float(expected.images))
    classes = np.concatenate([each for _, each in parts])
    np.testing.assert_array_equal(classes, expected.labels)
