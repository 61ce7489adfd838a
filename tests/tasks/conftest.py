"""One finished run for all tests that only look at one."""

from __future__ import annotations

import pytest

from tests.tasks.classification import tiny


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> tiny.Finished:
    """RealMix with its supervised comparison; read only."""
    return tiny.finished(tmp_path_factory)
