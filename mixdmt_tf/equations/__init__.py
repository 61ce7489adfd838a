"""Every formula of the papers, one pure function each: the index.

==============================================  ======================================
Paper, equation                                 Function
==============================================  ======================================
RealMix Eq. 1, 2: L_x                           `losses.cross_entropy`
RealMix Eq. 2: L_u                              `losses.squared_error`
VAT 3, UDA 2: divergence of two predictions     `losses.kl_divergence`
VAT 4: entropy                                  `losses.entropy`
Deep Co-Training 2: Jensen-Shannon divergence   `losses.js_divergence`
VAT 3.3: unit vector of each example            `adversarial.unit_perturbation`
VAT 3.3: r_adv                                  `adversarial.adversarial_perturbation`
FGSM 4, Deep Co-Training: adversarial example   `adversarial.fast_gradient_sign`
RealMix Alg. 2: average over the views          `targets.guess_label`
RealMix Eq. 3: sharpening                       `targets.sharpen`
UDA, techniques: softmax temperature            `targets.sharpen_logits`
Pseudo-Label 3: the likeliest class             `targets.hard_label`
MixMatch, code: label smoothing                 `targets.smooth_labels`
RealMix Eq. 4-7: MixUp with lam'                `mixing.mix`
mixup 2: MixUp with any lam                     `mixing.interpolate`
MixMatch, code: batches that share statistics   `mixing.interleave`
CutMix-Seg 3.3: box of random aspect ratio      `boxes.box_mask`
CutMix-Seg 3.3: one image within another        `boxes.paste`
RealMix 3.4: out-of-distribution mask           `masks.ood_mask`
Pseudo-Label, UDA 3: confidence mask            `masks.confidence_mask`
FixMatch Eq. 4: confidence mask with ties       `masks.confidence_mask_inclusive`
MixMatch, code: the first, as released          `masks.confidence_mask_released`
FreeMatch 3: threshold of each class            `adaptive.adaptive_thresholds`
FreeMatch 3: mask by these thresholds           `adaptive.class_threshold_mask`
FreeMatch Eq. 11: fairness of the classes       `adaptive.class_fairness`
SoftMatch 3: truncated Gaussian weight          `adaptive.truncated_gaussian`
ReMixMatch 3.1, SoftMatch: aligned predictions  `adaptive.align_distribution`
CCT 3.2: F-Noise                                `perturbations.feature_noise`
CCT 3.2: F-Drop                                 `perturbations.feature_drop`
CCT 3.2: DropOut                                `perturbations.spatial_dropout`
CCT 3.2: features that a mask leaves            `perturbations.masked_features`
CCT 3.2: where there are objects, Con-Msk       `objects.foreground`
CCT 3.2: boxes around objects                   `objects.object_boxes`
CCT 3.2: G-Cutout                               `objects.cutout_mask`
Dual Student 4: stable in both views            `masks.stable_mask`
Dual Student 4: who learns from the other       `masks.learner_mask`
RealMix 3.5: TSA mask, as intended              `masks.tsa_mask`
RealMix, code: TSA mask, as released            `masks.tsa_mask_released`
RealMix 3.5, UDA: TSA threshold eta             `schedules.tsa_threshold`
MixMatch: ramp of lambda_u                      `schedules.linear_ramp`
DMT 4.2.1, Mean Teacher: ramp of gamma          `schedules.sigmoid_ramp`
RealMix 3.4, 3.5: mean over what is kept        `reductions.masked_mean`
Mean Teacher, RealMix 4: averaged weights       `averages.ema`
Temporal Ensembling 2.2: without the start      `averages.unbiased_average`
TensorFlow: warm-up of the average's decay      `schedules.ema_decay_warmup`
FixMatch 2.4, UDA: decay of the learning rate   `schedules.cosine_7_16`
SGDR Eq. 5, DMT: decay of the learning rate     `schedules.cosine_to_zero`
DeepLab, DMT 5.2.2: decay of the learning rate  `schedules.polynomial_to_zero`
The average: what is left of its first weights  `averages.initial_share`
RealMix 4, MixMatch: weight decay               `averages.decay_weight`
DMT Eq. 6: agreement and disagreement           `dynamic.disagreement_cases`
DMT Eq. 6: dynamic weight                       `dynamic.dynamic_weight`
DMT 5.4: weight without cases, DMT-Naive        `dynamic.naive_weight`
DMT 5.4: label of DMT-Flip                      `dynamic.flipped_label`
DMT 5.4: weight of DMT-Flip                     `dynamic.flipped_weight`
DMT Alg. 1: number of images to keep            `selection.top_count`
DMT, code: the same, as released                `selection.top_count_released`
DMT Alg. 1: the most confident images           `selection.top_confident`
DMT, code: pixels that are ranked               `selection.ranking_sample`
DMT Alg. 2: threshold of each class             `selection.class_thresholds`
DMT, code: the same, as released                `selection.class_thresholds_released`
DMT Eq. 2: pseudo labels above a threshold      `selection.threshold_labels`
DMT Eq. 11: two subsets, maximally different    `selection.difference_maximized`
Decoupling, Co-teaching+: networks that differ  `teaching.disagreement_mask`
Co-teaching Alg. 1: examples of small loss      `teaching.small_loss_mask`
Guo et al. 4.2: probabilities at a temperature  `calibration.at_temperature`
Guo et al. 4.2: the temperature that fits       `calibration.fitted_temperature`
Label Propagation 4.1: graph of similar images  `graph.affinity_graph`
Label Propagation 4.1: scores of all classes    `graph.propagate_labels`
Label Propagation 4.2: weight of a label        `graph.certainty`
Label Propagation 4.2: weight of a class        `graph.balanced_class_weights`
RealMix tables: error rate                      `metrics.error_rate`
RealMix 4.2.2: accuracy of each class           `metrics.accuracy_by_class`
RealMix 3.4: how well confidence separates      `metrics.auroc`
DMT Fig. 1: accuracy at each confidence         `metrics.accuracy_by_confidence`
DMT App. C: fine-grained testing                `metrics.fine_grained_accuracy`
DMT Tables 4-7: pixels of each pair of classes  `metrics.confusion_counts`
DMT Tables 4-7: IoU of each class               `metrics.iou_by_class`
DMT Tables 4-7: mean IoU                        `metrics.mean_iou`
Agresti & Min: deviation between two errors     `deviations.error_difference_deviation`
Tukey: deviation between two mean IoUs          `deviations.miou_difference_deviation`
==============================================  ======================================

RealMix is arXiv:1912.08766, MixMatch arXiv:1905.02249, UDA arXiv:1904.12848, VAT
arXiv:1704.03976, Mean Teacher arXiv:1703.01780, DMT arXiv:2004.08514, Deep Co-Training
arXiv:1803.05984, FGSM arXiv:1412.6572, Dual Student arXiv:1909.01804, CutMix-Seg
arXiv:1906.01916, DeepLab arXiv:1606.00915, ReMixMatch arXiv:1911.09785, FreeMatch
arXiv:2205.07246, CCT arXiv:2003.09005, SoftMatch arXiv:2301.10921 and Temporal
Ensembling arXiv:1610.02242, Label Propagation arXiv:1904.04717; Pseudo-Label is Lee
2013 (ICML workshop). A plain number is a section.

What holds for all of them:

* Shapes are [..., C] -> [...]: the same function serves an image's class and a pixel's
  class. No batch mean is taken except by `masked_mean`; the caller reduces.
* Inputs of any float type are cast to float32, and results are float32.
* Nothing broadcasts: shapes that don't fit raise ValueError.
* Each docstring says what is stop-gradiented: guessed targets, masks, weights.
* No random numbers, no state, no configuration. Everything can be traced by
  `tf.function` with an unknown batch size and compiled by XLA, except `selection`,
  `graph`, `calibration`, `metrics` and `object_boxes`, which are NumPy.
"""

