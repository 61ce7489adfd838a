"""What TensorFlow need not do anew for each test."""

from __future__ import annotations

import contextlib
from typing import Iterator
from unittest import mock

from tensorflow.python.eager import context


@contextlib.contextmanager
def kept_kernels() -> Iterator[None]:
    """Kernels of operations are kept where Keras would have them forgotten.

    To make them anew is a quarter of what a test takes that computes something small.
    """
    nothing = mock.patch.object(
        context.pywrap_tfe, "TFE_ContextClearCaches", lambda _: None
    )
    with nothing:
        yield
