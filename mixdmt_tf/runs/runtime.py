"""TensorFlow's global switches: precision, devices, determinism, compilation."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Dict

import keras
import tensorflow as tf

from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.models.base import Network
from mixdmt_tf.runs import cluster, config, interrupts, precision, workers


def resolve(run: config.Config, network: Network, method: Any = None) -> config.Config:
    """Replaces every 'auto' by what it means on this hardware.

    The run's flagfile records the outcome, so that it repeats the run elsewhere.

    Args:
        run: settings of the run.
        network: those of its network.
        method: those of its method; `calls_python` says whether its steps do.

    Raises:
        UsageError: if XLA is asked for and can't compile the step.
    """
    python = getattr(method, "calls_python", False)
    if python and run.jit_compile == "on":
        raise UsageError(
            f"--jit_compile=on: steps of --algorithm={run.algorithm} with these "
            "settings call Python, which XLA can't compile.\nUse --jit_compile=auto."
        )
    gpus = tf.config.list_physical_devices("GPU")
    changes: Dict[str, Any] = {}
    if run.precision == "auto":
        changes["precision"] = precision.suggested(network, run.deterministic)
    if run.strategy == "auto":
        several = "mirrored" if len(gpus) > 1 else "none"
        changes["strategy"] = "multi_worker" if cluster.read().several else several
    if run.jit_compile == "auto":
        distributed = changes.get("strategy", run.strategy) != "none"
        single = len(gpus) == 1 and not distributed
        changes["jit_compile"] = "on" if single and not python else "off"
    return dataclasses.replace(run, **changes)


@functools.lru_cache(maxsize=None)
def mirrored_strategy() -> tf.distribute.MirroredStrategy:
    """The process's one strategy over all GPUs, or all CPU devices without GPUs.

    One, because TensorFlow numbers the collective operations of every new strategy from
    the same start: those of a second one are taken for the first one's and fail.
    """
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


@functools.lru_cache(maxsize=None)
def _of_workers() -> tf.distribute.MultiWorkerMirroredStrategy:
    """The process's one strategy over the machines of `TF_CONFIG`; waits for them."""
    found = cluster.read()
    if found.addresses and found.index == 0:
        others = ", ".join(found.addresses[1:])
        print(f"waiting for the other workers: {others}", flush=True)
    try:
        with interrupts.ctrl_c_ends():  # there is nothing to lose yet
            return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:  # operations ran before
        raise UserError(
            f"--strategy=multi_worker has to be first in a process: {error}\n"
            "Start a process of its own for each training."
        ) from error
    except tf.errors.OpError as error:
        said = (str(error.message).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{cluster.NAME}: this worker cannot begin at "
            f"{found.addresses[found.index]}: {said}.\n"
            "Another process may have the port, such as a run that has not ended yet: "
            "wait for it, or give another port on all machines."
        ) from error


@functools.lru_cache(maxsize=None)
def _of_tpu() -> tf.distribute.TPUStrategy:
    """The process's one strategy over the cores of a TPU."""
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu="")
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, tf.errors.OpError) as error:
        raise UsageError(
            f"--strategy=tpu: {str(error).splitlines()[0]}\n"
            "There is no TPU here: use --strategy=auto."
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def strategy_of(run: config.Config) -> tf.distribute.Strategy:
    """The strategy of a run; that of several machines has to come before all else."""
    strategies = {
        "mirrored": mirrored_strategy,
        "multi_worker": _of_workers,
        "tpu": _of_tpu,
    }
    return strategies.get(run.strategy, tf.distribute.get_strategy)()


@functools.lru_cache(maxsize=None)
def workers_of(strategy: tf.distribute.Strategy) -> workers.Workers:
    """The workers of a strategy, one object in the process."""
    return workers.Workers(strategy)


def join(run: config.Config) -> workers.Workers:
    """Joins the other machines, if a run is trained on several.

    Raises:
        UserError: if that does not work here.
    """
    if not cluster.of_run(run.strategy).addresses:
        return workers_of(tf.distribute.get_strategy())
    return workers_of(_of_workers())


def start(run: config.Config) -> tf.distribute.Strategy:
    """Applies a resolved config to TensorFlow and returns the strategy.

    Seeds the weights' initializers; everything else is drawn statelessly.
    """
    keras.utils.set_random_seed(run.seed)
    if run.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.mixed_precision.set_global_policy(run.precision)
    strategy = strategy_of(run)
    replicas, parts = strategy.num_replicas_in_sync, run.accumulate
    if run.batch % (replicas * parts):
        in_parts = f", in {parts} parts on each" * (parts > 1)
        raise UsageError(
            f"--batch={run.batch} cannot be shared by {replicas} devices{in_parts}; "
            f"expected a multiple of {replicas * parts}."
        )
    return strategy
