"""Checks the arguments of `compile` and `fit`: which Keras arguments apply here."""

from __future__ import annotations

import contextlib
import dataclasses
import operator
import os
from typing import Any, Dict, Iterator, List, Mapping, Optional

import h5py
import keras
import tensorflow as tf

from mixdmt_tf.errors import ArgumentError, UsageError

OPTIONS = ("run_eagerly", "jit_compile", "steps_per_execution")
# Other arguments of Keras's methods, and what to write instead.
INSTEAD = {
    "loss": "Methods define their own losses; leave it out.",
    "sample_weight": "Weights of single images are not supported.",
    "class_weight": "Class weights are not supported.",
    "validation_split": "Give validation_data=(images, labels).",
    "shuffle": "Batches are always shuffled, with seed=.",
    "labeled": "Labelled images come first, as x: fit((images, labels), ...).",
    "validation_steps": "All validation images are scored.",
    "validation_batch_size": "batch_size is used for validation, too.",
    "steps": "All given images are used.",
}


@dataclasses.dataclass(frozen=True)
class Compiled:
    """The arguments of `compile`.

    Attributes:
        optimizer: a Keras optimizer; None: the method's own.
        metrics: metrics of class numbers and probabilities.
        options: other options of `keras.Model.compile`.
    """

    optimizer: Any = None
    metrics: Optional[List[Any]] = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, optimizer: Any, metrics: Any, more: Dict[str, Any]) -> Compiled:
        """Checks and collects the arguments.

        Raises:
            ArgumentError: if an argument has no meaning here.
        """
        weighted = more.pop("weighted_metrics", None)
        for name, given in (("metrics", metrics), ("weighted_metrics", weighted)):
            if not isinstance(given or [], (list, tuple)):
                raise ArgumentError(
                    f"{name}={given!r}: expected a list of metrics, or of their names"
                )
        metrics = [*(metrics or []), *(weighted or [])]
        options = {name: more.pop(name) for name in OPTIONS if name in more}
        refuse(more, "compile")
        if optimizer is not None:
            optimizer = keras.optimizers.get(optimizer)
        # Accuracy is always reported.
        metrics = [
            each
            for each in metrics
            if getattr(each, "name", each) not in ("accuracy", "acc")
        ]
        return cls(optimizer, metrics or None, options)

    def fresh(self, used: Any) -> Compiled:
        """Returns the same arguments with an optimizer that has no state yet.

        Its learning rate is the current one of the optimizer, as in Keras.

        Args:
            used: whether the given optimizer has updated weights before.
        """
        if self.optimizer is None or not used:
            return self
        fresh = type(self.optimizer).from_config(self.optimizer.get_config())
        return dataclasses.replace(self, optimizer=fresh)

    def options_for(self, steps: Optional[int]) -> Dict[str, Any]:
        """Returns the options with a `steps_per_execution` that divides the epoch.

        Keras 3 rounds the steps of an epoch up to whole executions: an epoch would then
        use batches of the next one.

        Args:
            steps: steps per epoch; None: nothing is trained.
        """
        options = dict(self.options)
        given = options.get("steps_per_execution")
        if steps and isinstance(given, int):
            fitting = (n for n in range(min(given, steps), 0, -1) if steps % n == 0)
            options["steps_per_execution"] = next(fitting, given)
        return options

    def get_config(self) -> Dict[str, Any]:
        """Returns the config from which `from_config` restores these arguments."""
        return {
            "optimizer": keras.saving.serialize_keras_object(self.optimizer),
            "metrics": keras.saving.serialize_keras_object(self.metrics),
            **self.options,
        }


@dataclasses.dataclass(frozen=True)
class Plan:
    """The length of an epoch and the batch size of `fit`.

    Attributes:
        of_epoch: steps per epoch; None: one pass over the images.
        batch: labelled images per step; None: as in the method's paper.
    """

    of_epoch: Optional[int]
    batch: Optional[int]


def plan(epochs: Any, initial: Any, steps: Any, batch: Any) -> Plan:
    """Checks the numeric arguments of `fit`.

    Raises:
        ArgumentError: naming the first invalid one.
    """
    for name, value, low in (
        ("epochs", epochs, 1),
        ("initial_epoch", initial, 0),
        ("steps_per_epoch", steps, 1),
        ("batch_size", batch, 1),
    ):
        if value is None and name in ("steps_per_epoch", "batch_size"):
            continue
        whole(name, value, low)
    if initial >= epochs:
        raise ArgumentError(
            f"initial_epoch={initial}: all epochs={epochs} are done.\nepochs counts "
            "from the beginning, as in Keras."
        )
    return Plan(
        None if steps is None else int(steps), None if batch is None else int(batch)
    )


