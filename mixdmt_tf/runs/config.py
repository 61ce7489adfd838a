"""Settings of a run that belong neither to the data nor to the algorithm."""

from __future__ import annotations

import dataclasses
import re
from typing import Optional, Union

from mixdmt_tf import addresses, lengths
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import check, setting, settings_of

SERVICE_ADDRESS = re.compile(r"grpc://[^:/\s]+:[0-9]{1,5}")


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a run: method, network, length, speed, folder and output."""

    algorithm: str = setting("realmix", "method: the name of a file in algorithms/")
    network: str = setting(
        "wide_resnet",
        "network: the name of a file in models/; auto: one with ImageNet weights if "
        "they are installed and fit the images, else a small one; if no learning rate "
        "is given, it also sets what goes with that network, among others a length in "
        "minutes",
    )
    workdir: str = setting(
        "",
        "the run's folder, or an address such as gs://bucket/run, from which the same "
        "command resumes after a stop; default: runs/, named after algorithm, data "
        "set, labels and seed",
        harmless=True,
    )
    seed: int = setting(
        1, "seed of split, weights, copies and batches", low=0, high=4294967295
    )
    steps: Optional[int] = setting(
        None,
        "training steps; a resumed run may be given more; default: 524,288 (RealMix: "
        "500k), for segmentation passes over the data. Methods that train in rounds "
        "divide them among base models and rounds",
        low=1,
        high=1099511627776,
        harmless=True,
    )
    max_minutes: Optional[float] = setting(
        None,
        "choose the number of steps so that training and evaluations take about this "
        "many minutes on this machine, those of compare_supervised included; they are "
        "timed first, and a resumed run keeps its steps. On the command line it "
        "replaces lengths from flagfiles; those of base models and rounds are then "
        "proportions",
        low=0.1,
        high=10000000.0,
        harmless=True,
    )
    init_from: str = setting(
        "",
        "run folder whose network's weights are the start (transfer learning); the "
        "output layer is new unless the classes are the same, and that of a second "
        "network always. For methods that train in rounds: the run that is the base "
        "model",
    )
    init_weights: str = setting(
        "ema",
        "which weights of init_from: averaged or raw ones",
        choices=("ema", "raw"),
    )
    batch: int = setting(
        64,
        "labelled images per step on all devices together; the method says how many "
        "unlabelled ones there are for each",
        low=1,
        high=65536,
    )
    accumulate: int = setting(
        1,
        "parts in which a step takes its batch, one after the other, to save memory: "
        "the gradient is that of the whole batch, but batch normalization, mixup and "
        "percentiles only see the rows of a part, and running means of a method, such "
        "as thresholds of freematch, move once a part",
        low=1,
        high=65536,
    )
    remat: bool = setting(
        False,
        "compute the layers within blocks of the network again in the backward pass "
        "instead of keeping their outputs: the same gradients with a fraction of the "
        "memory, about a third slower",
    )
    precision: str = setting(
        "auto",
        "auto: the fastest on this hardware that does not hurt the result; for long "
        "runs it is measured, within seconds, and remembered for later runs",
        choices=("auto", "float32", "mixed_bfloat16", "mixed_float16"),
    )
    strategy: str = setting(
        "auto",
        "devices that share a batch; auto: multi_worker if TF_CONFIG names several "
        "machines, mirrored if there are several GPUs; mirrored: all GPUs (or CPU "
        "devices) of this machine; multi_worker: those of all machines of TF_CONFIG; "
        "tpu: the cores of a TPU",
        choices=("auto", "none", "mirrored", "multi_worker", "tpu"),
    )
    sync_batch_norm: bool = setting(
        False,
        "batch normalization with mean and variance of the rows of all devices, "
        "instead of each device's own",
    )
    data_service: str = setting(
        "",
        "grpc://host:port of a bin/data_service whose workers read and augment images "
        "in place of this machine: the same batches in the same order",
        harmless=True,
    )
    eval_every: Optional[int] = setting(
        None,
        "steps between evaluations; default: a tenth of the run, but at most 1,024 "
        "(65,536 images at RealMix's batch), for segmentation 500",
        low=1,
        harmless=True,
        by_length=True,
    )
    checkpoint_every: Optional[int] = setting(
        None,
        "steps between checkpoints; default: as for evaluations",
        low=1,
        harmless=True,
        by_length=True,
    )
    keep_checkpoints: int = setting(
        2,
        "number of checkpoints that are kept besides the best",
        low=1,
        high=1000000,
        harmless=True,
    )
    log_every: int = setting(
        50,
        "steps between points in TensorBoard",
        low=1,
        high=1099511627776,
        harmless=True,
    )
    steps_per_execution: Union[int, str, None] = setting(
        1,
        "steps per call of the compiled function; auto: as many as take half a second, "
        "timed on the first ones, but at most log_every; on several devices one",
        low=1,
        high=1000000,
        harmless=True,
        words=("auto",),
    )
    jit_compile: str = setting(
        "auto",
        "XLA; auto: on one GPU only, since it is slower on CPUs and fails on replicas",
        choices=("auto", "on", "off"),
    )
    deterministic: bool = setting(
        True, "bit-exact runs and resumption, at a cost of 0 to 10 % of the speed"
    )
    export: bool = setting(
        True, "write a SavedModel when the training is done", harmless=True
    )
    report: bool = setting(
        True, "write a page about the run when it is done, report.html", harmless=True
    )
    compare_supervised: bool = setting(
        False,
        "also train on the labels alone under the same budget and report its error",
        harmless=True,
    )

    def __post_init__(self) -> None:
        """Raises a UsageError for values that are out of range or contradictory."""
        check(settings_of(type(self)), self)
        if self.batch % self.accumulate:
            raise UsageError(
                f"--batch={self.batch} cannot be split into --accumulate="
                f"{self.accumulate} equal parts.\n"
                f"Expected a divisor of {self.batch}."
            )
        if self.data_service and not SERVICE_ADDRESS.fullmatch(self.data_service):
            raise UsageError(
                f"--data_service={self.data_service}: expected grpc://host:port, as "
                "bin/data_service prints it"
            )
        addresses.require_openable(self.workdir, "workdir")
        addresses.require_openable(self.init_from, "init_from")
        if self.data_service and addresses.is_address(self.workdir):
            raise UsageError(
                f"--workdir={self.workdir} --data_service={self.data_service}: the "
                "workers read the run's folder, so it has to be on a file system.\n"
                "Give a folder that all machines see, or leave out --data_service."
            )
        if self.jit_compile == "on" and self.strategy in ("mirrored", "multi_worker"):
            raise UsageError(
                f"--jit_compile=on cannot be used with --strategy={self.strategy}: "
                "TensorFlow's XLA fails on several replicas.\nUse --jit_compile=auto."
            )

    def for_run(self, steps: int, task: str) -> Config:
        """Fills in the settings that default to values for the run's length.

        Args:
            steps: number of training steps of the run.
            task: 'classification' or 'segmentation'.
        """
        every = lengths.eval_every(task, steps)
        return lengths.filled_in(self, eval_every=every, checkpoint_every=every)
