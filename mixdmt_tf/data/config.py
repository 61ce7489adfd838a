"""Settings of the data: which pictures, which of them have labels, which copies."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from typing import Optional

from mixdmt_tf.settings import check, setting, settings_of


@dataclasses.dataclass(frozen=True)
class Config:
    """What is learned from; the augmentation of single batches is the source's."""

    dataset: str = setting("cifar10", "data set: the name of a file in data/sources/")
    data_dir: str = setting(
        "",
        "folder of prepared TensorFlow Datasets (default: $TFDS_DATA_DIR or "
        "~/tensorflow_datasets); for --dataset=folder the folder of the pictures",
        harmless=True,
    )
    labels: Optional[int] = setting(
        None,
        "training images whose labels are used, at least one per class; the labels of "
        "the others are hidden; default: 250, of a folder labeled/ all",
        low=1,
    )
    validation: Optional[int] = setting(
        None,
        "training images held out for validation, 0: none; default: the data set's own "
        "validation images if it has any, else one labelled image in a hundred of what "
        "it holds (500 of CIFAR-10)",
        low=0,
    )
    image_size: int = setting(
        32, "height and width that --dataset=folder resizes pictures to", low=4
    )
    split: str = setting(
        "",
        "a split.json of another run, used instead of drawing --labels",
        harmless=True,  # as a path: a run compares what the file holds
    )
    copies: int = setting(
        50,
        "augmented copies of each unlabelled image, 0: the images themselves "
        "(RealMix section 3.1)",
        low=0,
    )
    copies_augment: str = setting(
        "cutout",
        "how copies differ; cutout: random erasing, simple: shift and flip",
        choices=("cutout", "simple", "none"),
    )
    copies_store: str = setting(
        "auto",
        "where copies live, the same pictures everywhere; auto: disk if the cache has "
        "room, else virtual: made when a batch needs them",
        choices=("auto", "disk", "memory", "virtual"),
        harmless=True,
    )
    cache_dir: str = setting(
        "",
        "folder for copies on disk; default: $XDG_CACHE_HOME/mixdmt_tf or "
        "~/.cache/mixdmt_tf",
        harmless=True,
    )

    def __post_init__(self) -> None:
        """Refuses values out of range with a UsageError."""
        check(settings_of(type(self)), self)

    def cache_folder(self) -> pathlib.Path:
        """The folder that `cache_dir` means; it need not exist."""
        if self.cache_dir:
            return pathlib.Path(self.cache_dir).expanduser()
        caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return pathlib.Path(caches).expanduser() / "mixdmt_tf"
