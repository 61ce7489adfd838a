"""Recipes: the data that an algorithm needs in a batch.

The data path depends on recipes, never on algorithms. A new method declares its needs
as a Recipe, and no file of the data layer has to change.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Optional, Tuple

# Border that shifts uncover: the reflected image, or a level of 0 to 255.
BORDERS: Dict[str, Optional[int]] = {"reflect": None, "grey": 128}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Content of a training batch.

    With b rows on a replica, n = b `unlabeled_ratio`, K = `unlabeled_views`,
    O = `original_views` and images of shape [H, W, C] a batch is a dictionary of

    - `step`: int64 [], the global step, from which schedules are computed;
    - `x`: float32 [b, H, W, C] in [-1, 1], labelled images, augmented once;
    - `y`: int32 [b], their classes;
    - `u`: float32 [n, K, H, W, C] (if K > 0), K independent augmentations of each of n
      images of the unlabelled stream, which are augmented copies if there are any;
    - `u_original`: float32 [n, O, H, W, C] (if O > 0), augmentations of the original
      images whose copies are in `u`;
    - `u_truth`: int32 [n] (if K > 0), the hidden classes, -1 where unknown, -2 or
      less for images known to be of no class. For reports only: an algorithm that
      trains on them is cheating;
    - `x_index`: int64 [b] (if `indices`), indices of `x` among the labelled images;
    - `u_index`: int64 [n] (if `indices`), indices of these images among the unlabelled
      ones, 0 to N - 1; a pass over the stream has each index once;
    - `u_label`: int32 [n] and `u_confidence`: float32 [n] (if `pseudo`), the pseudo
      labels of the images in `u`, which are then those that were kept;
    - `u_kept`: float32 [n] (if `unkept`), 1 where the pseudo label was kept;
    - `x_weight`: float32 [b] (if `pseudo`, or if the data set's labels have weights),
      weights of the labels: the label's own weight divided by the mean of the labelled
      images, times the weight of its class if pseudo labels come from a graph;
    - `u_weight`: float32 [n] (if `pseudo`), weights of the pseudo labels by origin: 1,
      or certainty times weight of the class if they come from a graph;
    - `u_noise`: float32 [n, H, W, C] (if `noise`), standard normal draws;
    - `lam`: float32 [G b] and `partner`: int32 [G b] (if mixup is asked for), Beta
      draws and partner rows for the G = sum(`mixup_groups`) blocks of b rows; all
      draws are the same number if `mixup_shared`.

    Attributes:
        unlabeled_views: K, 0 for methods that use labels only.
        unlabeled_ratio: unlabelled images for each labelled one.
        original_views: O, for methods that compare a copy with its image.
        indices: whether the batch needs the indices of the images in `x` and `u`.
        noise: whether noise in the shape of the unlabelled images is needed.
        mixup_groups: blocks of b rows that are shuffled together when partners are
            drawn: `(1 + K,)` mixes labelled and unlabelled rows jointly, `(1, K)`
            separately. Empty: no mixup.
        mixup_beta: both parameters of the Beta distribution.
        mixup_shared: draw one coefficient for the whole batch, as DMT does.
        augment: augmentation of every image of a batch after shift and flip: one of
            `copies.AUGMENTATIONS`, or 'none'.
        weak_originals: whether to exclude `u_original` from it, so that these images
            are only shifted and flipped.
        border: default border that shifts uncover, one of BORDERS.
        pseudo: whether `u` has pseudo-labelled images.
        unkept: with `pseudo`, whether to include images whose pseudo label was not
            kept.
        copies: default number of augmented copies of each unlabelled image.
        copies_augment: default augmentation of the copies.
    """

    unlabeled_views: int = 0
    unlabeled_ratio: int = 1
    original_views: int = 0
    indices: bool = False
    noise: bool = False
    mixup_groups: Tuple[int, ...] = ()
    mixup_beta: float = 1.0
    mixup_shared: bool = False
    augment: str = "none"
    weak_originals: bool = False
    border: str = "reflect"
    pseudo: bool = False
    unkept: bool = False
    copies: int = 0
    copies_augment: str = "none"

    @property
    def fill(self) -> Optional[int]:
        """The level, 0 to 255, of the border that shifts uncover; None: reflection."""
        return BORDERS[self.border]

    @property
    def images_per_label(self) -> int:
        """Number of images in a batch per labelled one, including it and all views."""
        views = self.unlabeled_views + self.original_views
        return 1 + self.unlabeled_ratio * views