from mixdmt_tf.equations.adaptive import (
    adaptive_thresholds,
    align_distribution,
    class_fairness,
    class_threshold_mask,
    truncated_gaussian,
)
from mixdmt_tf.equations.adversarial import (
    adversarial_perturbation,
    fast_gradient_sign,
    unit_perturbation,
)
from mixdmt_tf.equations.averages import (
    decay_weight,
    ema,
    initial_share,
    unbiased_average,
)
from mixdmt_tf.equations.boxes import box_mask, paste
from mixdmt_tf.equations.calibration import at_temperature, fitted_temperature
from mixdmt_tf.equations.deviations import (
    error_difference_deviation,
    miou_difference_deviation,
)
from mixdmt_tf.equations.dynamic import (
    disagreement_cases,
    dynamic_weight,
    flipped_label,
    flipped_weight,
    naive_weight,
)
from mixdmt_tf.equations.graph import (
    affinity_graph,
    balanced_class_weights,
    certainty,
    propagate_labels,
)
from mixdmt_tf.equations.losses import (
    cross_entropy,
    entropy,
    js_divergence,
    kl_divergence,
    squared_error,
)
from mixdmt_tf.equations.masks import (
    confidence_mask,
    confidence_mask_inclusive,
    confidence_mask_released,
    learner_mask,
    ood_mask,
    stable_mask,
    tsa_mask,
    tsa_mask_released,
)
from mixdmt_tf.equations.metrics import (
    accuracy_by_class,
    accuracy_by_confidence,
    auroc,
    confusion_counts,
    error_rate,
    fine_grained_accuracy,
    iou_by_class,
    mean_iou,
)
from mixdmt_tf.equations.mixing import interleave, interpolate, mix
from mixdmt_tf.equations.objects import cutout_mask, foreground, object_boxes
from mixdmt_tf.equations.perturbations import (
    feature_drop,
    feature_noise,
    masked_features,
    spatial_dropout,
)
from mixdmt_tf.equations.reductions import masked_mean
from mixdmt_tf.equations.schedules import (
    cosine_7_16,
    cosine_to_zero,
    ema_decay_warmup,
    linear_ramp,
    polynomial_to_zero,
    sigmoid_ramp,
    tsa_threshold,
)
from mixdmt_tf.equations.selection import (
    class_thresholds,
    class_thresholds_released,
    difference_maximized,
    ranking_sample,
    threshold_labels,
    top_confident,
    top_count,
    top_count_released,
)
from mixdmt_tf.equations.targets import (
    guess_label,
    hard_label,
    sharpen,
    sharpen_logits,
    smooth_labels,
)
from mixdmt_tf.equations.teaching import disagreement_mask, small_loss_mask

