"""Every formula of the papers, one pure function each: the index.

============================================  =====================================
Paper, equation                               Function
============================================  =====================================
RealMix Eq. 1, 2: L_x                         `losses.cross_entropy`
RealMix Eq. 2: L_u                            `losses.squared_error`
VAT 3, UDA 2: divergence of two predictions   `losses.kl_divergence`
VAT 4: entropy                                `losses.entropy`
VAT 3.3: unit vector of each example          `adversarial.unit_perturbation`
VAT 3.3: r_adv                                `adversarial.adversarial_perturbation`
RealMix Alg. 2: average over the views        `targets.guess_label`
RealMix Eq. 3: sharpening                     `targets.sharpen`
UDA, techniques: softmax temperature          `targets.sharpen_logits`
Pseudo-Label 3: the likeliest class           `targets.hard_label`
MixMatch, code: label smoothing               `targets.smooth_labels`
RealMix Eq. 4-7: MixUp with lam'              `mixing.mix`
MixMatch, code: batches that share statistics `mixing.interleave`
RealMix 3.4: out-of-distribution mask         `masks.ood_mask`
Pseudo-Label, UDA 3: confidence mask          `masks.confidence_mask`
FixMatch Eq. 4: confidence mask with ties     `masks.confidence_mask_inclusive`
MixMatch, code: the first, as released        `masks.confidence_mask_released`
RealMix 3.5: TSA mask, as intended            `masks.tsa_mask`
RealMix, code: TSA mask, as released          `masks.tsa_mask_released`
RealMix 3.5, UDA: TSA threshold eta           `schedules.tsa_threshold`
MixMatch: ramp of lambda_u                    `schedules.linear_ramp`
RealMix 3.4, 3.5: mean over what is kept      `reductions.masked_mean`
Mean Teacher, RealMix 4: averaged weights     `averages.ema`
TensorFlow: warm-up of the average's decay    `schedules.ema_decay_warmup`
FixMatch 2.4, UDA: decay of the learning rate `schedules.cosine_7_16`
SGDR Eq. 5, DMT: decay of the learning rate   `schedules.cosine_to_zero`
RealMix 4, MixMatch: weight decay             `averages.decay_weight`
RealMix tables: error rate                    `metrics.error_rate`
RealMix 4.2.2: accuracy of each class         `metrics.accuracy_by_class`
RealMix 3.4: how well confidence separates    `metrics.auroc`
============================================  =====================================

RealMix is arXiv:1912.08766, MixMatch arXiv:1905.02249, UDA arXiv:1904.12848, VAT
arXiv:1704.03976 and Mean Teacher arXiv:1703.01780; Pseudo-Label is Lee 2013 (ICML
workshop). A plain number is a section.

What holds for all of them:

* Shapes are [..., C] -> [...]: the same function serves an image's class and a pixel's
  class. No batch mean is taken except by `masked_mean`; the caller reduces.
* Inputs of any float type are cast to float32, and results are float32.
* Nothing broadcasts: shapes that don't fit raise ValueError.
* Each docstring says what is stop-gradiented: the guessed targets and the masks.
* No random numbers, no state, no configuration. Everything can be traced by
  `tf.function` with an unknown batch size and compiled by XLA (`metrics` is NumPy).
"""

from mixdmt_tf.equations.adversarial import adversarial_perturbation, unit_perturbation
from mixdmt_tf.equations.averages import decay_weight, ema
from mixdmt_tf.equations.losses import (
    cross_entropy,
    entropy,
    kl_divergence,
    squared_error,
)
from mixdmt_tf.equations.masks import (
    confidence_mask,
    confidence_mask_inclusive,
    confidence_mask_released,
    ood_mask,
    tsa_mask,
    tsa_mask_released,
)
from mixdmt_tf.equations.metrics import accuracy_by_class, auroc, error_rate
from mixdmt_tf.equations.mixing import interleave, mix
from mixdmt_tf.equations.reductions import masked_mean
from mixdmt_tf.equations.schedules import (
    cosine_7_16,
    cosine_to_zero,
    ema_decay_warmup,
    linear_ramp,
    tsa_threshold,
)
from mixdmt_tf.equations.targets import (
    guess_label,
    hard_label,
    sharpen,
    sharpen_logits,
    smooth_labels,
)

__all__ = [
    "accuracy_by_class",
    "adversarial_perturbation",
    "auroc",
    "confidence_mask",
    "confidence_mask_inclusive",
    "confidence_mask_released",
    "cosine_7_16",
    "cosine_to_zero",
    "cross_entropy",
    "decay_weight",
    "ema",
    "ema_decay_warmup",
    "entropy",
    "error_rate",
    "guess_label",
    "hard_label",
    "interleave",
    "kl_divergence",
    "linear_ramp",
    "masked_mean",
    "mix",
    "ood_mask",
    "sharpen",
    "sharpen_logits",
    "smooth_labels",
    "squared_error",
    "tsa_mask",
    "tsa_mask_released",
    "tsa_threshold",
    "unit_perturbation",
]
