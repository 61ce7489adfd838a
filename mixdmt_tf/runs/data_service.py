"""Batches from the workers of a `tf.data` service, on other machines.

A batch is a pure function of (seed, step, replica), so the trainer sends step numbers
and receives batches. Workers (`tasks/data_worker.py`) open the run's folder, which they
must see under the same path as the trainer, and read and augment images as the trainer
would.

`tf.data` returns the batches of several workers in any order. Batches carry their
number, and this module puts them back in order.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import queue
import re
import socket
import sys
import threading
import time
from typing import Any, Callable, Dict, Iterable, Iterator, Optional, Set, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.data.tracing import as_it_is, untuned
from mixdmt_tf.errors import UserError

# Graphs that are sent to other processes refer to a Python function by its token. This
# is the token of the first function that a process registers; workers make sure of it.
TOKEN = "pyfunc_0"
MOST_WAITING = 256  # batches that may come early; after that only some a second do
PATIENCE = 300.0  # seconds until a batch that others are waiting for counts as lost
SILENCE = 30.0  # seconds without a batch before checking that all still answer
_AHEAD = 8  # batches that are requested at a time
_SECONDS = 10.0  # timeout of a connection
PAUSE = 1.0  # seconds between two attempts to connect

Batch = Dict[str, tf.Tensor]
_NOBODY = (
    "--data_service={}: still no batch. Workers may be reading the data, or they "
    "announce an address at which this machine does not find them: on several "
    "machines give bin/data_service a --host"
)


@dataclasses.dataclass(frozen=True)
class Remote:
    """The batches of a pipeline, computed by a `tf.data` service.

    Attributes:
        pipeline: the pipeline that would compute the same batches on this machine.
        address: address of the dispatcher, 'grpc://host:port'.
        folder: the run's folder.
        state: digest of the run's split and pseudo labels.
    """

    pipeline: Any
    address: str
    folder: pathlib.Path
    state: str

    def dataset(
        self, start: int, stop: int, replicas: int = 1, own: Optional[range] = None
    ) -> tf.data.Dataset:
        """Returns the same batches in the same order as the pipeline.

        Args:
            start: first step.
            stop: one past the last step.
            replicas: number of replicas.
            own: replicas that get their rows from this dataset; None for all.

        Raises:
            UserError: if the address does not answer.
        """
        require_somebody(self.address)
        own = range(replicas) if own is None else own
        number = len(own)
        spec = self.pipeline.dataset(start, start + 1, replicas, own).element_spec
        names = sorted(spec)
        about = [str(self.folder.absolute()), self.state]

        def asked(element: tf.Tensor) -> Tuple[tf.Tensor, ...]:
            made = tf.raw_ops.PyFuncStateless(
                input=[
                    tf.constant(about),
                    element // number,
                    own.start + element % number,
                    tf.constant(replicas, tf.int64),
                ],
                token=TOKEN,
                Tout=[tf.string, *(spec[name].dtype for name in names)],
            )
            return (element, *made)

        first, last = start * number, stop * number
        elements = tf.data.Dataset.range(first, last)
        remote = elements.map(as_it_is(asked), num_parallel_calls=2).apply(
            tf.data.experimental.service.distribute(
                processing_mode=tf.data.experimental.service.ShardingPolicy.DYNAMIC,
                service=self.address,
                max_outstanding_requests=_AHEAD,
            )
        )
        ordered = tf.data.Dataset.from_generator(
            lambda: in_order(
                watched(untuned(remote).as_numpy_iterator(), self.address), first, last
            ),
            output_signature=tuple(spec[name] for name in names),
        )
        named = ordered.map(as_it_is(lambda *values: dict(zip(names, values))))
        return named.prefetch(2)


def watched(
    elements: Iterable[Tuple[Any, ...]], address: str
) -> Iterator[Tuple[Any, ...]]:
    """Yields elements of a service and notices when the service has stopped.

    TensorFlow alone would wait forever.

    Args:
        elements: (number, address of the worker that computed it, value, ...).
        address: address of the dispatcher.

    Yields:
        (number, value, ...)

    Raises:
        UserError: if no element arrives and the dispatcher or a worker is gone.
    """
    came: queue.Queue[Tuple[Any, ...]] = queue.Queue(1)
    ended = threading.Event()

    def put(*entry: Any) -> None:
        while not ended.is_set():
            with contextlib.suppress(queue.Full):
                came.put(entry, timeout=1.0)
                return

    def read() -> None:
        try:
            for element in elements:
                put(element, None)
                if ended.is_set():
                    return
            put(None, None)
        except Exception as error:  # re-raised in the thread that waits for elements
            put(None, error)

    threading.Thread(target=read, daemon=True).start()
    workers: Set[str] = set()
    said = False
    try:
        while True:
            try:
                element, error = came.get(timeout=SILENCE)
            except queue.Empty:
                _require_all(address, workers)
                if not workers and not said:
                    said = True
                    print(_NOBODY.format(address), file=sys.stderr, flush=True)
                continue
            if error is not None:
                raise error
            if element is None:
                return
            number, worker, *values = element
            workers.add(worker.decode())
            yield (number, *values)
    finally:
        ended.set()


def _require_all(address: str, workers: Set[str]) -> None:
    """Checks that the dispatcher and all known workers answer.

    Raises:
        UserError: naming those that do not.
    """
    asked = {f"the dispatcher {address}": address}
    asked.update({f"the worker {each}": f"grpc://{each}" for each in sorted(workers)})
    gone = [who for who, place in asked.items() if _refusal(place) is not None]
    if gone:
        raise UserError(
            f"--data_service: no batch has arrived for {SILENCE:g} seconds, and nobody "
            f"answers at {', '.join(gone)}.\nThe same command resumes from the last "
            "checkpoint; if the dispatcher is gone, start bin/data_service first."
        )


def in_order(
    elements: Iterable[Tuple[Any, ...]], first: int, last: int
) -> Iterator[Tuple[np.ndarray, ...]]:
    """Sorts numbered elements.

    Args:
        elements: (number, value, ...), in any order.
        first: the smallest number.
        last: one past the largest number.

    Yields:
        The values of `first`, `first` + 1, ...

    Raises:
        UserError: if an element is missing.
    """
    waiting: Dict[int, Tuple[Any, ...]] = {}
    wanted, since = first, time.monotonic()
    for number, *values in elements:
        waiting[int(number)] = tuple(values)
        while wanted in waiting:
            yield waiting.pop(wanted)
            wanted, since = wanted + 1, time.monotonic()
        if len(waiting) > MOST_WAITING:
            # A worker that has just joined may still be reading the data.
            if time.monotonic() - since > PATIENCE:
                break
            time.sleep(PAUSE)
    if wanted < last:
        raise UserError(
            f"--data_service has lost batch {wanted}: one of its workers has stopped.\n"
            "The same command resumes from the last checkpoint, with the remaining "
            "workers."
        )


def of_run(pipeline: Any, address: str, folder: pathlib.Path, state: str) -> Any:
    """Returns the pipeline, or with an address its `Remote` counterpart."""
    return Remote(pipeline, address, folder, state) if address else pipeline


def require_somebody(address: str) -> None:
    """Checks that an address answers; TensorFlow alone would retry for an hour.

    Args:
        address: 'grpc://host:port'; '' is accepted.

    Raises:
        UserError: if it does not answer.
    """
    if not address:
        return
    error = _refusal(address)
    if error is not None:
        raise UserError(
            f"--data_service={address}: nobody answers ({error}).\n"
            "Start bin/data_service there first."
        )


def await_somebody(address: str, say: Callable[[str], None]) -> None:
    """Waits until an address answers.

    TensorFlow would wait as well, but for an hour, silently and ignoring Ctrl-C.

    Args:
        address: 'grpc://host:port'.
        say: receives a message if there is something to wait for.
    """
    error = _refusal(address)
    if error is not None:
        say(f"waiting for {address}, where nobody answers yet ({error})")
    while error is not None:
        time.sleep(PAUSE)
        error = _refusal(address)


def _refusal(address: str) -> Optional[Exception]:
    """Returns the error of connecting to an address; None if it answers."""
    try:
        socket.create_connection(host_and_port(address), _SECONDS).close()
    except (OSError, UnicodeError) as error:  # UnicodeError: invalid host name
        return error
    return None


def host_and_port(address: str) -> Tuple[str, int]:
    """Splits 'grpc://host:port'."""
    found = re.fullmatch(r"grpc://(.+):([0-9]+)", address)
    if not found:
        raise ValueError(f"{address}: expected grpc://host:port")
    return found[1], int(found[2])
