"""Guided Collaborative Training: two networks, and a detector of their flaws.

Ke, Qiu, Li, Yan and Lau 2020 (arXiv:2008.05258), and its release, PixelSSL; DMT
(arXiv:2004.08514) compares with it in table 4. From image and prediction a flaw
detector says where a prediction is wrong, which it learns on labelled images. Of two
networks that see the same images each learns

- dynamic consistency: the other's prediction of the pixels where that has the smaller
  flaw;
- flaw correction: where both have large flaws, to make the detector see a smaller one.

What differs from the release:

- Targets come from the predictions that are trained. The release predicts a first time
  for the targets, so that batch normalization's statistics move twice a step.
- Ignored pixels and what lies beside an image count nowhere. In the release they are
  half wrong, and padding is background.
- Images without a flaw above .1 have none at all. In the release they have negative
  ones (`equations/flaws.py`).
- What the detector predicts below 0 is as wrong as it is; the release takes it for 0.
- The network that is evaluated is the first; which one PixelSSL reports is not said.

`--flaw=confidence` takes 1 minus the largest probability for the flaw instead, and
needs no detector: an ablation that the authors did not publish.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional, Tuple

import keras
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import (
    discriminators,
    segmentation_sgd,
    segmentation_unlabeled,
)
from mixdmt_tf.algorithms.parts.groups import Group
from mixdmt_tf.data.segmentation.recipe import Recipe
from mixdmt_tf.equations import (
    both_flawed_mask,
    class_error,
    cross_entropy,
    dynamic_target,
    flaw_truth,
    handled_flaws,
    sigmoid_ramp,
    squared_error,
)
from mixdmt_tf.models.discriminators import flaw_detector, require_size
from mixdmt_tf.settings import override, setting

assumes = {"batch": 8}  # with as many unlabelled images


@dataclasses.dataclass(frozen=True)
class Config(
    discriminators.Discriminator,
    segmentation_unlabeled.Passes,
    segmentation_unlabeled.Batches,
    segmentation_sgd.Defaults,
    base.Config,
):
    """Settings of PixelSSL on four GPUs; of the discriminator: the flaw detector's."""

    learning_rate: float = override(0.001)
    one_pass: bool = override(True)
    discriminator_learning_rate: float = override(0.0004)
    lambda_dc: float = setting(
        100.0, "weight of the dynamic consistency after its warm-up", low=0.0
    )
    lambda_dc_ramp: float = setting(
        0.15,
        "share of the run over which lambda_dc grows as exp(-5 (1 - t)^2): 3 of 20 "
        "epochs",
        low=0.0,
        high=1.0,
    )
    lambda_fc: float = setting(1.0, "weight of the flaw correction", low=0.0)
    lambda_flaw: float = setting(
        10.0, "weight of the detector's own loss on labelled images", low=0.0
    )
    flaw_threshold: float = setting(
        0.6, "xi: flaws above this count as bad, and as equally bad", low=0.0
    )
    flaw: str = setting(
        "detector",
        "how flaws of predictions are found; detector: by a network; confidence: as 1 "
        "minus the largest probability, an ablation",
        choices=("detector", "confidence"),
    )

    def require_crop(self, size: Tuple[Optional[int], Optional[int]]) -> None:
        """As for a discriminator; convolutions of stride 1 take a little more."""
        if self.flaw == "detector":
            require_size(size, self.discriminator_layers, between=True)


