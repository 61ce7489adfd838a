"""Chooses the precision that trains fastest: by the hardware, or by a measurement.

The choice by the hardware costs nothing and is right for most networks. Runs that take
about ten times as long as a measurement measure forward and backward passes of their
own network instead, once for each network, machine and version of TensorFlow.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from typing import Any, Callable, Dict, List, Sequence

import keras
import tensorflow as tf

from mixdmt_tf import bounds
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import cache_folder, write_atomically
from mixdmt_tf.models.base import Network
from mixdmt_tf.models.layers import sums
from mixdmt_tf.runs import config
from mixdmt_tf.runs.environment import machine, processor, versions

FILE = "precisions.json"
HALF = "mixed_bfloat16"  # the precision of CPUs besides float32
ROUNDS, PIXELS = 3, 32 * 32 * 32  # passes of each precision, and pixels of each pass
# Passes of a run that make a measurement worth its time, then at most about a tenth of
# the run's. Tracing a network takes as long as a few dozen passes.
LONG = 1000
MINUTES = 2.0  # the same for runs whose length is given in minutes
# float32 is more exact: another precision has to be faster by more than noise.
GAIN = 0.97


def candidates() -> List[str]:
    """Returns the precisions of this hardware, the one that is usually fastest first.

    bfloat16 if there are instructions for it, float16 on older tensor cores.
    """
    if not _on_cpu():
        capability = _gpu().get("compute_capability", (0, 0))
        if capability >= (8, 0):
            return [HALF, "float32"]
        return ["mixed_float16", "float32"] if capability >= (7, 0) else ["float32"]
    bfloat16 = "avx512_bf16" in processor("flags").split()
    return [HALF, "float32"] if bfloat16 else ["float32"]


def _on_cpu() -> bool:
    return not tf.config.list_physical_devices("GPU")


def suggested(network: Network, deterministic: bool = False) -> str:
    """Returns the precision that is usually fastest for a network on this hardware.

    Depthwise convolutions take twice as long in bfloat16 on a CPU.

    Args:
        network: settings of the network.
        deterministic: whether repeated runs have to give the same weights.
    """
    if _on_cpu() and network.depthwise or deterministic and inexact(network):
        return "float32"
    return candidates()[0]


def inexact(network: Network) -> bool:
    """Whether the usually fastest precision here makes runs non-deterministic."""
    return _on_cpu() and candidates()[0] == HALF and network.shares_gradients


def note(run: config.Config, network: keras.Model) -> str:
    """Returns a note if the network keeps a deterministic run from being exact.

    Returns '' for all other runs.
    """
    if not (_on_cpu() and run.deterministic and run.precision == HALF):
        return ""
    found = sums.shared(network)
    if not found:
        return ""
    others = f" and {len(found) - 1} more" if found[1:] else ""
    return (
        f"note: {found[0]}{others} add up convolutions with biases: in {HALF} on a CPU "
        "a repeated run may differ in the last digits of these, and then in others; "
        "--precision=float32 is exact"
    )


def is_worth_it(images: int, pixels: int) -> bool:
    """Whether a run is long enough for a measurement to take a small part of it.

    Args:
        images: number of images that it trains on, with repetitions.
        pixels: number of pixels of an image as the network gets it.
    """
    return images * pixels >= LONG * PIXELS


def measured(network: str, build: Callable[[], keras.Model]) -> str:
    """Measures in which precision the network's passes are fastest.

    Args:
        network: key of the network, from `memory.network_key`.
        build: builds the network under the current precision policy.

    Returns:
        The name of the precision. If the hardware has only one, nothing is measured.
    """
    names = candidates()
    if len(names) == 1:
        return names[0]
    known, key = _read(), _key(network)
    if key not in known:
        policy = keras.mixed_precision.global_policy()
        try:
            known[key] = _seconds(names, build)
        finally:
            keras.mixed_precision.set_global_policy(policy)
            keras.backend.clear_session()
        _write(known)
    seconds = known[key]
    best = min(names, key=lambda name: seconds[name])
    return best if seconds[best] < GAIN * seconds["float32"] else "float32"


def _seconds(
    names: Sequence[str], build: Callable[[], keras.Model]
) -> Dict[str, float]:
    """Times passes in all precisions alternately; returns the median seconds."""
    passes = {}
    for name in names:
        keras.mixed_precision.set_global_policy(name)
        passes[name] = _pass(build())
        passes[name]()  # traces it
    times: Dict[str, List[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name, run in passes.items():
            started = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) for name, taken in times.items()}


def _pass(network: keras.Model) -> Callable[[], Any]:
    """Compiles a forward and backward pass over a few grey images."""
    shape = network.input_shape[1:]
    number = max(1, PIXELS // (shape[0] * shape[1]))
    images = tf.zeros([number, *shape])

    def run() -> List[tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = tf.cast(network(images, training=True), tf.float32)
            loss = tf.reduce_mean(tf.square(logits - 1.0))
        gradients = tape.gradient(loss, network.trainable_variables)
        return [tf.reduce_sum(tf.cast(g, tf.float32)) for g in gradients]

    compiled = tf.function(run, autograph=False)
    return lambda: [each.numpy() for each in compiled()]


def _key(network: str) -> str:
    """Returns a short key of everything that the time depends on."""
    facts = [network, machine(), versions(), _gpu()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _gpu() -> Dict[str, Any]:
    """Returns TensorFlow's details of the first GPU; {} if there is none."""
    gpus = tf.config.list_physical_devices("GPU")
    found: Dict[str, Any] = {}
    if gpus:
        found.update(tf.config.experimental.get_device_details(gpus[0]))
    return found


def _read() -> Dict[str, Dict[str, float]]:
    """Reads earlier measurements; {} if the file is missing or malformed."""
    try:
        found = json.loads(bounds.read_text(cache_folder() / FILE, bounds.SMALL_BYTES))
        numbers = {
            key: {name: float(value) for name, value in seconds.items()}
            for key, seconds in found.items()
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
    return {key: each for key, each in numbers.items() if "float32" in each}


def _write(known: Dict[str, Dict[str, float]]) -> None:
    """Stores the measurements for other runs; errors are ignored."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        write_atomically(cache_folder() / FILE, json.dumps(known, indent=1) + "\n")
    except (OSError, UserError):
        return
