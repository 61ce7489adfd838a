"""Communication between the workers of a training, besides gradients.

Only the chief, the first worker, writes files, evaluates and decides what is trained
next; the others follow (`followers.py`). All workers have to call the same methods in
the same order, since each call waits for the others.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any, Iterator, List

import numpy as np
import tensorflow as tf

from mixdmt_tf.errors import UserError

LONGEST = 4096  # longest message of the chief, in bytes
# Errors that TensorFlow raises when a worker can no longer be reached.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)


class Workers:
    """The workers of a training; without `TF_CONFIG` there is only this process.

    Attributes:
        number: number of workers.
        index: index of this worker.
        chief: whether this worker is the chief, which writes files.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        """Reads the number of workers from the strategy.

        Args:
            strategy: distribution strategy of the training.
        """
        self.number, self.index = 1, 0
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            spec = strategy.cluster_resolver.cluster_spec()
            self.number = sum(map(spec.num_tasks, spec.jobs))
            self.index = strategy.extended._id_in_cluster
        self.chief = self.index == 0
        self._strategy = strategy
        self._replicas = strategy.num_replicas_in_sync // self.number

        @tf.function(autograph=False)
        def add(values: tf.Tensor) -> Any:
            def on_replica(values: tf.Tensor) -> tf.Tensor:
                context = tf.distribute.get_replica_context()
                # Only the first replica of each worker contributes.
                index = context.replica_id_in_sync_group
                first = tf.equal(index % self._replicas, 0)
                values = tf.where(first, values, tf.zeros_like(values))
                return context.all_reduce(tf.distribute.ReduceOp.SUM, values)

            return strategy.run(on_replica, args=(values,))

        self._add = add

    def gather(self, values: np.ndarray) -> np.ndarray:
        """Gathers the values of all workers on each of them.

        Args:
            values: float32 [n]; n is the same on all workers.

        Returns:
            float32 [workers, n].
        """
        placed = np.zeros((self.number, len(values)), np.float32)
        placed[self.index] = values
        return placed if self.number == 1 else self._sum(placed)

    def hear(self, words: str = "") -> str:
        """Broadcasts a message of the chief and returns it on all workers.

        Args:
            words: the chief's message, at most `LONGEST` bytes; ignored on others.

        Raises:
            ValueError: if the message is too long.
        """
        if self.number == 1:
            return words
        said = words.encode() if self.chief else b""
        if len(said) > LONGEST:
            raise ValueError(f"{len(said)} bytes are more than {LONGEST}")
        letters = np.zeros(LONGEST, np.int32)
        letters[: len(said)] = np.frombuffer(said, np.uint8)
        return bytes(self._sum(letters).astype(np.uint8)).rstrip(b"\0").decode()

    def share(self, variables: List[tf.Variable]) -> None:
        """Copies the chief's values of variables to all workers.

        Args:
            variables: the variables, the same on all workers and in the same order.
        """
        if self.number == 1:
            return
        values = [np.asarray(variable.numpy()) for variable in variables]
        held = b"".join(value.tobytes() for value in values)
        words = np.frombuffer(held + bytes(-len(held) % 4), np.int32)
        heard = self._sum(words if self.chief else np.zeros_like(words)).tobytes()
        start = 0
        for variable, value in zip(variables, values):
            part = heard[start : start + value.nbytes]
            variable.assign(np.frombuffer(part, value.dtype).reshape(value.shape))
            start += value.nbytes

    def _sum(self, values: np.ndarray) -> np.ndarray:
        results = self._add(tf.constant(values))
        found: np.ndarray = self._strategy.experimental_local_results(results)[0]
        return np.asarray(found)


@contextlib.contextmanager
def in_words(workers: Workers) -> Iterator[None]:
    """Turns TensorFlow's errors about lost workers into a `UserError`.

    Args:
        workers: the workers that train together.

    Raises:
        UserError: if another worker can no longer be reached.
    """
    try:
        yield
    except _LOST as error:
        if workers.number == 1:
            raise
        raise UserError(
            f"another worker has stopped or cannot be reached: {_reason(error)}\n"
            "This one stops, too. The same command on all workers resumes from the "
            "last checkpoint."
        ) from error


def _reason(error: tf.errors.OpError) -> str:
    """Extracts the cause from TensorFlow's message."""
    text = str(error.message).rpartition("aborted by:")[2]
    text = re.sub(r"\{\{.*?\}\}|Additional GRPC error.*", "", text, flags=re.DOTALL)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:160]
