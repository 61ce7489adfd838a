"""`bin/serve`: an exported model behind HTTP."""

from __future__ import annotations

import dataclasses
import importlib.util
import ipaddress
import os
import sys
from typing import Any, Mapping, Optional, Sequence, Tuple

from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import expanded
from mixdmt_tf.runs import model_files
from mixdmt_tf.serving.limits import Limits
from mixdmt_tf.settings import check, setting, settings_of

NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")
# Host names of this machine in requests. Older versions of Starlette cut an IPv6
# address at its first colon; "[" is safe, since no registered name has a bracket.
OWN_NAMES = ("127.0.0.1", "localhost", "[::1]", "[")


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    workdir: str = setting("", "the folder of a run, whose export/ is served")
    model: str = setting(
        "",
        "instead of workdir: the folder of a SavedModel of bin/export_model; loading a "
        "SavedModel runs what is in it, so serve only models that you trust",
    )
    host: str = setting(
        "127.0.0.1",
        "where to listen; 0.0.0.0: to everybody who reaches this machine, without "
        "password or encryption: put a proxy with both in front of it",
    )
    port: int = setting(8000, "port to listen at; 0: any free one", low=0, high=65535)
    threads: int = setting(
        1, "images that are decoded and predicted at the same time", low=1, high=64
    )
    max_megabytes: float = setting(
        20.0,
        "size of a request's body; a larger one is answered with 413",
        low=0.001,
        high=10000,
    )
    max_images: int = setting(16, "images in one request", low=1, high=1024)
    max_pixels: Optional[int] = setting(
        None,
        "pixels of one image; larger ones are answered with 422; default: 50 million, "
        "for segmentation, which labels every pixel, 4 million",
        low=1,
        high=50_000_000,
    )
    max_queue: int = setting(
        16,
        "requests that wait or are being answered; one more is answered with 429",
        low=1,
        high=10_000,
    )
    body_seconds: float = setting(
        30.0,
        "seconds in which a request's body has to arrive; else it is answered with 408",
        low=0.1,
        high=86400,
    )

    def __post_init__(self) -> None:
        """Raises a UsageError for values that are out of range or contradictory."""
        check(settings_of(type(self)), self)
        if bool(self.workdir) == bool(self.model):
            raise UsageError(
                "expected --workdir=RUN or --model=SAVEDMODEL, "
                + ("not both" if self.model else "but neither is given")
            )

    def limits(self) -> Limits:
        """Returns the limits of requests."""
        return Limits(
            int(self.max_megabytes * 1e6),
            self.max_images,
            self.max_pixels,
            self.max_queue,
            self.body_seconds,
        )


def hosts_for(address: str, host: str) -> Tuple[str, ...]:
    """Returns the host names that requests may have.

    Args:
        address: the address that is listened to; of an address of this machine alone,
            only its own names are allowed.
        host: the name of the address, as it was given.
    """
    if ipaddress.ip_address(address.partition("%")[0]).is_loopback:
        return (*OWN_NAMES, host.lower())
    return ("*",)


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_serve, argv)


def command() -> None:
    """The installed command `mixdmt-serve`."""
    sys.exit(main(sys.argv[1:]))


def _serve(argv: Sequence[str]) -> None:
    parsed = flags.parse(
        argv,
        "serve",
        "Answers for images over HTTP: POST one to /predict, or open the address in a\n"
        "browser. Ctrl-C or SIGTERM ends it, once all that was asked is answered.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.serve")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    folder = expanded(config.model)
    if config.workdir:
        run_folder, _ = experiments.read_run(config.workdir)
        folder = run_folder / "export"
        if not folder.is_dir():
            raise UserError(
                f"{run_folder} has no exported model.\n"
                f"Export it: bin/export_model --workdir={config.workdir}"
            )
    model_files.require_model(folder)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"bin/serve needs {', '.join(missing)}.\n"
            'Install its requirements: pip install "mixdmt_tf[serve]"'
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from mixdmt_tf.serving import app, server
    from mixdmt_tf.serving.served_model import ServedModel

    with server.listen(config.host, config.port) as listening:
        model = ServedModel(folder, config.max_pixels)
        # Accept only names of this machine, unless others are allowed to reach it.
        address, port = listening.getsockname()[:2]
        hosts = hosts_for(address, config.host)
        made = app.make_app(model, config.limits(), config.threads, hosts)
        name = f"[{config.host}]" if ":" in config.host else config.host
        greeting = f"serving {folder} at http://{name}:{port}"
        # So that a full queue is answered by the application, and says so.
        connections = max(server.CONNECTIONS, 2 * config.max_queue)
        server.run(made, listening, greeting, connections)
    print("stopped")
