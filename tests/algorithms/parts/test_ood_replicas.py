"""The mask on two devices leaves out what it leaves out on one."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.parts import fixed_scores
from mixdmt_tf.algorithms.parts.image_scores import stranger_share
from mixdmt_tf.equations import ood_mask as lowest
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.algorithms.classification import batches
from tests.algorithms.parts.test_ood_mask import build, evidence, labeled_images
from tests.conformance import test_replicas


@pytest.mark.parametrize("layer", ["", "conv2d"])
def test_two_replicas_remember_what_one_does(layer):
    alone = build("knn", ood_layer=layer)
    strategy = mirrored_strategy()
    with strategy.scope():
        together = build("knn", ood_layer=layer)
        together.compile(keras.optimizers.SGD(0.5))
    alone.compile(keras.optimizers.SGD(0.5))
    together.network.set_weights(alone.network.get_weights())
    recipe = alone.recipe(alone.config)
    pairs = [
        [batches.make(recipe, 4, step=step, seed=2 * step + r) for r in (0, 1)]
        for step in range(2)
    ]
    for method in (alone, together):
        method.begin(labeled_images())
    test_replicas.run(strategy, together, pairs)
    for first, second in pairs:
        alone.train_step(batches.merge(first, second))
    np.testing.assert_allclose(
        together.ood.references.numpy(), alone.ood.references, rtol=1e-3, atol=1e-4
    )


def test_two_replicas_mask_the_images_that_one_masks():
    scores = np.random.default_rng(2).permutation(64).astype(np.float32)
    found = fixed_scores.FixedScores(scores, stranger_share(evidence()))
    given = {"ood_scores_from": "RUN", "ood_rate": "auto"}
    index = np.random.default_rng(3).permutation(64)[:8]
    strategy = mirrored_strategy()
    with strategy.scope():
        together = build("energy", **given)
    alone = build("energy", **given)
    for method in (alone, together):
        method.ood.given = found
        method.begin(None)

    def mask(method, places):
        batch = {"u_index": tf.constant(places), "u_truth": tf.zeros(len(places))}
        return method.ood(batch, tf.zeros([2 * len(places), 4]), None)

    def on_replica():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return mask(together, tf.gather(index.reshape(2, 4), replica).numpy())

    parts = strategy.experimental_local_results(strategy.run(on_replica))
    both = np.concatenate([np.reshape(each, (2, 4)) for each in parts], 1)
    np.testing.assert_array_equal(both.ravel(), mask(alone, index))
    assert 0 < both.sum() < both.size


def test_a_percentile_of_the_whole_batch():
    """Two devices mask what one does; each masking its own share is something else."""
    scores = tf.constant([0.9, 0.8, 0.7, 0.6, 0.1, 0.2, 0.3, 0.4])
    strategy, masks = mirrored_strategy(), {}
    for of in ("device", "batch"):
        mask = build("softmax", ood_percentile=of).ood

        def on_replica(mask=mask):
            index = tf.distribute.get_replica_context().replica_id_in_sync_group
            return mask._masked(scores[4 * index : 4 * index + 4], 0.5)

        parts = strategy.experimental_local_results(strategy.run(on_replica))
        masks[of] = np.concatenate(parts).tolist()
    assert masks["batch"] == lowest(scores, 0.5).numpy().tolist()
    assert masks["batch"] == [1, 1, 1, 0, 0, 0, 0, 0]
    assert masks["device"] == [1, 0, 0, 0, 0, 0, 0, 1]
