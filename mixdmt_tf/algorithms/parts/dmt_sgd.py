"""How DMT, and what is compared with it, updates weights and augments images.

Dynamic Mutual Training (arXiv:2004.08514) section 5.2.2 and appendix B.
"""

from __future__ import annotations

import dataclasses
from typing import Optional

from mixdmt_tf.settings import override, setting

BORDER = "grey"  # of shifted images, in the release

# DMT's own WideResNet (`mixdmt_tf/models/wide_resnet.py`).
assumes = {"network": "wide_resnet", "form": "dmt"}


@dataclasses.dataclass(frozen=True)
class Defaults:
    """SGD in torch's form, coupled weight decay, one strong operation per image.

    A method combines them with `base.Config`.
    """

    optimizer: str = override("sgd")
    learning_rate: float = override(0.2)
    learning_rate_schedule: str = override("cosine")
    weight_decay: float = override(0.0005)
    weight_decay_form: str = override("l2")
    ema_decay: float = override(
        0.999,
        "these weights give the pseudo labels, too; the release's formula is the wrong "
        "way round, which amounts to a decay of nearly 0",
    )
    ema_warmup: Optional[bool] = override(
        True,
        "neither in the paper nor in the release, whose runs are long: without it a "
        "fifth of the initial weights is left after 1,600 steps",
    )
    augment: str = setting(
        "randaugment_dmt",
        "what is done to every image after shift and flip: one of 16 operations of "
        "random strength, Cutout among them (section 5.2.2), or the release's, which "
        "moves by up to 100 pixels and so turns CIFAR's images black, and whose Cutout "
        "covers a third more",
        choices=(
            "randaugment_dmt",
            "randaugment_dmt_released",
            "randaugment",
            "randaugment_fixmatch",
            "autoaugment",
            "autoaugment_svhn",
            "cutout",
            "none",
        ),
    )


@dataclasses.dataclass(frozen=True)
class Mixup:
    """Settings of the release's mixup, for all methods but online self-training."""

    mixup_beta: float = setting(
        0.75,
        "both parameters of the Beta distribution of mixup (release; not in the "
        "paper), one draw for the whole batch; 0: no mixup",
        low=0.0,
    )
