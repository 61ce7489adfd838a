"""Each setting of an optimizer reaches it."""

from __future__ import annotations

import pytest

from mixdmt_tf.algorithms.classification import supervised
from mixdmt_tf.algorithms.parts import optimizers
from mixdmt_tf.algorithms.parts.layer_rates import LayerRates


@pytest.mark.parametrize("form, only", [("l2", False), ("l2_kernels", True)])
def test_sgd(form, only):
    config = supervised.Config(
        optimizer="sgd",
        weight_decay_form=form,
        weight_decay=0.1,
        momentum=0.3,
        nesterov=True,
    )
    made = optimizers.optimizer(config, 0.1, LayerRates())
    found = (made.kernels_only, made.l2, made.momentum, made.nesterov)
    assert found == (only, 0.1, 0.3, True)


def test_adam():
    config = supervised.Config(adam_epsilon=1e-3)
    assert optimizers.optimizer(config, 0.1, LayerRates()).epsilon == 1e-3
