"""Every formula of the papers, one pure function each; `index.py` lists them."""

from mixdmt_tf.equations.acquisition import (
    k_centre_greedy,
    mutual_information,
)
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
from mixdmt_tf.equations.boxes import (
    box_mask,
    paste,
)
from mixdmt_tf.equations.calibration import (
    at_temperature,
    expected_calibration_error,
    fitted_temperature,
)
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
from mixdmt_tf.equations.flaws import (
    both_flawed_mask,
    class_error,
    dynamic_target,
    flaw_truth,
    gaussian_blur,
    handled_flaws,
)
from mixdmt_tf.equations.graph import (
    affinity_graph,
    balanced_class_weights,
    certainty,
    propagate_labels,
)
from mixdmt_tf.equations.image_labels import (
    cosine_distance,
    filtered_logits,
)
from mixdmt_tf.equations.known_share import (
    bootstrapped_share,
    class_p_values,
    known_share,
)
from mixdmt_tf.equations.label_metrics import (
    average_precision,
    recall_and_f1,
    wrong_decisions,
)
from mixdmt_tf.equations.losses import (
    cross_entropy,
    cross_entropy_of_log_probs,
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
from mixdmt_tf.equations.mixing import (
    interleave,
    interpolate,
    mix,
)
from mixdmt_tf.equations.objects import (
    cutout_mask,
    foreground,
    object_boxes,
)
from mixdmt_tf.equations.ood_scores import (
    largest_logit,
    largest_probability,
    mahalanobis,
    nearest_cosine,
    negative_energy,
    probability_margin,
    subspace,
)
from mixdmt_tf.equations.perturbations import (
    feature_drop,
    feature_noise,
    masked_features,
    spatial_dropout,
)
from mixdmt_tf.equations.realness import (
    binary_cross_entropy,
    feature_matching,
    realness_mask,
)
from mixdmt_tf.equations.reductions import (
    masked_mean,
)
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
    refine,
    sharpen,
    sharpen_logits,
    smooth_labels,
)
from mixdmt_tf.equations.teaching import (
    disagreement_mask,
    small_loss_mask,
)
from mixdmt_tf.equations.whitening import patch_whitening

__all__ = [
    "accuracy_by_class",
    "accuracy_by_confidence",
    "adaptive_thresholds",
    "adversarial_perturbation",
    "affinity_graph",
    "align_distribution",
    "at_temperature",
    "auroc",
    "average_precision",
    "balanced_class_weights",
    "binary_cross_entropy",
    "bootstrapped_share",
    "both_flawed_mask",
    "box_mask",
    "certainty",
    "class_error",
    "class_fairness",
    "class_p_values",
    "class_threshold_mask",
    "class_thresholds",
    "class_thresholds_released",
    "confidence_mask",
    "confidence_mask_inclusive",
    "confidence_mask_released",
    "confusion_counts",
    "cosine_7_16",
    "cosine_distance",
    "cosine_to_zero",
    "cross_entropy",
    "cross_entropy_of_log_probs",
    "cutout_mask",
    "decay_weight",
    "difference_maximized",
    "disagreement_cases",
    "disagreement_mask",
    "dynamic_target",
    "dynamic_weight",
    "ema",
    "ema_decay_warmup",
    "entropy",
    "error_difference_deviation",
    "error_rate",
    "fast_gradient_sign",
    "feature_drop",
    "feature_matching",
    "feature_noise",
    "filtered_logits",
    "fine_grained_accuracy",
    "expected_calibration_error",
    "fitted_temperature",
    "flaw_truth",
    "flipped_label",
    "flipped_weight",
    "foreground",
    "gaussian_blur",
    "guess_label",
    "handled_flaws",
    "hard_label",
    "initial_share",
    "interleave",
    "interpolate",
    "iou_by_class",
    "js_divergence",
    "k_centre_greedy",
    "kl_divergence",
    "known_share",
    "largest_logit",
    "largest_probability",
    "learner_mask",
    "linear_ramp",
    "mahalanobis",
    "masked_features",
    "masked_mean",
    "mean_iou",
    "miou_difference_deviation",
    "mix",
    "mutual_information",
    "naive_weight",
    "nearest_cosine",
    "negative_energy",
    "object_boxes",
    "ood_mask",
    "paste",
    "patch_whitening",
    "polynomial_to_zero",
    "probability_margin",
    "propagate_labels",
    "ranking_sample",
    "realness_mask",
    "recall_and_f1",
    "refine",
    "sharpen",
    "sharpen_logits",
    "sigmoid_ramp",
    "small_loss_mask",
    "smooth_labels",
    "spatial_dropout",
    "squared_error",
    "stable_mask",
    "subspace",
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
    "wrong_decisions",
]