class GCT(base.Algorithm):
    """The network and its peer, of the same form.

    Attributes:
        detector: from class maps and images to a flaw for each pixel; None if flaws are
            those of confidence.
    """

    has_peer = True
    reported = (
        "loss_x",
        "loss_x_peer",
        "loss_dc",
        "loss_dc_peer",
        "loss_fc",
        "loss_fc_peer",
        "loss_flaw",
        "lambda_dc",
        "taught",
        "taught_peer",
        "both_flawed",
    )

    def __init__(self, network: Any, config: Config, facts: base.RunFacts):
        """Makes the detector; arguments of `base.Algorithm`."""
        super().__init__(network, config, facts)
        self.detector = None
        if config.flaw == "detector":
            config.require_crop(network.output_shape[1:3])
            self.detector = flaw_detector(
                *(facts.num_classes, config.discriminator_layers),
                config.discriminator_width,
                network.input_shape[-1],
            )

    def more_groups(self) -> Dict[str, Group]:
        """The detector has Adam."""
        if self.detector is None:
            return {}
        group = discriminators.group(self.detector, self.config, self.facts.steps)
        return {discriminators.GROUP: group}

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Labelled and unlabelled images."""
        return Recipe(unlabeled_ratio=config.unlabeled_ratio)

    def flaws(self, probs: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
        """How wrong each pixel is thought to be, with the gradient to the prediction.

        Args:
            probs: float32 [n, h, w, C].
            images: float32 [n, h, w, 3].

        Returns:
            float32 [n, h, w].
        """
        if self.detector is None:
            return 1 - tf.reduce_max(probs, -1)
        return self.detector([probs, images], training=True)[..., 0]

    def _predict(
        self, network: keras.Model, batch: Dict[str, tf.Tensor]
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        one_pass = self.config.one_pass
        return segmentation_unlabeled.predict(network, batch["x"], batch["u"], one_pass)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Both constraints on all images, labelled ones too."""
        config = self.config
        y, known = segmentation_sgd.with_labels(batch["y"], self.facts.num_classes)
        inside = tf.cast(batch["u_confidence"] > 0, tf.float32)
        everywhere = tf.concat([known, inside], 0)
        images = tf.concat([batch["x"], batch["u"]], 0)
        labeled, side = tf.shape(y)[0], min(images.shape[1:3])

        networks = {"": self.network, "_peer": self.peer}
        logits = {
            end: tf.concat(self._predict(each, batch), 0)
            for end, each in networks.items()
        }
        probs = {end: tf.nn.softmax(each) for end, each in logits.items()}
        flaws = {end: self.flaws(each, images) for end, each in probs.items()}
        seen = {end: handled_flaws(each, side) for end, each in flaws.items()}
        bad = everywhere * both_flawed_mask(*seen.values(), config.flaw_threshold)

        ramp = sigmoid_ramp(
            batch["step"], round(config.lambda_dc_ramp * self.facts.steps)
        )
        weight = ramp * config.lambda_dc
        terms, reports = {}, {"lambda_dc": weight, "both_flawed": (bad, everywhere)}
        for end, other in (("", "_peer"), ("_peer", "")):
            target = dynamic_target(
                *(probs[end], probs[other], seen[end], seen[other]),
                config.flaw_threshold,
            )
            apart = squared_error(target, probs[end])
            loss_x = cross_entropy(y, logits[end][:labeled])
            terms[f"loss_x{end}"] = base.Term(loss_x, known)
            terms[f"loss_dc{end}"] = base.Term(apart, everywhere, weight)
            terms[f"loss_fc{end}"] = base.Term(
                bad * tf.square(flaws[end]), everywhere, config.lambda_fc
            )
            changed = tf.reduce_any(target != probs[end], -1)
            reports[f"taught{end}"] = (tf.cast(changed, tf.float32), everywhere)
        if self.detector is not None:
            terms["loss_flaw"] = self._detection(y, known, probs, flaws, side)
        return terms, reports

    def _detection(
        self,
        y: tf.Tensor,
        known: tf.Tensor,
        probs: Dict[str, tf.Tensor],
        flaws: Dict[str, tf.Tensor],
        side: int,
    ) -> base.Term:
        """The detector's loss on the predictions of both networks."""
        labeled = tf.shape(y)[0]
        errors = []
        for end, found in flaws.items():
            error = known * class_error(y, probs[end][:labeled])
            truth = flaw_truth(error, side)
            errors.append(tf.square(found[:labeled] - truth))
        return base.Term(
            tf.concat(errors, 0),
            tf.concat([known, known], 0),
            self.config.lambda_flaw,
            group=discriminators.GROUP,
        )
