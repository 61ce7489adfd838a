"""What the workers of one training tell each other, beside gradients.

Only the chief, the first worker, writes files, evaluates and decides what is trained
next; the others follow (`followers.py`). All of them have to ask for the same things in
the same order: whoever asks waits for the others.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any, Iterator, List

import numpy as np
import tensorflow as tf

from mixdmt_tf.errors import UserError

LONGEST = 4096  # bytes that the chief can say at once
# What TensorFlow raises when a worker cannot be reached any more.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)


class Workers:
    """All workers, seen from one of them; without `TF_CONFIG` that is the only one.

    Attributes:
        number: of workers.
        index: this one's.
        chief: whether this is the one that writes files.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        """Looks up who there is.

        Args:
            strategy: of the training.
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
                # Of each worker the first replica speaks.
                index = context.replica_id_in_sync_group
                first = tf.equal(index % self._replicas, 0)
                values = tf.where(first, values, tf.zeros_like(values))
                return context.all_reduce(tf.distribute.ReduceOp.SUM, values)

            return strategy.run(on_replica, args=(values,))

        self._add = add

    def gather(self, values: np.ndarray) -> np.ndarray:
        """What each worker gives, on all of them.

        Args:
            values: float32 [n]; n is the same on all workers.

        Returns:
            float32 [workers, n].
        """
        placed = np.zeros((self.number, len(values)), np.float32)
        placed[self.index] = values
        return placed if self.number == 1 else self._sum(placed)

    def hear(self, words: str = "") -> str:
        """What the chief says, on all workers.

        Args:
            words: said by the chief, at most `LONGEST` bytes; others say nothing.

        Raises:
            ValueError: if there are more.
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
        """Gives all workers the values that the chief has.

        Args:
            variables: the same on all workers, in the same order.
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
    """Says what it means if TensorFlow cannot reach a worker any more.

    Args:
        workers: that train together.

    Raises:
        UserError: then.
    """
    try:
        yield
    except _LOST as error:
        if workers.number == 1:
            raise
        raise UserError(
            f"another worker has stopped or cannot be reached: {_reason(error)}\n"
            "This one stops, too. The same command on all workers goes on from the "
            "last checkpoint."
        ) from error


def _reason(error: tf.errors.OpError) -> str:
    """The part of TensorFlow's words that says what happened."""
    text = str(error.message).rpartition("aborted by:")[2]
    text = re.sub(r"\{\{.*?\}\}|Additional GRPC error.*", "", text, flags=re.DOTALL)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:160]
