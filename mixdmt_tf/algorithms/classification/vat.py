"""Virtual adversarial training: no small change of an image may change its prediction.

Miyato, Maeda, Koyama and Ishii 2017 (arXiv:1704.03976): VAT+EntMin. Settings follow the
MixMatch release, which differs from the paper: only unlabelled images are perturbed,
with a smaller weight that grows linearly, and the arguments of its last divergence are
swapped (`divergence`).

In the release, the finite difference that finds the perturbation has a step of 1e-6,
which neither half nor single precision can distinguish from 0. Here the step is large
enough for both (`xi`).
"""

from __future__ import annotations

import dataclasses
from typing import Dict

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import consistency
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import adversarial_perturbation, entropy, kl_divergence
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(consistency.Config):
    """Settings of the MixMatch release, the same for CIFAR-10 and SVHN."""

    lambda_u: float = setting(
        0.3,
        "weight of the divergence after its warm-up (alpha of Miyato et al. equation 8 "
        "is 1)",
        low=0.0,
    )
    lambda_entropy: float = setting(
        0.06,
        "weight of the entropy of the predictions from the first step on "
        "(VAT+EntMin); 0: VAT alone",
        low=0.0,
    )
    epsilon: float = setting(
        6.0,
        "L2 norm of the perturbation of images in [-1, 1], Miyato et al. equation 14",
        low=0.0,
    )
    xi: float = setting(
        0.7,
        "L2 norm of the step of the finite difference that finds the perturbation, "
        "Miyato et al. equation 12; mean cosine to the exact direction (wide ResNet, "
        "32x32x3): 0.7: .92 in float32, .90 in bfloat16, .93 in float16; the released "
        "1e-6: about 0 in all, rounding decides",
        low=1e-12,
    )
    divergence: str = setting(
        "paper",
        "what is minimised, p being the prediction for the image and q for the "
        "perturbed one; paper: KL(p, q), equation 5; released: KL(q, p), p constant in "
        "both",
        choices=("paper", "released"),
    )


class VAT(consistency.Frame):
    """VAT+EntMin, equations 5 to 8 of Miyato et al., and the entropy."""

    reported = (*consistency.Frame.reported, "loss_entropy")
    several_labels = True

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Returns batches with one unlabelled view, and noise to start the search."""
        return Recipe(unlabeled_views=1, noise=True)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes cross-entropy, virtual adversarial divergence, and entropy."""
        u = tf.squeeze(batch["u"], 1)
        loss_x = self.loss_x(batch)
        logits_u = self.predict(u)
        clean = tf.stop_gradient(logits_u)

        def divergence(r: tf.Tensor) -> tf.Tensor:
            return kl_divergence(clean, self.predict(u + r))

        r_adv = adversarial_perturbation(
            divergence, batch["u_noise"], self.config.xi, self.config.epsilon
        )
        if self.config.divergence == "paper":
            values = divergence(r_adv)
        else:
            values = kl_divergence(self.predict(u + r_adv), clean)

        lambda_u = self.lambda_u(batch["step"])
        return (
            {
                "loss_x": loss_x,
                "loss_u": base.Term(values, weight=lambda_u),
                "loss_entropy": base.Term(
                    entropy(logits_u), weight=self.config.lambda_entropy
                ),
            },
            {"lambda_u": lambda_u, **self.reports(tf.nn.softmax(clean), batch)},
        )
