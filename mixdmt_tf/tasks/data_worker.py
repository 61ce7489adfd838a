"""A worker of a `tf.data` service that makes batches of runs, for `--data_service`."""

from __future__ import annotations

import os
import pathlib
import threading
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import beginning, data_service
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.splits import find_split
from mixdmt_tf.tasks import open_task

Read = Callable[[str], Experiment]
Make = Callable[[tf.Tensor, tf.Tensor], Dict[str, tf.Tensor]]
RUNS = 4  # runs that are kept open
_Key = Tuple[str, str, int, Any]  # folder, state, replicas, when settings were written


def _written(folder: str) -> Any:
    """Identifies the settings of a run's folder, which may be of another run later."""
    try:
        status = os.stat(pathlib.Path(folder) / "flags.txt")
    except OSError:  # reading the run says why
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


class Batches:
    """Makes batches of any run whose folder is accessible on this machine.

    Attributes:
        made: number of batches so far.
        address: 'host:port' of this worker, which is sent with each batch.
    """

    def __init__(self, read: Read):
        """Initializes the worker.

        Args:
            read: reads the experiment of a run folder.
        """
        self.made = 0
        self.address = ""
        self._read = read
        self._makers: Dict[_Key, Make] = {}
        self._lock = threading.Lock()

    def __call__(
        self, about: np.ndarray, step: int, replica: int, replicas: int
    ) -> List[Any]:
        """Returns one replica's rows of a step, as requested by `data_service.Remote`.

        Args:
            about: the run's folder and the digest of its split and pseudo labels.
            step: of the run.
            replica: index of the replica.
            replicas: number of replicas.

        Returns:
            The worker's address, and the entries of the batch in the order of their
            names.

        Raises:
            UserError: if the folder is missing or holds another split.
        """
        folder, state = (each.decode() for each in about)
        key = folder, state, int(replicas), _written(folder)
        with self._lock:  # a run is opened once
            if key not in self._makers:
                # Earlier settings of this folder are those of a run that is gone.
                others = {k: v for k, v in self._makers.items() if k[0] != folder}
                self._makers = dict([*others.items()][1 - RUNS :])
                self._makers[key] = self._open(folder, state, int(replicas))
            make = self._makers[key]
            self.made += 1
        batch = make(tf.constant(step, tf.int64), tf.constant(replica, tf.int64))
        return [self.address, *(batch[name].numpy() for name in sorted(batch))]

    def _open(self, folder: str, state: str, replicas: int) -> Make:
        task = open_task(self._read(folder))
        split = find_split(task, pathlib.Path(folder))
        pseudo = beginning.pseudo_labels(task, split)
        if beginning.state(split, pseudo) != state:
            raise UserError(
                f"the data service finds another split or other pseudo labels in "
                f"{folder} than the training.\nThey have to share the folder."
            )
        print(f"batches of {folder}", flush=True)
        make: Make = task.pipeline(split, pseudo, replicas).maker(replicas)
        return make


def serve(batches: Batches, dispatcher: str, host: str, port: int) -> Any:
    """Starts a worker in this process, which must not have used `tf.data` before.

    Args:
        batches: makes the batches.
        dispatcher: address of the dispatcher, 'grpc://host:port'.
        host: the name of this machine for trainers.
        port: to listen on, 0: any free one.

    Returns:
        The server; it runs as long as you keep a reference to it.
    """

    @tf.function(autograph=False)
    def named(about: Any, step: Any, replica: Any, replicas: Any) -> Any:
        given = [about, step, replica, replicas]
        return tf.numpy_function(batches, given, tf.float32, stateful=False)

    number = tf.TensorSpec([], tf.int64)
    about = tf.TensorSpec([2], tf.string)
    graph = named.get_concrete_function(about, number, number, number).graph
    tokens = [
        each.get_attr("token").decode()
        for each in graph.get_operations()
        if each.type.startswith("PyFunc")
    ]
    if tokens != [data_service.TOKEN]:
        raise RuntimeError(f"expected {data_service.TOKEN} first, got {tokens}")
    service = tf.data.experimental.service
    server = service.WorkerServer(
        service.WorkerConfig(
            dispatcher_address="{}:{}".format(*data_service.host_and_port(dispatcher)),
            worker_address=f"{host}:%port%",
            data_transfer_address=f"{host}:%port%",
            port=port,
        )
    )
    batches.address = "{}:{}".format(host, server._address.rpartition(":")[2])
    server.kept = graph  # TensorFlow deletes functions without references
    return server
