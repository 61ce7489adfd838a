"""TensorFlow's global switches: precision, devices, determinism, compilation."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Dict

import keras
import tensorflow as tf

from mixdmt_tf.errors import UsageError
from mixdmt_tf.models.base import Network
from mixdmt_tf.runs import config, precision


def resolve(run: config.Config, network: Network) -> config.Config:
    """Replaces every 'auto' by what it means on this hardware.

    The run's flagfile records the outcome, so that it repeats the run elsewhere.

    Args:
        run: settings of the run.
        network: those of its network.
    """
    gpus = tf.config.list_physical_devices("GPU")
    changes: Dict[str, Any] = {}
    if run.precision == "auto":
        exact = run.deterministic and not gpus
        changes["precision"] = "float32" if exact else precision.suggested(network)
    if run.deterministic is None:
        changes["deterministic"] = True
    if run.strategy == "auto":
        changes["strategy"] = "mirrored" if len(gpus) > 1 else "none"
    if run.jit_compile == "auto":
        single = len(gpus) == 1 and run.strategy != "mirrored"
        changes["jit_compile"] = "on" if single else "off"
    return dataclasses.replace(run, **changes)


def inexact(run: config.Config) -> str:
    """A line for a run that can't be repeated to the bit; '' if it can.

    TensorFlow adds up some of the gradients of bfloat16 convolutions on CPUs in an
    order that depends on what else the machine does, and on the number of its threads.
    """
    on_cpu = not tf.config.list_physical_devices("GPU")
    if not (run.deterministic and on_cpu and run.precision == "mixed_bfloat16"):
        return ""
    return (
        "mixed_bfloat16 on a CPU is not bit-exact: a second run, or one that is "
        "resumed, can differ; --precision=float32 is exact\n"
    )


@functools.lru_cache(maxsize=None)
def mirrored_strategy() -> tf.distribute.MirroredStrategy:
    """The process's one strategy over all GPUs, or all CPU devices without GPUs.

    One, because TensorFlow numbers the collective operations of every new strategy from
    the same start: those of a second one are taken for the first one's and fail.
    """
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def start(run: config.Config) -> tf.distribute.Strategy:
    """Applies a resolved config to TensorFlow and returns the strategy.

    Seeds the weights' initializers; everything else is drawn statelessly.
    """
    keras.utils.set_random_seed(run.seed)
    if run.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.mixed_precision.set_global_policy(run.precision)
    if run.strategy == "mirrored":
        strategy = mirrored_strategy()
    else:
        strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    if run.batch % replicas:
        raise UsageError(
            f"--batch={run.batch} cannot be shared by {replicas} devices; "
            f"expected a multiple of {replicas}."
        )
    return strategy
