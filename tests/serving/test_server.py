"""The port that a server listens on, its connections and its names."""

import socket
import time
import types

import pytest

from mixdmt_tf.cli import serve
from mixdmt_tf.errors import UserError
from mixdmt_tf.serving import server
from tests.serving.served import serving


@pytest.mark.parametrize(
    ("address", "host", "own"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.2", "127.0.0.2", True),
        ("127.0.1.1", "MyMachine", True),
        ("::1", "::1", True),
        ("0.0.0.0", "0.0.0.0", False),
        ("192.168.1.7", "mymachine", False),
        ("fe80::1%eth0", "fe80::1%eth0", False),
    ],
)
def test_which_names_are_allowed_at_which_address(address, host, own):
    expected = (*serve.OWN_NAMES, host.lower()) if own else ("*",)
    assert serve.hosts_for(address, host) == expected


HALF = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
WHOLE = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", HALF, WHOLE + HALF, HALF + b"x: "])
def test_a_connection_without_a_whole_request_is_closed(sent, monkeypatch):
    """Otherwise a few hundred of them would keep everybody else out."""
    monkeypatch.setattr(server, "IDLE", 1)
    model = types.SimpleNamespace(
        task="classification", class_names=("a",), image_shape=(4, 4, 3), pixels=100
    )
    with serving(model) as client:
        with socket.create_connection(("127.0.0.1", client.port), 20) as silent:
            silent.sendall(sent)
            answer = b"".join(iter(lambda: silent.recv(1000), b""))  # until it closes
        assert answer.startswith(b"HTTP/1.1 200") == sent.startswith(WHOLE)
        assert client.ask("/health").status == 200


def test_a_request_that_takes_longer_than_the_headers_may_is_answered(monkeypatch):
    monkeypatch.setattr(server, "IDLE", 0.2)
    model = types.SimpleNamespace(
        task="classification", class_names=("a",), image_shape=(4, 4, 3), pixels=100
    )
    body = b"x" * 10
    with serving(model) as client:
        with socket.create_connection(("127.0.0.1", client.port), 20) as slow:
            slow.sendall(
                HALF + b"Content-Length: 10\r\nContent-Type: image/png\r\n\r\n"
            )
            for byte in body:
                time.sleep(0.1)
                slow.sendall(bytes([byte]))
            assert slow.recv(1000).startswith(b"HTTP/1.1 ")  # some answer


def test_a_host_name_that_is_none():
    with pytest.raises(UserError, match="can't be listened to"):
        server.listen(64 * "a" + ".example", 0)
