from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.algorithms.classification import batches, rounds, stepping


def test_a_step_follows_the_paper():
    rounds.assert_steps_as_the_paper(rounds.linear("curriculum_labeling"), "none")


def test_without_mixup_too():
    method = rounds.linear("curriculum_labeling", mixup_beta=0.0)
    rounds.assert_steps_as_the_paper(method, "none")


def test_every_pseudo_label_counts_as_much_as_a_label():
    """Whoever disagrees: the loss is that of supervised training on all rows."""
    method = rounds.linear("curriculum_labeling")
    supervised = rounds.linear("supervised", weight_decay=0.0)
    batch = rounds.unmixed(stepping.batch_for(method))
    batch = rounds.disagreeing(method, batch)
    everything = {
        "step": batch["step"],
        "x": tf.concat([batch["x"], batch["u"][:, 0]], 0),
        "y": tf.concat([batch["y"], batch["u_label"]], 0),
    }
    logs, taken = rounds.step_of(method, batch)
    plain, expected = rounds.step_of(supervised, everything)
    np.testing.assert_allclose(logs["loss"], plain["loss"], rtol=1e-6)
    for got, wanted in zip(taken, expected):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-7)


def test_confidence_and_hidden_classes_change_nothing():
    method = rounds.linear("curriculum_labeling")
    batch = stepping.batch_for(method)
    before = rounds.rows_of(method.step_losses(batch)[0])
    other = {
        **batch,
        "u_confidence": 1 - batch["u_confidence"],
        "u_truth": (batch["u_truth"] + 1) % batches.CLASSES,
    }
    np.testing.assert_array_equal(rounds.rows_of(method.step_losses(other)[0]), before)


def test_it_has_no_powers_to_set():
    method = rounds.linear("curriculum_labeling")
    assert method.reported == ("loss_x", "loss_u") and method.loop == "rounds"
    assert not hasattr(method.config, "gamma1")


def test_labels_may_have_weights_of_their_own():
    rounds.assert_weights_of_the_labels_count(rounds.linear("curriculum_labeling"))
