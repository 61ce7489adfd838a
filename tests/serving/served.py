"""A server in a thread of the test's own process, and clients of it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import json
import threading
import time
from typing import Any, Dict, Iterator, NamedTuple, Optional, Union

import numpy as np
from PIL import Image

from mixdmt_tf.serving import app, server
from mixdmt_tf.serving.limits import Limits


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's content."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The sentence that says what was wrong."""
        return self.json["error"]


class Client:
    """Asks a server at a port."""

    def __init__(self, port: int):
        self.port = port

    def connect(self) -> http.client.HTTPConnection:
        """A connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(
        self,
        path: str,
        body: Optional[Union[bytes, str]] = None,
        kind: str = "",
        method: str = "",
        **headers: str,
    ) -> Answer:
        """One request, by default POST if it has a body."""
        connection = self.connect()
        with contextlib.closing(connection):
            given = {name.replace("_", "-"): text for name, text in headers.items()}
            if kind:
                given["Content-Type"] = kind
            method = method or ("GET" if body is None else "POST")
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            found = {name.lower(): text for name, text in answer.getheaders()}
            return Answer(answer.status, found, answer.read())

    def predict(self, body: Union[bytes, str], kind: str = "image/png", **more: str):
        """An answer of /predict."""
        return self.ask("/predict", body, kind, **more)

    def metrics(self) -> Dict[str, float]:
        """What Prometheus gets to see."""
        lines = self.ask("/metrics").body.decode().splitlines()
        split = (line.rsplit(" ", 1) for line in lines if line[:1] != "#")
        return {name: float(value) for name, value in split}


@contextlib.contextmanager
def serving(
    model: Any, hosts: tuple[str, ...] = ("127.0.0.1",), **limits: Any
) -> Iterator[Client]:
    """Serves a model while it is open."""
    made = app.make_app(model, Limits(**limits), hosts=hosts)
    running = server.make_server(made)
    with server.listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(
            target=lambda: asyncio.run(running.serve(sockets=[listening]))
        )
        thread.start()
        try:
            wait_until(lambda: running.started)
            yield Client(listening.getsockname()[1])
        finally:
            running.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


def wait_until(condition: Any, seconds: float = 20.0) -> None:
    """Waits for something that happens in another thread."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def picture(height: int, width: int, kind: str = "PNG", **options: Any) -> bytes:
    """An image file."""
    small = np.random.default_rng(height).integers(0, 256, (4, 5, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(small).resize((width, height)).save(content, kind, **options)
    return content.getvalue()
