"""Another network."""

import dataclasses

from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config:
    """Another network."""

    filters: int = setting(16, "filters of the first layer", low=1)