__all__ = [
    "accuracy_by_class",
    "accuracy_by_confidence",
    "adaptive_thresholds",
    "adversarial_perturbation",
    "affinity_graph",
    "align_distribution",
    "at_temperature",
    "auroc",
    "balanced_class_weights",
    "box_mask",
    "certainty",
    "class_fairness",
    "class_threshold_mask",
    "class_thresholds",
    "class_thresholds_released",
    "confidence_mask",
    "confidence_mask_inclusive",
    "confidence_mask_released",
    "confusion_counts",
    "cosine_7_16",
    "cosine_to_zero",
    "cross_entropy",
    "cutout_mask",
    "decay_weight",
    "difference_maximized",
    "disagreement_cases",
    "disagreement_mask",
    "dynamic_weight",
    "ema",
    "ema_decay_warmup",
    "entropy",
    "error_difference_deviation",
    "error_rate",
    "fast_gradient_sign",
    "feature_drop",
    "feature_noise",
    "fine_grained_accuracy",
    "fitted_temperature",
    "flipped_label",
    "flipped_weight",
    "foreground",
    "guess_label",
    "hard_label",
    "initial_share",
    "interleave",
    "interpolate",
    "iou_by_class",
    "js_divergence",
    "kl_divergence",
    "learner_mask",
    "linear_ramp",
    "masked_features",
    "masked_mean",
    "mean_iou",
    "miou_difference_deviation",
    "mix",
    "naive_weight",
    "object_boxes",
    "ood_mask",
    "paste",
    "polynomial_to_zero",
    "propagate_labels",
    "ranking_sample",
    "sharpen",
    "sharpen_logits",
    "sigmoid_ramp",
    "small_loss_mask",
    "smooth_labels",
    "spatial_dropout",
    "squared_error",
    "stable_mask",
    "threshold_labels",
    "top_confident",
    "top_count",
    "top_count_released",
    "truncated_gaussian",
    "tsa_mask",
    "tsa_mask_released",
    "tsa_threshold",
    "unbiased_average",
    "unit_perturbation",
]
