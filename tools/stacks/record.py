"""What the TensorFlow of this Python computes, as a file for `compare.py`.

    .venv/bin/python -m tools.stacks.record OUT.npz [--steps=50] [--noise=1e-7]

Arrays by name: `equations/...`, results for fixed inputs; `copies/...`, digests of
splits and augmented copies; `batches/...`, what methods see; `losses/...`, everything
that a method reports, at each step; `start/...` and `end/...`, its weights. Initial
weights are drawn by NumPy. --noise multiplies them by 1 + noise * N(0, 1): what comes
of that on one stack says how much of a difference between two is rounding.
"""

from __future__ import annotations

import argparse
from typing import Any, Dict, Iterator, Sequence, Tuple

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.settings import classes
from tests.equations.cases import CASES
from tests.golden import steps

FIRST = 30  # late enough that every ramp has left 0
SEEN = 2  # steps whose batches are kept
TASKS = {
    "classification": (steps.on_digits, steps.CLASSIFICATION),
    "segmentation": (steps.on_scenes, steps.SEGMENTATION),
}
Named = Iterator[Tuple[str, Any]]


def equations() -> Named:
    """Results of every equation that TensorFlow computes, for one random input each."""
    for number, case in enumerate(CASES):
        inputs = case.inputs(np.random.default_rng(20), case.shapes[0])
        for place, result in enumerate(tf.nest.flatten(case.equation(*inputs))):
            yield f"equations/{case.name}-{number}/{place}", np.asarray(result)


def copies() -> Named:
    """Digests of splits and augmented copies."""
    for name, digest in steps.digests().items():
        yield f"copies/{name}", digest


def training(task: str, name: str, length: int, noise: float) -> Named:
    """Batches, losses and weights of some steps of a method.

    Args:
        task: 'classification' or 'segmentation'.
        name: of the method.
        length: number of steps.
        noise: relative noise of the initial weights.
    """
    prepare, flags = TASKS[task]
    method, pipeline = prepare(name, *flags)
    steps.draw_weights(method)
    if noise:
        _disturb(method, noise)
    at = f"{task}/{name}"
    for part, weights in steps.weights(method).items():
        yield f"start/{at}/{part}", _flat(weights)
    step_function = tf.function(method.train_step, autograph=False)
    losses = []
    for step in range(FIRST, FIRST + length):
        batch = {k: tf.convert_to_tensor(v) for k, v in pipeline.at(step).items()}
        if step < FIRST + SEEN:
            for key, value in batch.items():
                yield f"batches/{at}/{step}/{key}", value.numpy()
        means = step_function(batch)
        losses.append([float(means[name]) for name in sorted(means)])
        for metric in method.metrics:
            metric.reset_state()
    yield f"losses/{at}", np.array(losses)
    for part, weights in steps.weights(method).items():
        yield f"end/{at}/{part}", _flat(weights)


def _disturb(method: Any, noise: float) -> None:
    rng = np.random.default_rng(1)
    for weight in method.trained_weights:
        weight.assign(np.asarray(weight) * (1 + noise * rng.normal(size=weight.shape)))
    method.average.restart()


def _flat(weights: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([each.ravel() for each in weights])


def main() -> None:
    """Writes the file that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--only", default="", help="methods whose task/name has this")
    options = parser.parse_args()
    found: Dict[str, Any] = {"versions": f"TensorFlow {tf.__version__}"}
    found.update(equations())
    found.update(copies())
    for task in TASKS:
        for name in classes(f"mixdmt_tf.algorithms.{task}"):
            if options.only in f"{task}/{name}":
                found.update(training(task, name, options.steps, options.noise))
                keras.backend.clear_session()
                print(f"{task}/{name}", flush=True)
    np.savez_compressed(options.out, **found)


if __name__ == "__main__":
    main()
