"""What an algorithm asks of the data path, and what a batch then holds.

The data path knows recipes, never algorithms: a new method states its needs here-wise
and no file of the data layer changes.
"""

from __future__ import annotations

import dataclasses
from typing import Tuple


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The pieces of one training batch.

    With b rows on a replica, K = `unlabeled_views` and images of shape [H, W, C] a
    batch is a dictionary of

    - `step`: int64 [], the global step, from which schedules are computed;
    - `x`: float32 [b, H, W, C] in [-1, 1], labelled images, augmented once;
    - `y`: int32 [b], their classes;
    - `u`: float32 [b, K, H, W, C] (if K > 0), K independent augmentations of each of b
      unlabelled images;
    - `u_truth`: int32 [b] (if K > 0), the hidden classes, -1 where nobody knows. For
      reports only: an algorithm that trains on them is cheating;
    - `lam`: float32 [G b] and `partner`: int32 [G b] (if mixup is asked for), Beta
      draws and partner rows for the G = sum(`mixup_groups`) blocks of b rows.

    Attributes:
        unlabeled_views: K, 0 for methods that use labels only.
        mixup_groups: blocks of b rows that are shuffled together when partners are
            drawn: `(1 + K,)` mixes labelled and unlabelled rows jointly, `(1, K)`
            separately. Empty: no mixup.
        mixup_beta: both parameters of the Beta distribution.
    """

    unlabeled_views: int = 0
    mixup_groups: Tuple[int, ...] = ()
    mixup_beta: float = 1.0
