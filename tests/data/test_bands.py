"""Settings of images with other channels."""

from __future__ import annotations

import pytest

from mixdmt_tf.data import bands
from mixdmt_tf.data.bands import Bands
from mixdmt_tf.errors import UsageError


def test_settings_become_bands():
    assert bands.of(None, "") is None
    assert bands.of(4, "") == Bands(4)
    assert bands.of(1, "0,4095") == Bands(1, 0.0, 4095.0)
    for text in ("5", "5,1", "a,b", "0,inf", "nan,1", "1,2,3"):
        with pytest.raises(UsageError, match="pixel_range"):
            bands.of(1, text)
    with pytest.raises(UsageError, match="needs --channels"):
        bands.of(None, "0,1")
