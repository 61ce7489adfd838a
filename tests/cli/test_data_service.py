"""`bin/data_service`; what its workers make is in `tests/runs/test_data_service.py`."""

from __future__ import annotations

import socket

from mixdmt_tf.cli import data_service
from tests.cli import commands


def test_help():
    text = commands.helps_at_once("data_service")
    assert "--port=5050" in text and "--dispatcher" in text


def test_what_is_refused(capsys):
    said = commands.refusal(capsys, data_service.main, "--dispatcher=a:1")
    assert "--dispatcher=a:1: expected grpc://host:port" in said
    for ignored in ("--workers=4", "--port=5051"):
        given = ["--dispatcher=grpc://a:1", ignored]
        said = commands.refusal(capsys, data_service.main, *given)
        assert "one worker joins grpc://a:1, on a port of its own" in said
    said = commands.refusal(capsys, data_service.main, "--dispatcher=grpc://a:1")
    assert "is on another machine: give --host=NAME" in said
    commands.refusal(capsys, data_service.main, "--workers=0")
    done = commands.without_tensorflow("data_service", "--port=70000")
    assert done.returncode == 2 and "--port=70000: expected" in done.stderr


def test_a_port_that_is_taken(capsys):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = commands.refusal(capsys, data_service.main, f"--port={port}", code=1)
    assert f"cannot listen at --port={port}: " in said
