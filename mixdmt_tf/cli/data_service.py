"""`bin/data_service`: makes batches for trainings, on this and on other machines."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from typing import AbstractSet, Any, List, Mapping, Sequence

from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.runs.config import SERVICE_ADDRESS
from mixdmt_tf.settings import setting

POLL = 0.2  # seconds between two looks at the workers


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    port: int = setting(
        5050,
        "port of the dispatcher, which trainings name in --data_service; 0: any free "
        "one",
        low=0,
        high=65535,
    )
    workers: int = setting(
        1, "processes on this machine that make batches", low=1, high=256
    )
    host: str = setting(
        "localhost", "name under which trainings and other machines reach this machine"
    )
    dispatcher: str = setting(
        "",
        "grpc://host:port of a dispatcher that runs already, perhaps on another "
        "machine, which one more worker joins; default: a new dispatcher",
    )

    def __post_init__(self) -> None:
        """Raises a UsageError for an invalid address."""
        address = self.dispatcher
        if address and not SERVICE_ADDRESS.fullmatch(address):
            raise UsageError(f"--dispatcher={address}: expected grpc://host:port")


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_serve, argv)


def command() -> None:
    """The installed command `mixdmt-data-service`."""
    sys.exit(main(sys.argv[1:]))


def _serve(argv: Sequence[str]) -> int:
    parsed = flags.parse(
        argv,
        "data_service",
        "Starts a tf.data service: a dispatcher, and workers that read and augment\n"
        "images for the trainings that are given --data_service. They have to see run\n"
        "folders and data under the same paths as the trainings. Ctrl-C ends it.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.data_service")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    _require_for_joining(config, parsed.given)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return _work(config) if config.dispatcher else _dispatch(config)


def _require_for_joining(config: Config, given: AbstractSet[str]) -> None:
    """Raises a UsageError for flags that `--dispatcher` ignores, or lacks."""
    for name in ("port", "workers"):
        if config.dispatcher and name in given:
            raise UsageError(
                f"--{name}: one worker joins {config.dispatcher}, on a port of its own."
                "\nLeave it out, and start the command once for each worker."
            )
    local = ("localhost", "127.0.0.1", "[::1]")
    there = config.dispatcher.partition("://")[2].rpartition(":")[0]
    if config.dispatcher and there not in local and "host" not in given:
        raise UsageError(
            f"--dispatcher={config.dispatcher} is on another machine: give --host=NAME,"
            " by which it and trainings reach this one."
        )


def _stop(number: int, _: Any) -> None:
    """Handles SIGTERM like Ctrl-C: ends the workers, then the process."""
    raise SystemExit(128 + number)


def _dispatch(config: Config) -> int:
    """Runs a dispatcher in this process, and workers in their own processes."""
    import tensorflow as tf

    service = tf.data.experimental.service
    try:
        server = service.DispatchServer(service.DispatcherConfig(port=config.port))
    except (RuntimeError, tf.errors.OpError) as error:
        raise UserError(
            f"cannot listen at --port={config.port}: {error}.\nChoose another one."
        ) from error
    port = server.target.rpartition(":")[2]
    address = f"grpc://{config.host}:{port}"
    worker = [sys.executable, "-m", "mixdmt_tf", "data_service"]
    worker += [f"--dispatcher={address}", f"--host={config.host}"]
    started: List[subprocess.Popen[bytes]] = []
    signal.signal(signal.SIGTERM, _stop)
    try:
        for _ in range(config.workers):
            started.append(subprocess.Popen(worker, env=_path()))
        print(f"--data_service={address}", flush=True)
        while True:
            time.sleep(POLL)
            ended = [each for each in started if each.poll() is not None]
            if ended:
                raise UserError(
                    f"a worker has ended with exit code {ended[0].returncode}, so the "
                    "service ends.\nTrainings continue once it is started again."
                )
    finally:
        for each in started:
            each.terminate()
        for each in started:
            each.wait()


def _path() -> Mapping[str, str]:
    """Returns the environment, with this package on PYTHONPATH."""
    import mixdmt_tf

    place = os.path.dirname(os.path.dirname(os.path.abspath(mixdmt_tf.__file__)))
    others = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [place, others]))}


def _work(config: Config) -> int:
    """Runs a worker in this process."""
    from mixdmt_tf.runs import data_service
    from mixdmt_tf.tasks import data_worker

    data_service.await_somebody(config.dispatcher, lambda s: print(s, flush=True))
    batches = data_worker.Batches(lambda folder: experiments.read_run(folder)[1]())
    server = data_worker.serve(batches, config.dispatcher, config.host, 0)
    print(f"a worker of {config.dispatcher}", flush=True)
    while server:  # `server.join()` would ignore Ctrl-C
        time.sleep(POLL)
    return 0
