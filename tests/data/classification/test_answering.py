"""Tests of data/classification/answering.py: servers that answer, and others."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

from mixdmt_tf.data.classification import answering

ROOT = pathlib.Path(__file__).resolve().parents[3]


def test_a_name_that_nobody_resolves_is_not_waited_for(tmp_path, monkeypatch):
    """Looking one up has no timeout of its own."""
    left = tmp_path / "left"
    slow = tmp_path / "slow.py"
    slow.write_text(
        f"import time\ntime.sleep(2)\nopen({str(left)!r}, 'w').close()\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(answering, "__file__", str(slow))
    threads, start = threading.active_count(), time.perf_counter()
    assert not answering.answers("http://nowhere.invalid/", seconds=0.3)
    assert time.perf_counter() - start < 2
    assert threading.active_count() == threads
    time.sleep(2)
    assert not left.exists()  # the process has been ended as well


def test_a_server_that_keeps_silent_is_not_waited_for():
    """It took the connection and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        start = time.perf_counter()
        assert not answering.answers(url, seconds=1.0)
        assert time.perf_counter() - start < 4
        assert not answering.ask(url, seconds=0.3)


def test_a_server_that_refuses_answers(somebody):
    """It is there; whether it has the file is found out by fetching."""
    assert answering.answers(somebody)


def test_nobody_answers(tmp_path, monkeypatch):
    """Nor does what is no address; a user's files are not taken for Python's."""
    (tmp_path / "random.py").write_text("raise SystemExit(0)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert not answering.answers(f"http://127.0.0.1:{probe.getsockname()[1]}/")
    assert not answering.answers("nowhere")


def test_an_interrupt_while_a_server_is_asked():
    """Of the whole group, as a terminal sends it: no word of the process that asks."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        asking = (
            "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
            "from mixdmt_tf.cli import main; "
            "from mixdmt_tf.data.classification import answering; "
            f"url = 'https://127.0.0.1:{server.getsockname()[1]}/'; "
            "sys.exit(main.run(lambda argv: answering.answers(url), []))"
        )
        started = subprocess.Popen(
            [sys.executable, "-c", asking],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with server.accept()[0]:
            os.killpg(started.pid, signal.SIGINT)
            _, said = started.communicate(timeout=60)
    assert (started.returncode, said) == (130, "interrupted\n")
