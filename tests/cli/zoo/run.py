"""Settings of a run."""

import dataclasses
from typing import Optional

from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a run."""

    network: str = setting("wide_resnet", "file in networks/")
    dataset: str = setting("digits", "images", choices=("cifar10", "digits", "svhn"))
    labels: int = setting(20, "labelled images", low=1, high=50000)
    seed: int = setting(1, "of all random numbers", low=0)
    shift: float = setting(-0.5, "any number")
    workdir: Optional[str] = setting(None, "the run's folder", harmless=True)
    note: str = setting("", "a remark", harmless=True)
