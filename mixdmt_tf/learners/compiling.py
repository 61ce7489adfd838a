"""What Keras lets a program say in `compile` and `fit`, and what of it makes sense."""

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
# What Keras's methods take besides, and what to write instead.
INSTEAD = {
    "loss": "Methods bring losses of their own; leave it out.",
    "sample_weight": "There are no weights of single images here.",
    "class_weight": "There are no weights of classes here.",
    "validation_split": "Give validation_data=(images, labels).",
    "shuffle": "Batches are shuffled in any case, by seed=.",
    "labeled": "Labelled images come first, as x: fit((images, labels), ...).",
    "validation_steps": "All validation images are scored.",
    "validation_batch_size": "It is batch_size.",
    "steps": "All images that are given are taken.",
}


@dataclasses.dataclass(frozen=True)
class Compiled:
    """What `compile` was given.

    Attributes:
        optimizer: a Keras optimizer; None: the method's own.
        metrics: of class numbers and probabilities.
        options: of `keras.Model.compile`.
    """

    optimizer: Any = None
    metrics: Optional[List[Any]] = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, optimizer: Any, metrics: Any, more: Dict[str, Any]) -> Compiled:
        """Checks them.

        Raises:
            ArgumentError: for what there is no use of here.
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
        # Accuracy is there in any case.
        metrics = [each for each in metrics if each not in ("accuracy", "acc")]
        return cls(optimizer, metrics or None, options)

    def fresh(self, used: Any) -> Compiled:
        """The same with an optimizer for weights that nobody has trained.

        Its learning rate is the one that the optimizer has now, as in Keras.

        Args:
            used: whether the one that was given has moved weights before.
        """
        if self.optimizer is None or not used:
            return self
        fresh = type(self.optimizer).from_config(self.optimizer.get_config())
        return dataclasses.replace(self, optimizer=fresh)

    def options_for(self, steps: Optional[int]) -> Dict[str, Any]:
        """The options, with executions of which epochs consist.

        Keras 3 rounds the steps of an epoch up to whole executions: batches of the next
        epoch would come before its end.

        Args:
            steps: of an epoch; None: nothing is trained.
        """
        options = dict(self.options)
        given = options.get("steps_per_execution")
        if steps and isinstance(given, int):
            fitting = (n for n in range(min(given, steps), 0, -1) if steps % n == 0)
            options["steps_per_execution"] = next(fitting, given)
        return options

    def get_config(self) -> Dict[str, Any]:
        """What `from_config` makes the same of."""
        return {
            "optimizer": keras.saving.serialize_keras_object(self.optimizer),
            "metrics": keras.saving.serialize_keras_object(self.metrics),
            **self.options,
        }


@dataclasses.dataclass(frozen=True)
class Plan:
    """How long `fit` trains.

    Attributes:
        of_epoch: steps of an epoch; None: a pass over the images.
        batch: labelled images per step; None: as the method was published.
    """

    of_epoch: Optional[int]
    batch: Optional[int]


def plan(epochs: Any, initial: Any, steps: Any, batch: Any) -> Plan:
    """Checks the numbers that `fit` is given.

    Raises:
        ArgumentError: naming the first one that is none.
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
    """An argument that is a whole number, of Python or of NumPy.

    Raises:
        ArgumentError: naming it, if it is something else, or smaller than `low`.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < low:
        raise ArgumentError(f"{name}={value!r}: expected a whole number, {low} or more")
    return operator.index(value)


@contextlib.contextmanager
def as_arguments() -> Iterator[None]:
    """Within it, settings that are refused are wrong arguments: `ValueError`s.

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
    """Refuses arguments that Keras knows and that make no sense here.

    Raises:
        ArgumentError: saying what to write instead.
    """
    for name in more:
        hint = INSTEAD.get(name, "Leave it out.")
        raise ArgumentError(f"{where} has no argument {name!r} here.\n{hint}")


def require_one_device(own: tf.distribute.Strategy) -> None:
    """Refuses a strategy of several replicas: Keras would cut the batches wrongly.

    Args:
        own: that the model was made under.
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
    """Refuses, before any work, callbacks whose files could not be gone on from.

    Raises:
        ArgumentError: saying what to write instead.
    """
    for callback in _all(callbacks):
        if isinstance(callback, keras.callbacks.BackupAndRestore):
            raise ArgumentError(
                "BackupAndRestore would begin with the batches and schedules of the "
                'first epoch again.\nUse ModelCheckpoint("{epoch}.keras"); '
                "keras.models.load_model and fit(..., initial_epoch=) go on."
            )
        if isinstance(callback, keras.callbacks.ModelCheckpoint):
            if callback.save_weights_only:
                require_weights_file(callback.filepath)
            else:
                require_keras_file(callback.filepath)


def require_no_rates(callbacks: Any) -> None:
    """Refuses callbacks that set a learning rate which follows a schedule.

    Keras 3 raises a TypeError in the middle of an epoch, and Keras 2 says nothing.

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
    """Refuses names of files that Keras would write in another format.

    Raises:
        ArgumentError: with the name that is meant.
    """
    if not str(path).endswith(".keras"):
        raise ArgumentError(
            f"{path}: models are saved as .keras files, with all settings and "
            f"the average in them.\nName it {path}.keras; export writes a SavedModel."
        )


def require_weights_file(path: Any) -> None:
    """Refuses names of files of weights that Keras 2 would write without averages.

    Raises:
        ArgumentError: with the name that is meant.
    """
    if not str(path).endswith(".weights.h5"):
        raise ArgumentError(
            f"{path}: weights go into .weights.h5 files, averages with them.\n"
            "Name it so; a .keras file, which save writes, has the settings, too."
        )


def has_part(path: Any, name: str) -> Optional[bool]:
    """Whether a file of weights has a part; None: there is no such file here.

    Args:
        path: of a .weights.h5 file.
        name: of an attribute of the model.
    """
    if not os.path.isfile(path):  # Keras has words for it
        return None
    with h5py.File(path, "r") as file:
        return name in file
