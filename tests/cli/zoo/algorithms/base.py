"""Settings that all algorithms have."""

import dataclasses

from mixdmt_tf.settings import setting

raise AssertionError("a declaration was executed; it is to be read")


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings that all algorithms have."""

    learning_rate: float = setting(2e-3, "step size of Adam", low=1e-12)
    ema: bool = setting(True, "evaluate the average of the weights")
