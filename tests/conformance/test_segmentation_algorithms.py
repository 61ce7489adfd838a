"""What every method of segmentation must hold; a new file is found by itself.

Networks are a real one, and two of one layer: 'rows', whose images don't see each other
(no batch normalization), and 'pixels', whose pixels don't either.
"""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.data.segmentation import splits
from mixdmt_tf.data.segmentation.pipeline import Pipeline
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.algorithms.segmentation import batches, stepping
from tests.conformance.test_replicas import run
from tests.data.segmentation.files import in_memory, numbers

# All but those that differ from another one in settings alone, as DST does from DMT.
NAMES = tuple(
    name
    for name in batches.NAMES
    if any(
        not own.startswith("__") and own != "config_class"
        for own in vars(algorithms.method("segmentation", name))
    )
)

pytestmark = pytest.mark.parametrize("name", NAMES)


def of_images(method):
    """Whether it learns labels of whole images: otherwise than those of pixels."""
    return getattr(method, "image_level", False)


def has_u(method):
    return method.recipe(method.config).unlabeled_ratio > 0


def without(name, *kept):
    """Settings that leave the labels alone to teach: weights of 0 but for these."""
    fields = dataclasses.fields(algorithms.method("segmentation", name).config_class)
    lambdas = {field.name for field in fields if field.name.startswith("lambda_")}
    return dict.fromkeys(lambdas - {"lambda_u_ramp", *kept}, 0.0)


def test_there_are_methods(name):
    assert {"supervised", "dmt", "cbst", "cutmix"} <= set(NAMES)
    assert set(batches.NAMES) - set(NAMES) == {"dst"}
    assert algorithms.method("segmentation", name).reported


def test_all_precisions_compute_nearly_the_same_finite_loss(name):
    first = None
    for precision in ("float32", "mixed_bfloat16", "mixed_float16"):
        keras.mixed_precision.set_global_policy(precision)
        keras.utils.set_random_seed(3)  # for networks that the method makes
        method = batches.build(name)
        first = first or method.network.get_weights()
        method.network.set_weights(first)
        method.average.restart()
        logs = method.train_step(batches.batch_for(method, seed=0, step=0))
        assert set(logs) == {"loss", *method.reported}
        for value in logs.values():
            assert value.dtype == tf.float32 and np.isfinite(value)
        if precision == "float32":
            expected = float(logs["loss"])
        assert float(logs["loss"]) == pytest.approx(expected, rel=0.01)
        after = method.network.get_weights()
        assert all(np.isfinite(weight).all() for weight in after)
        assert all((one != other).any() for one, other in zip(after, first))


def test_reported_names_are_what_losses_returns(name):
    method = batches.plain(name)
    terms, reports = method.step_losses(batches.batch_for(method))
    assert set(method.reported) == {*terms, *reports}
    assert "loss_x" in method.reported


def test_ignored_pixels_are_as_if_they_were_not_there(name):
    """Nothing that is learned or reported depends on them.

    A discriminator sees around a pixel: of those methods only what isn't there counts.
    """
    if len(batches.plain(name).groups) > 1:
        return
    method_class = algorithms.method("segmentation", name)
    given = batches.known_to(method_class, batches.POINTWISE)
    outcomes = []
    for which in (0, 1):
        method = batches.plain(name, **given)
        batch = batches.batch_for(method)
        batch = batches.keeping(batch, batches.judged_by(method))[which]
        outcomes.append(stepping.step_of(method, batch))
    (logs, taken), (expected, wanted) = outcomes
    assert logs == pytest.approx(expected, rel=1e-5)
    for one, other in zip(taken, wanted):
        assert np.abs(other).max() > 1e-3
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_without_unlabelled_pixels_it_is_supervised(name):
    method = batches.plain(name, "rows", **without(name, "lambda_u"))
    if not has_u(method) or of_images(method):
        return
    batch = batches.batch_for(method)
    alone = batches.ignoring(batch, batches.judged_by(method))
    supervised = batches.plain("supervised", "rows")
    logs, plain = stepping.assert_learn_alike(method, supervised, alone, batch)
    for key in ("loss_x",) if method.has_peer else ("loss", "loss_x"):
        assert logs[key] == pytest.approx(plain[key], rel=1e-5)


def test_with_a_weight_of_0_labels_alone_are_learnt(name):
    """Pseudo labels that weigh nothing still count among those that are divided by."""
    method = batches.plain(name, "rows", **without(name))
    if not has_u(method) or of_images(method):
        return
    batch, share = batches.batch_for(method), 1.0
    if method.loop == "rounds":
        method.weigh = lambda labels, confidence, probs: (
            labels,
            tf.zeros_like(confidence),
            {},
        )
        n, more = (np.sum(batch[k] != batches.IGNORED) for k in ("y", "u_label"))
        share = n / (n + more)
    supervised = batches.plain("supervised", "rows")
    logs, plain = stepping.assert_learn_alike(method, supervised, batch, batch, share)
    if not method.has_peer:  # whose loss is that of two
        assert logs["loss"] == pytest.approx(share * plain["loss"], rel=1e-5)
    assert logs["loss_x"] == pytest.approx(plain["loss_x"], rel=1e-5)


