"""Cross-consistency training: decoders of perturbed features agree with the main one.

Ouali, Hudelot and Tami 2020 (arXiv:2003.09005); DMT (arXiv:2004.08514) quotes it in
table 4 as PixelSSL ran it. The encoder's features of unlabelled images are perturbed in
seven ways, and for each of them auxiliary decoders predict what the main decoder
predicts of the features as they are. The main decoder learns from labels alone, the
auxiliary ones from the main one, and the encoder from all. Auxiliary decoders exist in
training only.

A network is cut in two where `models/halves.py` says: a decoder is the convolution to
the classes and the enlargement behind it. The paper's decoders enlarge with pixel
shuffles, and have a ReLU before the last, so that its logits are never negative.
Labelled and unlabelled images pass the encoder apart from each other, as in both
releases, each by their own batch statistics. The paper's weak labels are left out.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import (
    perturbed_decoders,
    segmentation_sgd,
    segmentation_unlabeled,
)
from mixdmt_tf.data.segmentation.recipe import Recipe
from mixdmt_tf.equations import (
    confidence_mask,
    cross_entropy,
    js_divergence,
    kl_divergence,
    sigmoid_ramp,
    squared_error,
    tsa_mask,
    tsa_threshold,
)
from mixdmt_tf.errors import UsageError
from mixdmt_tf.models import halves
from mixdmt_tf.settings import override, setting

assumes = {"batch": 10}  # with ten unlabelled images


@dataclasses.dataclass(frozen=True)
class Config(
    perturbed_decoders.Settings,
    segmentation_unlabeled.Batches,
    segmentation_unlabeled.Unlabeled,
    segmentation_sgd.Defaults,
    base.Config,
):
    """Settings of the release for a PSPNet whose encoder learns at a tenth of the rate.

    PixelSSL: a learning rate of 0.001, decoders 10 times as fast, a weight decay of
    0.0005, and a ramp of 5 of 45 epochs.
    """

    epochs: float = override(50.0, "the release's configuration: 80")
    learning_rate: float = override(
        0.01,
        "of the decoders; of the encoder a tenth of it: see the network's settings",
    )
    weight_decay: float = override(0.0001)
    lambda_u: float = override(30.0)
    lambda_u_ramp: float = setting(
        0.1,
        "share of the run over which lambda_u grows as exp(-5 (1 - t)^2)",
        low=0.0,
        high=1.0,
    )
    consistency: str = setting(
        "mse",
        "distance between what an auxiliary decoder predicts and the main one; mse: "
        "squared error, a mean over classes; kl, js: divergences",
        choices=("mse", "kl", "js"),
    )
    confidence_threshold: float = setting(
        0.0,
        "pixels do not count if the main decoder's largest probability is not above "
        "this (supplementary material: 0.5); 0: all do",
        low=0.0,
        high=1.0,
    )
    supervised_loss: str = setting(
        "ce",
        "ce: cross-entropy of all labelled pixels; abce: annealed bootstrapped, of "
        "those that are predicted with less than a threshold, which rises from 1 / C "
        "to 0.9",
        choices=("ce", "abce"),
    )
    abce_ramp: float = setting(
        0.4,
        "share of the run over which the threshold of abce rises",
        low=0.0,
        high=1.0,
    )


class CCT(base.Algorithm):
    """Cross-entropy of the main decoder, and the distance of all others to it.

    Attributes:
        auxiliary: the auxiliary decoders, in the order of `Settings.decoders`.
    """

    reported: Tuple[str, ...] = ("loss_x", "loss_u", "lambda_u", "foreground")

    def __init__(self, network, config, facts):
        """Makes the auxiliary decoders; arguments of `base.Algorithm`."""
        if config.background >= facts.num_classes:
            raise UsageError(
                f"--background={config.background}: there are {facts.num_classes} "
                f"classes; expected -1 to {facts.num_classes - 1}"
            )
        super().__init__(network, config, facts)
        self.with_features = halves.with_features(network)
        main = halves.decoder(network)
        self.auxiliary = perturbed_decoders.copies(main, self.config)
        # Otherwise Keras 3's `fit` compiles with XLA where there is a GPU.
        self.supports_jit = not config.calls_python

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Labelled and unlabelled images, and keys for random numbers."""
        return Recipe(unlabeled_ratio=config.unlabeled_ratio, keys=True)

    @property
    def trained_weights(self) -> List[Any]:
        """Those of the network, then of the auxiliary decoders."""
        decoders = [w for each in self.auxiliary for w in each.trainable_variables]
        return [*super().trained_weights, *decoders]

    def lambda_u(self, step: tf.Tensor) -> tf.Tensor:
        """Its weight at this step."""
        length = int(self.config.lambda_u_ramp * self.facts.steps)
        return self.config.lambda_u * sigmoid_ramp(step, length)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """What lies beside an unlabelled image doesn't count."""
        config = self.config
        y, known = segmentation_sgd.with_labels(batch["y"], self.facts.num_classes)
        logits = self.network(batch["x"], training=True)
        if config.supervised_loss == "abce":
            known *= tsa_mask(y, logits, self._hardness(batch["step"]))

        features, main = self.with_features(batch["u"], training=True)
        main = tf.stop_gradient(main)
        inside = tf.cast(batch["u_confidence"] > 0, tf.float32)
        perturbed = perturbed_decoders.Perturbations(
            config, features, main, batch["u_key"]
        )
        values = tf.zeros_like(inside)
        kinds = config.decoders
        for number, (kind, decoder) in enumerate(zip(kinds, self.auxiliary)):

            def decode(z: tf.Tensor, decoder: Any = decoder) -> tf.Tensor:
                return decoder([z, batch["u"]], training=True)

            z = perturbed.of(kind, number, decode)
            values += self._distance(main, decode(z)) / len(kinds)
        counted = inside
        if config.confidence_threshold:
            p = tf.nn.softmax(main)
            counted *= confidence_mask(p, config.confidence_threshold)
        weight = self.lambda_u(batch["step"])
        return {
            "loss_x": base.Term(cross_entropy(y, logits), known),
            "loss_u": base.Term(values, counted, weight),
        }, {"lambda_u": weight, "foreground": (perturbed.objects, inside)}

    def _hardness(self, step: tf.Tensor) -> tf.Tensor:
        """Threshold of the probability of labels that are still learned from."""
        length = int(self.config.abce_ramp * self.facts.steps)
        return tsa_threshold("log", step, length, self.facts.num_classes, end=0.9)

    def _distance(self, main: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
        """Of two predictions, from logits [n, H, W, C]: float32 [n, H, W]."""
        if self.config.consistency == "mse":
            return squared_error(tf.nn.softmax(main), tf.nn.softmax(other))
        divergences = {"kl": kl_divergence, "js": js_divergence}
        return divergences[self.config.consistency](main, other)
