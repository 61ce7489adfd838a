"""Listening, and stopping without leaving anybody unanswered."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from typing import Any, Iterator

import uvicorn

from mixdmt_tf.errors import UserError

GRACE = 30  # seconds for requests that are being answered when a stop is asked for
IDLE = 5  # seconds until a connection without a request is closed
CONNECTIONS = 256


class Server(uvicorn.Server):
    """uvicorn, for which a stop that was asked for is no error."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C end the server once all requests are answered.

        uvicorn's own raises the signal once more afterwards, which ends the process
        with an error.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


def make_server(app: Any) -> Server:
    """A server for an application that has yet to listen."""
    return Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=GRACE,
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """Takes a port.

    Args:
        host: name or address of this machine.
        port: 0: any that is free.

    Raises:
        UserError: if it can't be had.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise UserError(
            f"--host={host} --port={port} can't be listened to: "
            f"{error.strerror or error}.\nChoose another --port; 0 takes a free one."
        ) from error
    return listening


def run(app: Any, listening: socket.socket, greeting: str) -> None:
    """Serves until SIGTERM or Ctrl-C, and answers what was asked before.

    Args:
        app: the application.
        listening: from `listen`.
        greeting: is printed once requests are answered.
    """

    async def greet(server: Server) -> None:
        while not server.started:
            await asyncio.sleep(0.01)
        print(greeting, flush=True)

    async def serve() -> None:
        server = make_server(app)
        greeted = asyncio.create_task(greet(server))
        await server.serve(sockets=[listening])
        greeted.cancel()

    asyncio.run(serve())
