"""Every formula of the papers, one pure function each: the index.

============================================  =====================================
Paper, equation                               Function
============================================  =====================================
RealMix Eq. 1, 2: L_x                         `losses.cross_entropy`
RealMix Eq. 2: L_u                            `losses.squared_error`
RealMix Alg. 2: average over the views        `targets.guess_label`
RealMix Eq. 3: sharpening                     `targets.sharpen`
RealMix Eq. 4-7: MixUp with lam'              `mixing.mix`
MixMatch, code: batches that share statistics `mixing.interleave`
RealMix 3.4: out-of-distribution mask         `masks.ood_mask`
RealMix 3.5: TSA mask, as intended            `masks.tsa_mask`
RealMix, code: TSA mask, as released          `masks.tsa_mask_released`
RealMix 3.5, UDA: TSA threshold eta           `schedules.tsa_threshold`
MixMatch: ramp of lambda_u                    `schedules.linear_ramp`
RealMix 3.4, 3.5: mean over what is kept      `reductions.masked_mean`
Mean Teacher, RealMix 4: averaged weights     `averages.ema`
TensorFlow: warm-up of the average's decay    `schedules.ema_decay_warmup`
RealMix 4, MixMatch: weight decay             `averages.decay_weight`
RealMix tables: error rate                    `metrics.error_rate`
RealMix 4.2.2: accuracy of each class         `metrics.accuracy_by_class`
============================================  =====================================

RealMix is arXiv:1912.08766, MixMatch arXiv:1905.02249, UDA arXiv:1904.12848 and Mean
Teacher arXiv:1703.01780. A plain number is a section.

What holds for all of them:

* Shapes are [..., C] -> [...]: the same function serves an image's class and a pixel's
  class. No batch mean is taken except by `masked_mean`; the caller reduces.
* Inputs of any float type are cast to float32, and results are float32.
* Nothing broadcasts: shapes that don't fit raise ValueError.
* Each docstring says what is stop-gradiented: the guessed targets and the masks.
* No random numbers, no state, no configuration. Everything can be traced by
  `tf.function` with an unknown batch size and compiled by XLA (`metrics` is NumPy).
"""

from mixdmt_tf.equations.averages import decay_weight, ema
from mixdmt_tf.equations.losses import cross_entropy, squared_error
from mixdmt_tf.equations.masks import ood_mask, tsa_mask, tsa_mask_released
from mixdmt_tf.equations.metrics import accuracy_by_class, error_rate
from mixdmt_tf.equations.mixing import interleave, mix
from mixdmt_tf.equations.reductions import masked_mean
from mixdmt_tf.equations.schedules import ema_decay_warmup, linear_ramp, tsa_threshold
from mixdmt_tf.equations.targets import guess_label, sharpen

__all__ = [
    "accuracy_by_class",
    "cross_entropy",
    "decay_weight",
    "ema",
    "ema_decay_warmup",
    "error_rate",
    "guess_label",
    "interleave",
    "linear_ramp",
    "masked_mean",
    "mix",
    "ood_mask",
    "sharpen",
    "squared_error",
    "tsa_mask",
    "tsa_mask_released",
    "tsa_threshold",
]
