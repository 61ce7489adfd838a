"""Batches that the workers of a `tf.data` service make, on other machines.

A batch is a pure function of (seed, step, replica), so the trainer hands out numbers of
steps and gets batches. Workers (`tasks/data_worker.py`) open the run's folder, which
they must see as the trainer does, and read and augment images as it would.

`tf.data` has no order among workers: whoever is first is served first. Batches carry
their number, and here they are put in order again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import queue
import re
import socket
import threading
import time
from typing import Any, Callable, Dict, Iterable, Iterator, Optional, Set, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.data.tracing import as_it_is, untuned
from mixdmt_tf.errors import UserError

# Graphs that go to other processes name a Python function by its token: that of the
# first function that a process registers, which a worker sees to.
TOKEN = "pyfunc_0"
MOST_WAITING = 256  # batches that came too early, until one that is missing is lost
SILENCE = 30.0  # seconds without a batch, until it is asked who is still there
_AHEAD = 8  # batches that are asked for at a time
_SECONDS = 10.0  # to find somebody at the address
PAUSE = 1.0  # seconds between two looks whether somebody is there

Batch = Dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Remote:
    """The batches of a pipeline, made elsewhere.

    Attributes:
        pipeline: what would make them here.
        address: of the dispatcher, 'grpc://host:port'.
        folder: of the run.
        state: digest of its split and pseudo labels.
    """

    pipeline: Any
    address: str
    folder: pathlib.Path
    state: str

    def dataset(
        self, start: int, stop: int, replicas: int = 1, own: Optional[range] = None
    ) -> tf.data.Dataset:
        """The same batches in the same order as the pipeline's.

        Args:
            start: first step.
            stop: one past the last step.
            replicas: number of replicas.
            own: those that get their rows from here; None: all.

        Raises:
            UserError: if nobody answers at the address.
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
    """Elements of a service as they come, for which TensorFlow alone waits for ever.

    Args:
        elements: (number, address of the worker that made it, value, ...).
        address: of the dispatcher.

    Yields:
        (number, value, ...)

    Raises:
        UserError: if none comes, and the dispatcher or a worker is gone.
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
        except Exception as error:  # for the thread that waits for elements
            put(None, error)

    threading.Thread(target=read, daemon=True).start()
    workers: Set[str] = set()
    try:
        while True:
            try:
                element, error = came.get(timeout=SILENCE)
            except queue.Empty:
                _require_all(address, workers)
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
    """Makes sure that a dispatcher and the workers that are known answer.

    Raises:
        UserError: naming those that do not.
    """
    asked = {f"the dispatcher {address}": address}
    asked.update({f"the worker {each}": f"grpc://{each}" for each in sorted(workers)})
    gone = [who for who, place in asked.items() if _refusal(place) is not None]
    if gone:
        raise UserError(
            f"--data_service: no batch has come for {SILENCE:g} seconds, and nobody "
            f"answers at {', '.join(gone)}.\nThe same command goes on from the last "
            "checkpoint; if the dispatcher is gone, start bin/data_service first."
        )


def in_order(
    elements: Iterable[Tuple[Any, ...]], first: int, last: int
) -> Iterator[Tuple[np.ndarray, ...]]:
    """Numbered elements in the order of their numbers.

    Args:
        elements: (number, value, ...), in any order.
        first: the smallest number.
        last: one past the largest.

    Yields:
        The values of `first`, `first` + 1, ...

    Raises:
        UserError: if one does not come.
    """
    waiting: Dict[int, Tuple[Any, ...]] = {}
    wanted = first
    for number, *values in elements:
        waiting[int(number)] = tuple(values)
        while wanted in waiting:
            yield waiting.pop(wanted)
            wanted += 1
        if len(waiting) > MOST_WAITING:
            break
    if wanted < last:
        raise UserError(
            f"--data_service has lost batch {wanted}: one of its workers has stopped.\n"
            "The same command goes on from the last checkpoint, with those that are "
            "left."
        )


def of_run(pipeline: Any, address: str, folder: pathlib.Path, state: str) -> Any:
    """The pipeline, or with an address what has its batches made there."""
    return Remote(pipeline, address, folder, state) if address else pipeline


def require_somebody(address: str) -> None:
    """Refuses an address that nobody answers at, which TensorFlow tries for an hour.

    Args:
        address: 'grpc://host:port'; '' is fine.

    Raises:
        UserError: then.
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
    """Waits until somebody can be reached at an address.

    TensorFlow would wait as well, for an hour, in silence and deaf to Ctrl-C.

    Args:
        address: 'grpc://host:port'.
        say: receives a sentence if there is something to wait for.
    """
    error = _refusal(address)
    if error is not None:
        say(f"waiting for {address}, where nobody answers yet ({error})")
    while error is not None:
        time.sleep(PAUSE)
        error = _refusal(address)


def _refusal(address: str) -> Optional[Exception]:
    """Why nobody can be reached at an address; None if somebody can."""
    try:
        socket.create_connection(host_and_port(address), _SECONDS).close()
    except (OSError, UnicodeError) as error:  # the latter of what is no name of a host
        return error
    return None


def host_and_port(address: str) -> Tuple[str, int]:
    """Both of 'grpc://host:port'."""
    found = re.fullmatch(r"grpc://(.+):([0-9]+)", address)
    if not found:
        raise ValueError(f"{address}: expected grpc://host:port")
    return found[1], int(found[2])
