"""`bin/serve` as a process; what it answers is tested in tests/serving."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys

import pytest

from mixdmt_tf.cli import serve
from tests.cli import commands
from tests.serving.served import Client, picture


def test_help():
    text = commands.helps_at_once("serve")
    assert "usage: serve [--flag=value ...]" in text
    assert "--host=127.0.0.1" in text


@pytest.mark.parametrize(
    "flags, words",
    [
        ((), "but neither is given"),
        (("--workdir=a", "--model=b"), "not both"),
        (("--model=a", "--port=65536"), "--port"),
        (("--model=a", "--max_queue=0"), "--max_queue"),
        (("--model=a", "--max_pixels=0"), "--max_pixels"),
    ],
)
def test_flags_are_refused_before_tensorflow_is_imported(flags, words):
    done = commands.without_tensorflow("serve", *flags)
    assert done.returncode == 2 and words in done.stderr
    assert 1 <= len(done.stderr.splitlines()) <= 3


def test_what_is_no_model(finished, tmp_path, capsys):
    assert "holds no run" in commands.refusal(
        capsys, serve.main, f"--workdir={tmp_path}"
    )
    (tmp_path / "flags.txt").write_bytes((finished.folder / "flags.txt").read_bytes())
    said = commands.refusal(capsys, serve.main, f"--workdir={tmp_path}", code=1)
    assert f"bin/export_model --workdir={tmp_path}" in said
    said = commands.refusal(capsys, serve.main, f"--model={tmp_path}", code=1)
    assert "holds no SavedModel" in said


def test_what_is_not_installed(finished, capsys, monkeypatch):
    monkeypatch.setattr(serve, "NEEDED", ("no_such_package", "json"))
    argv = f"--workdir={finished.folder}"
    said = commands.refusal(capsys, serve.main, argv, code=1)
    assert "needs no_such_package.\n" in said and "mixdmt_tf[serve]" in said


def test_a_port_that_is_taken(finished, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        argv = (f"--model={finished.folder / 'export'}", f"--port={port}")
        said = commands.refusal(capsys, serve.main, *argv, code=1)
    assert f"--port={port} can't be listened to" in said


# TensorFlow 2.21 tells these before it heeds TF_CPP_MIN_LOG_LEVEL.
EARLY = re.compile(r"I\d{4} |WARNING: All log messages before absl::InitializeLog")


def test_it_serves_a_run_until_it_is_told_to_stop(finished):
    program = "from mixdmt_tf.cli import serve; serve.command()"
    argv = [f"--workdir={finished.folder}", "--port=0"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *argv],
        cwd=commands.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        found = re.fullmatch(r"serving (.+) at http://127\.0\.0\.1:(\d+)\n", line)
        assert found and found[1] == str(finished.folder / "export")
        client = Client(int(found[2]))
        answer = client.predict(picture(8, 8))
        assert answer.status == 200
        assert len(answer.json["predictions"][0]["probabilities"]) == 10
        assert client.ask("/health", Host="evil.example").status == 400
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (0, "stopped\n")
        assert not [line for line in err.splitlines() if not EARLY.match(line)], err
    finally:
        process.kill()
        process.wait()
