"""What methods share that were published with SGD instead of MixMatch's Adam.

Momentum as torch and TensorFlow 1 define it, a learning rate that falls along a cosine,
and weight decay that is added to the gradients of all weights.
"""

from __future__ import annotations

import dataclasses

from mixdmt_tf.algorithms import base
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(base.Config):
    """A method declares its own learning rate, and what else differs."""

    optimizer: str = setting(
        "sgd",
        "adam, or sgd with momentum (as torch and TensorFlow 1 define it)",
        choices=("adam", "sgd"),
    )
    learning_rate_schedule: str = setting(
        "cosine",
        "cosine_7_16: times cos(7 pi t / 16 T), as UDA and FixMatch; cosine: to zero "
        "at the end of the run; poly: times (1 - t/T)^.9, as DeepLab",
        choices=("constant", "cosine_7_16", "cosine", "poly"),
    )
    weight_decay: float = setting(
        0.0005, "strength of the weight decay, in the form below", low=0.0
    )
    weight_decay_form: str = setting(
        "l2",
        "multiply: kernels times 1 - weight_decay * learning_rate after each step; l2: "
        "weight_decay times the weight is added to the gradient of all weights; "
        "l2_kernels: of kernels (l2 with sgd only)",
        choices=("multiply", "l2", "l2_kernels"),
    )
