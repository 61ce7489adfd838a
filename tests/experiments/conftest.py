"""One finished run for all tests that only look at one."""

from __future__ import annotations

import keras
import pytest

from tests.experiments import tiny


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> tiny.Finished:
    """RealMix with its supervised comparison; read only."""
    return tiny.finished(tmp_path_factory)


@pytest.fixture(autouse=True)
def the_precision_of_before():
    """A run sets Keras's global policy: the next test gets the old one back."""
    policy = keras.mixed_precision.global_policy()
    yield
    keras.mixed_precision.set_global_policy(policy)
