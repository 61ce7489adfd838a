"""Checks whether `--precision=auto` is ever slower than float32 on this machine.

    .venv/bin/python benchmarks/precision.py [--rounds=6] [--json=FILE]

For each network, prints the precision that `auto` chooses in a short run and in a long
run, which measures it (here again, in a separate cache), and the time of a forward and
backward pass with each, relative to float32. All passes take turns.
"""

from __future__ import annotations

import functools
import os
import tempfile
from typing import Any, Callable, Dict, Tuple

import figures
import keras
import tensorflow as tf
from passes import forward_and_backward
from turns import medians_in_turns

from mixdmt_tf.models.efficientnet_lite0 import EfficientNetLite0
from mixdmt_tf.models.small_segmenter import SmallSegmenter
from mixdmt_tf.models.whitened_cnn import WhitenedCNN
from mixdmt_tf.models.wide_resnet import WideResNet
from mixdmt_tf.runs import precision

# Network, size of an image, images.
CASES: Dict[str, Tuple[Any, int, int]] = {
    "WRN-28-2": (WideResNet(), 32, 64),
    "WRN-16-1": (WideResNet(depth=16, width=1), 32, 64),
    "whitened CNN": (WhitenedCNN(), 32, 64),
    "EfficientNet-Lite0": (EfficientNetLite0(), 96, 32),
    "small segmenter": (SmallSegmenter(), 161, 8),
}


def network(config: Any, size: int) -> keras.Model:
    """Builds a network for ten classes with the current policy."""
    segments = isinstance(config, SmallSegmenter)
    build = config.build_segmenter if segments else config.build
    model: keras.Model = build((size, size, 3), 10)
    return model


def passes(case: Tuple[Any, int, int], policy: str) -> Callable[[], Any]:
    """Returns a compiled forward and backward pass with a policy."""
    config, size, number = case
    keras.mixed_precision.set_global_policy(policy)
    shape = [number, size, size, 3]
    images = tf.random.stateless_uniform(shape, [1, 2], -1.0, 1.0)
    return forward_and_backward(network(config, size), images)


def main() -> None:
    """Times all passes of each network in turns and prints the medians."""
    arguments = figures.parser(__doc__, rounds=6).parse_args()
    rows = []
    for name, case in CASES.items():
        config, size, _ = case
        short = precision.suggested(config, deterministic=True)
        long = precision.measured(name, functools.partial(network, config, size))
        functions = {each: passes(case, each) for each in {"float32", short, long}}
        medians = medians_in_turns(functions, arguments.rounds)
        rows.append(
            {
                "network": name,
                "float32 (s)": medians["float32"],
                "short run": short,
                "over float32": medians[short] / medians["float32"],
                "long run": long,
                "of that": medians[long] / medians["float32"],
            }
        )
        keras.backend.clear_session()
    figures.show(rows, arguments.json)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        main()
