"""Every formula of the papers, one pure function each: the index.

==============================================  ======================================
Paper, equation                                 Function
==============================================  ======================================
RealMix Eq. 1, 2: L_x                           `losses.cross_entropy`
the same from log probabilities                 `losses.cross_entropy_of_log_probs`
RealMix Eq. 2: L_u                              `losses.squared_error`
VAT Eq. 5, UDA: divergence of two predictions   `losses.kl_divergence`
VAT+EntMin: entropy                             `losses.entropy`
Deep Co-Training: Jensen-Shannon divergence     `losses.js_divergence`
VAT Eq. 10: unit vector of each example         `adversarial.unit_perturbation`
VAT Eq. 14, 15: r_vadv                          `adversarial.adversarial_perturbation`
FGSM 4, Deep Co-Training: adversarial example   `adversarial.fast_gradient_sign`
Hung et al. Eq. 1, 4: true or predicted?        `realness.binary_cross_entropy`
Hung et al. Eq. 5: pixels taken for true        `realness.realness_mask`
s4GAN: features of true and of predicted maps   `realness.feature_matching`
GCT: how wrong a pixel is                       `flaws.class_error`
OpenCV, GCT: smoothing                          `flaws.gaussian_blur`
GCT: flaw map to be predicted                   `flaws.flaw_truth`
GCT: flaw map to be compared                    `flaws.handled_flaws`
GCT: dynamic consistency                        `flaws.dynamic_target`
GCT: flaw correction                            `flaws.both_flawed_mask`
MLMT: consistency of the logits of an image     `image_labels.cosine_distance`
s4GAN + MLMT: classes that an image shows       `image_labels.filtered_logits`
RealMix Alg. 2: average over the views          `targets.guess_label`
RealMix Eq. 3: sharpening                       `targets.sharpen`
UDA 2.4: softmax temperature                    `targets.sharpen_logits`
Pseudo-Label 2.4: the likeliest class           `targets.hard_label`
DivideMix Eq. 3: label refined by a guess       `targets.refine`
MixMatch, code: label smoothing                 `targets.smooth_labels`
RealMix Eq. 4-7: MixUp with lam'                `mixing.mix`
mixup 2: MixUp with any lam                     `mixing.interpolate`
MixMatch, code: batches that share statistics   `mixing.interleave`
CutMix-Seg: box of random aspect ratio          `boxes.box_mask`
CutMix-Seg: one image within another            `boxes.paste`
RealMix 3.4: out-of-distribution mask           `masks.ood_mask`
RealMix 3.4: score, largest probability         `ood_scores.largest_probability`
MaxLogit: score, largest logit                  `ood_scores.largest_logit`
Liu et al. 2020: score, energy                  `ood_scores.negative_energy`
Score: margin of the likeliest class            `ood_scores.probability_margin`
Sun et al. 2022: score, near neighbours         `ood_scores.nearest_cosine`
Lee et al. 2018: score, Mahalanobis             `ood_scores.mahalanobis`
ProSub: score, span of the class means          `ood_scores.subspace`
Garg et al. 2021: share of known images         `known_share.known_share`
Its spread over labelled images drawn again     `known_share.bootstrapped_share`
Vovk 2012 Prop. 3: rank among those of a class  `known_share.class_p_values`
Pseudo-Label, UDA 2.4: confidence mask          `masks.confidence_mask`
FixMatch Eq. 4: confidence mask with ties       `masks.confidence_mask_inclusive`
MixMatch, code: the first, as released          `masks.confidence_mask_released`
FreeMatch Eq. 7: threshold of each class        `adaptive.adaptive_thresholds`
FreeMatch Eq. 8, 9: mask by these thresholds    `adaptive.class_threshold_mask`
FreeMatch Eq. 11: fairness of the classes       `adaptive.class_fairness`
SoftMatch Eq. 5, 9: truncated Gaussian weight   `adaptive.truncated_gaussian`
ReMixMatch 3.1, SoftMatch Eq. 8: alignment      `adaptive.align_distribution`
CCT: F-Noise                                    `perturbations.feature_noise`
CCT: F-Drop                                     `perturbations.feature_drop`
CCT: DropOut                                    `perturbations.spatial_dropout`
CCT: features that a mask leaves                `perturbations.masked_features`
CCT: where there are objects, Con-Msk           `objects.foreground`
CCT: boxes around objects                       `objects.object_boxes`
CCT: G-Cutout                                   `objects.cutout_mask`
Dual Student: stable in both views              `masks.stable_mask`
Dual Student: who learns from the other         `masks.learner_mask`
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
Guo et al. Eq. 3: expected calibration error    `calibration.expected_calibration_error`
Guo et al.: probabilities at a temperature      `calibration.at_temperature`
Guo et al.: the temperature that fits           `calibration.fitted_temperature`
Label Propagation: graph of similar images      `graph.affinity_graph`
Label Propagation: scores of all classes        `graph.propagate_labels`
Label Propagation Eq. 11: weight of a label     `graph.certainty`
Label Propagation: weight of a class            `graph.balanced_class_weights`
Houlsby et al. 2011 Eq. 2: disagreement         `acquisition.mutual_information`
Sener & Savarese: diverse images                `acquisition.k_centre_greedy`
RealMix tables: error rate                      `metrics.error_rate`
RealMix 4.2.2: accuracy of each class           `metrics.accuracy_by_class`
RealMix 3.4: how well confidence separates      `metrics.auroc`
DMT Fig. 1: accuracy at each confidence         `metrics.accuracy_by_confidence`
DMT App. C: fine-grained testing                `metrics.fine_grained_accuracy`
DMT Tables 4-7: pixels of each pair of classes  `metrics.confusion_counts`
DMT Tables 4-7: IoU of each class               `metrics.iou_by_class`
DMT Tables 4-7: mean IoU                        `metrics.mean_iou`
Schapire & Singer: wrongly decided labels       `label_metrics.wrong_decisions`
Manning et al. 8.4: average precision           `label_metrics.average_precision`
van Rijsbergen: recall, F1                      `label_metrics.recall_and_f1`
Agresti & Min: deviation between two errors     `deviations.error_difference_deviation`
Tukey: deviation between two mean IoUs          `deviations.miou_difference_deviation`
Page 2018, Jordan 2024: whitened patches        `whitening.patch_whitening`
==============================================  ======================================

A plain number is a section. UDA's numbers are those of its sixth version on arXiv.

RealMix is arXiv:1912.08766, MixMatch arXiv:1905.02249, mixup arXiv:1710.09412, UDA
arXiv:1904.12848, FixMatch arXiv:2001.07685, ReMixMatch arXiv:1911.09785, FreeMatch
arXiv:2205.07246, SoftMatch arXiv:2301.10921, VAT arXiv:1704.03976, FGSM
arXiv:1412.6572, Mean Teacher arXiv:1703.01780, Temporal Ensembling arXiv:1610.02242,
Dual Student arXiv:1909.01804, Deep Co-Training arXiv:1803.05984, Label Propagation
arXiv:1904.04717, Pseudo-Label Lee 2013 (ICML workshop); DMT arXiv:2004.08514,
CutMix-Seg arXiv:1906.01916, Hung et al. arXiv:1802.07934, s4GAN and MLMT
arXiv:1908.05724, GCT arXiv:2008.05258, CCT arXiv:2003.09005, DeepLab arXiv:1606.00915;
Decoupling arXiv:1706.02613, Co-teaching arXiv:1804.06872, Co-teaching+
arXiv:1901.04215, DivideMix arXiv:2002.07394; SGDR arXiv:1608.03983, MaxLogit
arXiv:1911.11132, ProSub arXiv:2407.11735, Guo et al. arXiv:1706.04599. The docstrings
name the others.

What holds for all of them:

* Shapes are [..., C] -> [...]: the same function serves an image's class and a pixel's
  class. No batch mean is taken except by `masked_mean`; the caller reduces.
* Inputs of any float type are cast to float32, and results are float32.
* Nothing broadcasts: shapes that don't fit raise ValueError.
* Each docstring says what is stop-gradiented: guessed targets, masks, weights.
* No random numbers, no state, no configuration. Everything can be traced by
  `tf.function` with an unknown batch size and compiled by XLA, except `selection`,
  `graph`, `calibration`, `known_share`, `acquisition`, `metrics`, `label_metrics` and
  `whitening`, which are NumPy and keep its dtypes.
"""
