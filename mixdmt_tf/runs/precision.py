"""Which precision trains fastest here: what the hardware suggests, or a measurement.

The suggestion costs nothing and is right for most networks. A run that lasts some ten
times as long measures passes of its own network instead, once for each network, machine
and TensorFlow.
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
HALF = "mixed_bfloat16"  # what CPUs compute in besides float32
ROUNDS, PIXELS = 3, 32 * 32 * 32  # passes of each precision, and pixels of each pass
# Passes of a run from which a measurement is worth its seconds, which are about a tenth
# of theirs at most: tracing a network takes as long as a few dozen.
LONG = 1000
MINUTES = 2.0  # of a run that is measured in them
# float32 keeps more digits: another precision has to be faster by more than noise.
GAIN = 0.97


def candidates() -> List[str]:
    """Precisions that this hardware computes in, the one that is usually fastest first.

    bfloat16 where there are instructions for it, float16 on older tensor cores.
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
    """The precision that is usually fastest for such a network on this hardware.

    Depthwise convolutions take a CPU twice as long in bfloat16.

    Args:
        network: its settings.
        deterministic: whether the same run has to give the same weights.
    """
    if _on_cpu() and network.depthwise or deterministic and inexact(network):
        return "float32"
    return candidates()[0]


def inexact(network: Network) -> bool:
    """Whether runs are not exact in the precision that is usually fastest here."""
    return _on_cpu() and candidates()[0] == HALF and network.shares_gradients


def note(run: config.Config, network: keras.Model) -> str:
    """A line on a run that is deterministic but for this network; '' of all others."""
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
    """Whether a run is so long that a measurement takes a small part of it.

    Args:
        images: that it trains on, each as often as a step has it.
        pixels: of an image, as the network has it.
    """
    return images * pixels >= LONG * PIXELS


def measured(network: str, build: Callable[[], keras.Model]) -> str:
    """The precision that this network's passes take least time in.

    Args:
        network: what it is known by, `memory.network_key`.
        build: makes the network under the present policy.

    Returns:
        Its name; the only one that the hardware computes in, unmeasured, if there is
        but one.
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
    """Median seconds of a forward and backward pass in each, taken in turns."""
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
    """A compiled forward and backward pass over a few grey images."""
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
    """What the time depends on, as a short name."""
    facts = [network, machine(), versions(), _gpu()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _gpu() -> Dict[str, Any]:
    """What is known of the first GPU, {} if there is none."""
    gpus = tf.config.list_physical_devices("GPU")
    found: Dict[str, Any] = {}
    if gpus:
        found.update(tf.config.experimental.get_device_details(gpus[0]))
    return found


def _read() -> Dict[str, Dict[str, float]]:
    """What was measured before; a file that can't be read is made anew."""
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
    """Keeps it for other runs; one that can't keep it has measured it all the same."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        write_atomically(cache_folder() / FILE, json.dumps(known, indent=1) + "\n")
    except (OSError, UserError):
        return
