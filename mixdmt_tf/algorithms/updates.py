"""How DMT, and what is compared with it, updates weights and augments images.

Dynamic Mutual Training (arXiv:2004.08514) section 5.2.2 and appendix B.
"""

from __future__ import annotations

import dataclasses

from mixdmt_tf.algorithms import sgd
from mixdmt_tf.settings import setting

GREY = 128  # the border that shifted images get, in the release


# DMT's own WideResNet (`mixdmt_tf/models/wide_resnet.py`).
assumes = {"network": "wide_resnet", "form": "dmt"}


@dataclasses.dataclass(frozen=True)
class Config(sgd.Config):
    """SGD in torch's form, coupled weight decay, one strong operation per image."""

    learning_rate: float = setting(0.2, "learning rate at the start", low=0.0)
    ema_decay: float = setting(
        0.999,
        "decay of the moving average of the weights that is evaluated, exported and "
        "asked for pseudo labels (the release's formula has it the wrong way round, "
        "which is all but 0)",
        low=0.0,
        high=1.0,
    )
    ema_warmup: bool = setting(
        True,
        "use min(ema_decay, (1 + t) / (10 + t)) at step t (neither in the paper nor in "
        "the release, whose runs are long): without it an average of .999 still "
        "carries a fifth of the initial weights after 1,600 steps",
    )
    augment: str = setting(
        "randaugment_dmt",
        "what is done to every image after shift and flip: one of 16 operations of "
        "random strength, Cutout among them (section 5.2.2), or the release's, which "
        "moves by up to 100 pixels and so turns CIFAR's images black",
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
