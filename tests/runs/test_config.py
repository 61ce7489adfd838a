"""Settings of a run."""

from __future__ import annotations

import pytest

from mixdmt_tf.errors import UsageError
from mixdmt_tf.runs.config import Config


def test_xla_on_several_replicas_is_refused():
    with pytest.raises(UsageError, match="--jit_compile=on .*--strategy=mirrored"):
        Config(jit_compile="on", strategy="mirrored")


@pytest.mark.parametrize("strategy", ["auto", "none"])
def test_xla_on_one_device_is_allowed(strategy):
    assert Config(jit_compile="on", strategy=strategy).jit_compile == "on"


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"batch": 0},
        {"seed": -1},
        {"eval_every": 0},
        {"keep_checkpoints": 0},
        {"precision": "float16"},
        {"steps_per_execution": 0},
        {"deterministic": 1},
    ],
)
def test_values_out_of_range_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(UsageError, match=f"^{name}=.*expected"):
        Config(**wrong)
