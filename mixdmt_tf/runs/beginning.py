"""What a training run begins with: pseudo labels, the method, its first weights."""

from __future__ import annotations

from typing import Optional

import tensorflow as tf

from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.data.part import Part
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UsageError
from mixdmt_tf.files import expanded
from mixdmt_tf.models.layers import normalization, replica_statistics
from mixdmt_tf.runs import memory, transfer
from mixdmt_tf.runs.task import PseudoLabels, Task
from mixdmt_tf.runs.workers import Workers


def pseudo_labels(task: Task, split: Split) -> Optional[PseudoLabels]:
    """The pseudo labels that the method learns from; None if it needs none.

    Raises:
        UserError: if some are given to a method that learns from none, or are missing,
            damaged, or of another split or network.
    """
    experiment = task.experiment
    given, method = experiment.data.pseudo_labels, experiment.algorithm
    if experiment.method_class().recipe(experiment.method).pseudo:
        pseudo = task.read_pseudo_labels(expanded(given), split)
        transfer.require_labels_of_same_network(pseudo, experiment)
        return pseudo
    if given:
        raise UsageError(
            f"--pseudo_labels: --algorithm={method} learns from none.\n"
            "Leave it out, or choose a method such as --algorithm=dmt."
        )
    return None


def copies(task: Task, split: Split, workers: Workers) -> None:
    """Has each worker make its part of the copies on the disk, before all read them.

    One who does not share the folder of the others finds its own part alone there, and
    makes the rest when it opens them.

    Args:
        task: of the run.
        split: of the run.
        workers: all of them, which call this together.
    """
    if workers.number > 1:
        task.share_copies(split, Part(workers.index + 1, workers.number))
        workers.hear()  # which waits until all have done their part


def state(split: Split, pseudo: Optional[PseudoLabels]) -> str:
    """Digest of what a run's batches are made of, besides its settings."""
    return split.digest() + (pseudo.digest() if pseudo else "")


def algorithm(task: Task, split: Split, strategy: tf.distribute.Strategy) -> Algorithm:
    """The method and its network, compiled, with random weights.

    Args:
        task: of the run.
        split: of the run.
        strategy: where it is trained.

    Raises:
        UsageError: if the method trains two networks that can't differ, and settings
            ask for another second one.
    """
    experiment = task.experiment
    kind = experiment.method_class()
    if kind.has_peer and experiment.network.second() != experiment.network:
        raise UsageError(
            f"--algorithm={experiment.algorithm} trains two networks of the same kind: "
            "leave out --backbone_b, --layout_b, --normalization_b and --pretrained_b."
        )
    with strategy.scope(), replica_statistics.statistics_of_replicas():
        network = task.network()
        made = kind(network, experiment.method, task.facts(split))
        if experiment.run.sync_batch_norm:  # of copies too, such as teachers
            replica_statistics.synchronize(made)
        if experiment.run.deterministic and tf.config.list_physical_devices("GPU"):
            normalization.unfuse_inference(made, kind.infers_in_steps)
        made.compile()
        if experiment.run.remat:
            memory.rematerialize(made)
    return made


def initialize(made: Algorithm, task: Task) -> None:
    """What a new run begins with, if not with random weights.

    Weights of another run, of a file, or some that follow from the images
    (`models.base.Network.adapt`), of which there is nothing to say.
    """
    init_from = task.experiment.run.init_from
    if init_from:
        loaded: Optional[str] = transfer.initialize(made.network, task)
    else:
        loaded = task.initialize(made.network)
    if loaded:
        print(loaded, flush=True)
    made.weights_replaced()
    if not made.has_peer:
        return
    loaded = transfer.initialize_second(made.peer, task)
    if loaded:
        print(f"the second network: {loaded}", flush=True)
