"""One finished run in rounds for all tests that only look at one."""

from __future__ import annotations

import pytest

from tests.tasks.classification import tiny


@pytest.fixture(scope="session")
def finished_rounds(tmp_path_factory) -> tiny.Finished:
    """DMT in two rounds; read only."""
    return tiny.finished_rounds(tmp_path_factory)
