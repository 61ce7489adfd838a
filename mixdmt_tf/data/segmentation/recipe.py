"""Recipes: the data that a segmentation method needs in a batch."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Content of a training batch, which `pipeline.Pipeline` describes.

    Attributes:
        unlabeled_ratio: unlabelled images for each labelled one; 0 for methods that use
            labels only.
        pseudo: whether the unlabelled images come with pseudo labels.
        boxes: whether `u_box` is needed, random numbers for the boxes of CutMix.
        keys: whether `u_key` is needed, with which a method draws random numbers for an
            unlabelled image (`draws.uniform_rows`).
    """

    unlabeled_ratio: int = 0
    pseudo: bool = False
    boxes: bool = False
    keys: bool = False

    @property
    def images_per_label(self) -> int:
        """Number of images in a batch per labelled one, including it."""
        return 1 + self.unlabeled_ratio
