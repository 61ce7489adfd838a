"""A network."""

import dataclasses

from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config:
    """A network."""

    depth: int = setting(28, "layers with weights", low=10)
