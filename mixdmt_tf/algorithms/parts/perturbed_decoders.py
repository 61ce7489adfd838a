"""The seven perturbations of cross-consistency training, each with its decoders.

Ouali, Hudelot and Tami 2020 (arXiv:2003.09005). The formulas are in
`equations/perturbations.py` and `equations/objects.py`; here are the settings, and the
random numbers, which depend on the keys of the images and on the number of the decoder.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, List, Tuple

import keras
import tensorflow as tf

from mixdmt_tf.data import draws
from mixdmt_tf.equations import (
    adversarial_perturbation,
    cutout_mask,
    feature_drop,
    feature_noise,
    foreground,
    kl_divergence,
    masked_features,
    object_boxes,
    spatial_dropout,
)
from mixdmt_tf.settings import setting

OBJECTS = 32  # of which the boxes are cut out of, at most, in an image


@dataclasses.dataclass(frozen=True)
class Settings:
    """How many decoders see which perturbation; a method combines it with others.

    Numbers of decoders are those of the released configuration, 30 in all. PixelSSL,
    whose result DMT quotes (table 4), has 11: 2, 2, 2, 2, 1, 1 and 1.
    """

    feature_noise: int = setting(
        6,
        "decoders with F-Noise: activations times 1 + uniform noise",
        low=0,
        high=1000,
    )
    feature_drop: int = setting(
        6, "decoders with F-Drop: the most active places are dropped", low=0, high=1000
    )
    dropout: int = setting(
        6, "decoders with DropOut of whole channels", low=0, high=1000
    )
    cutout: int = setting(
        6, "decoders with G-Cutout: a box is cut out of each object", low=0, high=1000
    )
    context_masking: int = setting(
        2, "decoders with Con-Msk: they see predicted objects only", low=0, high=1000
    )
    object_masking: int = setting(
        2, "decoders with Obj-Msk: they see the background only", low=0, high=1000
    )
    vat: int = setting(
        2,
        "decoders with I-VAT: features move where predictions change most",
        low=0,
        high=1000,
    )
    noise_range: float = setting(0.3, "F-Noise: noise from minus to plus this", low=0.0)
    drop_from: float = setting(
        0.6,
        "F-Drop: smallest share of the largest activation from which on a place is "
        "dropped; later releases: 0.7",
        low=0.0,
        high=1.0,
    )
    drop_to: float = setting(0.9, "F-Drop: largest such share", low=0.0, high=1.0)
    dropout_rate: float = setting(
        0.5, "DropOut: probability of a channel to be dropped", low=0.0, high=0.99
    )
    cutout_share: float = setting(
        0.4,
        "G-Cutout: sides of what is cut out over those of the object's box",
        low=0.0,
        high=1.0,
    )
    cutout_outline: int = setting(
        50, "G-Cutout: objects need an outline of more pixels than this", low=0
    )
    background: int = setting(
        0,
        "class that is no object, for G-Cutout, Con-Msk and Obj-Msk; -1: the one that "
        "an image shows most of, for data without a background such as Cityscapes",
        low=-1,
    )
    vat_epsilon: float = setting(2.0, "I-VAT: L2 norm of the perturbation", low=0.0)
    vat_xi: float = setting(
        10.0,
        "I-VAT: L2 norm of the step that finds its direction; mean cosine to the exact "
        "direction (small_segmenter, features of norm 160): 10: 1.00 in float32, .99 "
        "in bfloat16 and float16; 1: 1.00, .71, .99; the release's 1e-6: about 0 in "
        "all, rounding decides",
        low=1e-12,
    )

    @property
    def decoders(self) -> Tuple[str, ...]:
        """Names of the perturbations, each as often as it has decoders."""
        return tuple(name for name in KINDS for _ in range(getattr(self, name)))

    @property
    def calls_python(self) -> bool:
        """Whether steps look for objects with SciPy, which XLA can't compile."""
        return self.cutout > 0


# In the order of their decoders, which their random numbers depend on.
KINDS = (
    "feature_noise",
    "feature_drop",
    "dropout",
    "cutout",
    "context_masking",
    "object_masking",
    "vat",
)


class Perturbations:
    """What all decoders see of some features: z, and what is known of its images."""

    def __init__(
        self, config: Any, features: tf.Tensor, scores: tf.Tensor, keys: tf.Tensor
    ):
        """Looks for objects in predictions.

        Args:
            config: has the fields of `Settings`.
            features: z, [n, h, w, D]; gradients reach it.
            scores: logits or probabilities [n, H, W, C] of the main decoder; none do.
            keys: int64 [n, 2] for random numbers, a key for each image.
        """
        self.config = config
        self.features = tf.cast(features, tf.float32)
        self.keys = keys
        self.objects = foreground(scores, config.background)
        self.boxes = tf.zeros([0, OBJECTS, 4], tf.int32)
        if config.cutout:
            self.boxes = _boxes(self.objects, config.cutout_outline)

    def of(self, kind: str, number: int, decode: Callable[[Any], tf.Tensor]) -> Any:
        """The features as one decoder sees them: float32 [n, h, w, D].

        Args:
            kind: one of `KINDS`.
            number: of the decoder; each has random numbers of its own.
            decode: features to that decoder's logits, for I-VAT.
        """
        config, z = self.config, self.features
        if kind == "context_masking":
            return masked_features(z, self.objects)
        if kind == "object_masking":
            return masked_features(z, 1 - self.objects)
        shape = {
            "feature_drop": [],
            "dropout": [z.shape[-1]],
            "cutout": [OBJECTS, 2],
        }.get(kind, tf.shape(z)[1:])
        drawn = draws.uniform_rows(self.keys, f"{kind}/{number}", shape)
        if kind == "feature_noise":
            return feature_noise(z, drawn, config.noise_range)
        if kind == "feature_drop":
            low, high = config.drop_from, config.drop_to
            return feature_drop(z, low + (high - low) * drawn)
        if kind == "dropout":
            return spatial_dropout(z, drawn, config.dropout_rate)
        if kind == "cutout":
            height, width = tf.unstack(tf.shape(self.objects)[1:])
            share = config.cutout_share
            return masked_features(
                z, cutout_mask(self.boxes, drawn, height, width, share)
            )
        return z + self._adversarial(drawn - 0.5, decode)

    def _adversarial(
        self, start: tf.Tensor, decode: Callable[[Any], tf.Tensor]
    ) -> tf.Tensor:
        """The change of z that alters this decoder's prediction most; no gradient."""
        z = tf.stop_gradient(self.features)
        clean = tf.stop_gradient(decode(z))

        def divergence(change: tf.Tensor) -> tf.Tensor:
            moved = kl_divergence(clean, decode(z + change))
            return tf.reduce_sum(moved, [1, 2])

        config = self.config
        return adversarial_perturbation(
            divergence, start, config.vat_xi, config.vat_epsilon
        )


def copies(decoder: keras.Model, config: Any) -> List[keras.Model]:
    """The auxiliary decoders: like the main one, each with random weights of its own.

    Args:
        decoder: of `models.halves`.
        config: has the fields of `Settings`.
    """
    return [keras.models.clone_model(decoder) for _ in config.decoders]


def _boxes(objects: tf.Tensor, outline: int) -> tf.Tensor:
    """`object_boxes` of masks [n, H, W], int32 [n, OBJECTS, 4]."""
    found = tf.numpy_function(
        lambda masks: object_boxes(masks, outline, OBJECTS),
        [objects],
        tf.int32,
        stateful=False,
    )
    return tf.ensure_shape(found, [objects.shape[0], OBJECTS, 4])