def test_unlabelled_samples_alone_teach_something(name):
    method = batches.plain(name, "rows")
    if not has_u(method):
        return
    batch = batches.ignoring(batches.batch_for(method), "y")
    logs, taken = stepping.step_of(method, batch)
    assert logs["loss_x"] == 0 and logs["loss"] > 1e-3
    for weight, step in zip(method.network.trainable_variables, taken):
        path = getattr(weight, "path", weight.name)  # in Keras 2 the name is the path
        learns = not path.startswith(batches.LABELS_ONLY.get(name, "-"))
        assert (np.abs(step).max() > 1e-3) == learns


def test_where_all_is_ignored_nothing_is_learnt(name):
    """And nothing is 0 / 0."""
    method = batches.plain(name, "rows")
    names = ["y", batches.judged_by(method)][: 1 + has_u(method)]
    batch = batches.ignoring(batches.batch_for(method), *names)
    logs, taken = stepping.step_of(method, batch)
    assert logs["loss"] == 0 and all(np.isfinite(list(logs.values())))
    for step in taken:
        np.testing.assert_array_equal(step, 0)


def test_every_weight_gets_a_gradient_and_the_teachers_none(name):
    method = batches.build(name)
    batch = batches.batch_for(method)
    teachers = method.teacher.trainable_variables if method.teacher else []
    with tf.GradientTape() as tape:
        terms, _ = method.step_losses(batch)
        loss = tf.add_n([tf.reduce_mean(term.values) for term in terms.values()])
    variables = method.trained_weights
    gradients = tape.gradient(loss, [*variables, *teachers])
    assert gradients[len(variables) :] == [None] * len(teachers)
    for weight, gradient in zip(variables, gradients):
        assert gradient is not None and np.abs(gradient).max() > 1e-6, weight.name


def test_a_teacher_holds_the_averages_and_no_statistics(name):
    if not algorithms.method("segmentation", name).has_teacher:
        assert batches.plain(name).teacher is None
        return
    method = batches.build(name, learning_rate=0.1, ema_decay=0.5)
    first = method.teacher.get_weights()
    method.train_step(batches.batch_for(method))
    for weight, average, before, after in zip(
        method.network.weights,
        method.teacher.weights,
        first,
        method.network.get_weights(),
    ):
        expected = before if "moving" in weight.name else (before + after) / 2
        assert np.abs(after - before).max() > 1e-5, weight.name
        np.testing.assert_allclose(average, expected, rtol=1e-4, atol=1e-6)


def test_the_same_seed_gives_the_same_weights(name):
    outcomes = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        method = batches.build(name, "rows")
        for seed in range(2):
            method.train_step(batches.batch_for(method, seed=seed))
        averages = [average.numpy() for _, average in method.average.pairs()]
        outcomes.append(method.network.get_weights() + averages)
    for one, other in zip(*outcomes):
        np.testing.assert_array_equal(one, other)


def test_loss_falls_on_data_that_can_be_memorized(name):
    method = batches.build(
        name, "rows", learning_rate=0.3, learning_rate_schedule="constant"
    )
    batch = batches.batch_for(method)
    losses = [stepping.step_of(method, batch)[0]["loss_x"] for _ in range(10)]
    assert 0 < np.mean(losses[-3:]) < 0.3 * losses[0]


def test_two_replicas_equal_one(name):
    """With ignored pixels of other numbers on each; pairs of images keep together."""
    alone, strategy = batches.plain(name, "rows"), mirrored_strategy()
    alone.compile(keras.optimizers.SGD(0.5))
    with strategy.scope():
        together = batches.plain(name, "rows")
        together.compile(keras.optimizers.SGD(0.5))
    pairs = [
        [batches.batch_for(alone, step=s, seed=2 * s + r) for r in (0, 1)]
        for s in range(2)
    ]
    run(strategy, together, pairs)
    for first, second in pairs:
        logs = alone.train_step(batches.merge(first, second))
    for one, other in zip(together.average.pairs(), alone.average.pairs()):
        for got, expected in zip(one, other):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    for metric, value in logs.items():
        got = float(together.means[metric].result())
        assert got == pytest.approx(float(value), rel=1e-4, abs=1e-6), metric


def pipeline_for(method):
    """Batches from images in memory, for the method."""
    recipe = method.recipe(method.config)
    made_up = in_memory(6)
    return Pipeline(
        made_up,
        splits.make_split(made_up, 2, 0),
        seed=1,
        labeled=2,
        unlabeled=2 * recipe.unlabeled_ratio,
        guesses=(lambda _: (numbers(), np.ones((5, 7)))) if recipe.pseudo else None,
        boxes=recipe.boxes,
        crop=batches.SIZE,
        keys=recipe.keys,
    )


def test_batches_of_the_pipeline_fit(name):
    """Made-up batches are like them, and Keras's own loop trains with them."""
    method = batches.plain(name, "rows")
    pipeline, made_up = pipeline_for(method), batches.batch_for(method)
    batch = pipeline.at(0)
    assert batch.keys() == made_up.keys()
    for key, value in batch.items():
        assert (value.dtype, value.shape) == (made_up[key].dtype, made_up[key].shape)
    before = method.network.get_weights()
    history = method.fit(pipeline.dataset(0, 2), verbose=0).history
    assert set(history) == {"loss", *method.reported}
    assert np.isfinite(history["loss"]).all() and history["loss"][0] > 0
    for old, new in zip(before, method.network.get_weights()):
        assert np.abs(old - new).max() > 1e-3
