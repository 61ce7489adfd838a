"""What a method for images asks of the data path."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The pieces of one training batch, which `pipeline.Pipeline` describes.

    Attributes:
        unlabeled_ratio: unlabelled images for each labelled one; 0 for methods that use
            labels only.
        pseudo: whether the unlabelled images come with pseudo labels.
        boxes: whether `u_box` is needed, random numbers for the boxes of CutMix.
        keys: whether `u_key` is needed, of which a method draws random numbers for an
            unlabelled image (`draws.uniform_rows`).
    """

    unlabeled_ratio: int = 0
    pseudo: bool = False
    boxes: bool = False
    keys: bool = False

    @property
    def images_per_label(self) -> int:
        """Images in a batch for each labelled one, that one counted."""
        return 1 + self.unlabeled_ratio