def whole(name: str, value: Any, low: int) -> int:
    """Returns an argument as an int; Python and NumPy integers are accepted.

    Raises:
        ArgumentError: naming it, if it is not a whole number or smaller than `low`.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < low:
        raise ArgumentError(f"{name}={value!r}: expected a whole number, {low} or more")
    return operator.index(value)


@contextlib.contextmanager
def as_arguments() -> Iterator[None]:
    """A context that turns errors of settings into argument errors (`ValueError`).

    Raises:
        ArgumentError: in place of any other `UsageError`.
    """
    try:
        yield
    except ArgumentError:
        raise
    except UsageError as error:
        raise ArgumentError(str(error)) from None


def refuse(more: Mapping[str, Any], where: str) -> None:
    """Rejects Keras arguments that have no meaning here.

    Raises:
        ArgumentError: saying what to write instead.
    """
    for name in more:
        hint = INSTEAD.get(name, "Leave it out.")
        raise ArgumentError(f"{where} has no argument {name!r} here.\n{hint}")


def require_one_device(own: tf.distribute.Strategy) -> None:
    """Rejects strategies with several replicas: Keras would split batches wrongly.

    Args:
        own: the strategy under which the model was created.
    """
    strategies = own, tf.distribute.get_strategy()
    replicas = max(each.num_replicas_in_sync for each in strategies)
    if replicas > 1:
        raise ArgumentError(
            f"fit on {replicas} devices is not supported.\nmixdmt_tf.train, or "
            "bin/train, trains on several; or make the model, and call fit, outside of "
            "the strategy's scope."
        )


def _all(callbacks: Any) -> List[Any]:
    each_one = getattr(callbacks, "callbacks", callbacks) or []
    return list(each_one) if isinstance(each_one, (list, tuple)) else [each_one]


def require_usable(callbacks: Any) -> None:
    """Rejects callbacks that write files from which training can't be resumed.

    Called before any work is done.

    Raises:
        ArgumentError: saying what to write instead.
    """
    for callback in _all(callbacks):
        if isinstance(callback, keras.callbacks.BackupAndRestore):
            raise ArgumentError(
                "BackupAndRestore would restart with the batches and schedules of the "
                'first epoch.\nUse ModelCheckpoint("{epoch}.keras"), and resume with '
                "keras.models.load_model and fit(..., initial_epoch=)."
            )
        if isinstance(callback, keras.callbacks.ModelCheckpoint):
            if callback.save_weights_only:
                require_weights_file(callback.filepath)
            else:
                require_keras_file(callback.filepath)


def require_no_rates(callbacks: Any) -> None:
    """Rejects callbacks that set the learning rate while it follows a schedule.

    Keras 3 would raise a TypeError in the middle of an epoch, and Keras 2 nothing.

    Raises:
        ArgumentError: saying what to write instead.
    """
    rates = keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau
    for callback in _all(callbacks):
        if isinstance(callback, rates):
            raise ArgumentError(
                f"{type(callback).__name__}: the method's own learning rate follows a "
                "schedule, which it can't change.\nGive "
                'learning_rate_schedule="constant" to the method, or compile an '
                "optimizer."
            )


def require_keras_file(path: Any) -> None:
    """Rejects file names that Keras would write in a format other than .keras.

    Raises:
        ArgumentError: with the right name.
    """
    if not str(path).endswith(".keras"):
        raise ArgumentError(
            f"{path}: models are saved as .keras files, with all settings and "
            f"the average in them.\nName it {path}.keras; export writes a SavedModel."
        )


def require_weights_file(path: Any) -> None:
    """Rejects weight files that Keras 2 would write without the EMA weights.

    Raises:
        ArgumentError: with the right name.
    """
    if not str(path).endswith(".weights.h5"):
        raise ArgumentError(
            f"{path}: weights go into .weights.h5 files, averages with them.\n"
            "Name it so; a .keras file, which save writes, has the settings, too."
        )


def has_part(path: Any, name: str) -> Optional[bool]:
    """Returns whether a weight file has a part; None if there is no such file.

    Args:
        path: path of a .weights.h5 file.
        name: name of an attribute of the model.
    """
    if not os.path.isfile(path):  # Keras raises its own error
        return None
    with h5py.File(path, "r") as file:
        return name in file
