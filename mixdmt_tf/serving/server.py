"""Listens on a port, and stops only after accepted requests have been answered."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from typing import Any, Iterator, Optional

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from mixdmt_tf.errors import UserError

GRACE = 30  # seconds to finish requests in progress when the server has to stop
IDLE = 5  # seconds until a connection without a request is closed
CONNECTIONS = 256


class Server(uvicorn.Server):
    """A uvicorn server that exits without an error when it is asked to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stops the server on SIGTERM or Ctrl-C once all requests are answered.

        The method of uvicorn raises the signal again afterwards, which ends the
        process with an error.
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


class Connection(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """A connection that is also closed if no request is complete in time.

    That of uvicorn waits without end for the first request, and for the rest of one
    whose first byte has arrived. Bodies have a time of their own (`bodies.py`).
    """

    _clock: Optional[asyncio.TimerHandle] = None

    def connection_made(self, transport: Any) -> None:
        """Starts the clock."""
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        """Stops the clock once there is a request, or starts it for the next one."""
        super().data_received(data)
        self._look()

    def _look(self) -> None:
        waits = self.cycle is None or self.cycle.response_complete
        if not waits and self._clock is not None:
            self._clock.cancel()
            self._clock = None
        elif waits and self._clock is None:
            self._clock = self.loop.call_later(self.timeout_keep_alive, self._close)

    def _close(self) -> None:
        self._clock = None
        waits = self.cycle is None or self.cycle.response_complete
        if waits and not self.transport.is_closing():
            self.transport.close()


def make_server(app: Any, connections: int = CONNECTIONS) -> Server:
    """Makes a server for an application; it does not listen yet.

    Args:
        app: the application.
        connections: number of connections from which on requests get status 503.
    """
    return Server(
        uvicorn.Config(
            app,
            http=Connection,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=connections,
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=GRACE,
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """Binds a port and listens on it.

    Args:
        host: name or address of this machine.
        port: the port; 0: any free one.

    Raises:
        UserError: if the port can't be bound.
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
    except (OSError, UnicodeError) as error:  # the name may be none of a machine
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"--host={host} --port={port} can't be listened to: {reason}.\n"
            "Choose another --port; 0 takes a free one."
        ) from error
    return listening


def run(
    app: Any, listening: socket.socket, greeting: str, connections: int = CONNECTIONS
) -> None:
    """Serves until SIGTERM or Ctrl-C, and answers the requests received before that.

    Args:
        app: the application.
        listening: the socket from `listen`.
        greeting: text to print once the server accepts requests.
        connections: see `make_server`.
    """

    async def greet(server: Server) -> None:
        while not server.started:
            await asyncio.sleep(0.01)
        print(greeting, flush=True)

    async def serve() -> None:
        server = make_server(app, connections)
        greeted = asyncio.create_task(greet(server))
        await server.serve(sockets=[listening])
        greeted.cancel()

    asyncio.run(serve())
