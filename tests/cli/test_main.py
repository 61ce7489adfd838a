"""Exceptions to messages and exit codes."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mixdmt_tf.cli import main
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.progress import Progress

ROOT = Path(__file__).resolve().parents[2]
# Starts a command as those in bin/ do, and says when the first of our lines has run.
EARLY = """
import sys
sys.path[:0] = ["bin"]
import _checkout
print("started", flush=True)
command = sys.argv.pop(1)
_checkout.run("mixdmt_tf.cli." + command)
"""
ZOO = [sys.executable, "-m", "tests.cli.zoo.command"]


def zoo(*argv: str) -> "subprocess.CompletedProcess[str]":
    """Runs the example command in a process of its own."""
    return subprocess.run(
        [*ZOO, *argv], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def raising(error: BaseException):
    """A main function that raises."""

    def command(argv):
        raise error

    return command


@pytest.mark.parametrize("returned, code", [(None, 0), (0, 0), (3, 3)])
def test_a_code_is_passed_on(returned, code):
    assert main.run(lambda argv: returned, []) == code


def test_arguments_are_passed_on():
    seen = []
    main.run(seen.extend, ["--a", "b"])
    assert seen == ["--a", "b"]


@pytest.mark.parametrize(
    "error, code, message",
    [
        (UserError("no data in a/b\nput them there"), 1, "error: no data in a/b\nput"),
        (UsageError("unknown flag --x"), 2, "error: unknown flag --x\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (SystemExit(0), 0, ""),
        (SystemExit(None), 0, ""),
        (SystemExit(5), 5, ""),
        (SystemExit("a reason"), 1, "a reason\n"),
    ],
)
def test_what_is_not_a_bug_has_no_traceback(error, code, message, capsys):
    assert main.run(raising(error), []) == code
    said = capsys.readouterr().err
    assert said.startswith(message) and bool(said) == bool(message)
    assert "Traceback" not in said


def test_a_bug_keeps_its_traceback(capsys):
    assert main.run(raising(ZeroDivisionError("of ours")), []) == 1
    said = capsys.readouterr().err
    assert said.startswith("Traceback") and "ZeroDivisionError: of ours" in said
    assert said.splitlines()[-1].startswith("This is a bug in mixdmt_tf")


def test_a_command_in_a_shell():
    done = zoo("--labels=250", "--noema")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert said["values"]["run"]["labels"] == 250
    assert said["given"] == ["ema", "labels"]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_nobody_reads_the_output(unbuffered):
    child = subprocess.Popen(
        [*ZOO, "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    child.stdout.close()
    complaint = child.stderr.read()
    child.stderr.close()
    assert (child.wait(timeout=60), complaint) == (141, b"")


def test_nobody_wants_the_output():
    done = subprocess.run(
        ["sh", "-c", '"$0" "$@" >&-', *ZOO, "--help"], cwd=ROOT, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "full",
    [
        OSError(errno.ENOSPC, "No space left on device", "runs/a/metrics.csv"),
        ValueError("runs/a/metrics.csv; No space left on device"),  # as TensorFlow's
    ],
)
def test_a_full_disk_is_no_bug_of_ours(full, capsys):
    assert main.run(raising(full), []) == 1
    message = capsys.readouterr().err
    assert "the disk is full" in message and "runs/a/metrics.csv" in message
    assert "Traceback" not in message
    assert main.run(raising(OSError(errno.EIO, "no")), []) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("number", main.DENIED)
def test_a_place_that_is_forbidden_is_no_bug_of_ours(number, capsys):
    denied = OSError(number, os.strerror(number), "data/in")
    assert main.run(raising(denied), []) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: data/in: {os.strerror(number)}\nAllow access")
    assert len(said.splitlines()) == 2
    assert main.run(raising(OSError(number, "no file")), []) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("number", main.MISPLACED)
def test_a_file_in_the_place_of_a_folder_is_no_bug_of_ours(number, capsys):
    misplaced = OSError(number, os.strerror(number), "runs/a")
    assert main.run(raising(misplaced), []) == 1
    said = capsys.readouterr().err
    assert said == f"error: runs/a: {os.strerror(number)}\nName another place.\n"


def test_a_terminal_that_lacks_characters(monkeypatch):
    shown = io.TextIOWrapper(io.BytesIO(), "latin-1")
    monkeypatch.setattr(sys, "stdout", shown)
    names = "dög", "日本", os.fsdecode(b"\xff.png")
    assert main.run(lambda argv: print(*names), []) == 0
    assert shown.buffer.getvalue() == b"d\xf6g \\u65e5\\u672c \\udcff.png\n"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_progress_where_nobody_wants_the_output(name, monkeypatch):
    monkeypatch.setattr(sys, name, None)  # as it is after >&-
    done = []

    def command(argv):
        progress = Progress("reading", "images", getattr(sys, name))
        progress.update(1, 1)
        done.append(progress)

    assert main.run(command, []) == 0 and done


def test_a_working_folder_that_is_gone(tmp_path, monkeypatch, capsys):
    def command(argv):
        Path("runs").absolute()

    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    code = main.run(command, [])
    os.chdir(tmp_path)
    said = capsys.readouterr().err
    assert code == 1 and said.startswith("error: the working folder has been removed")
    assert "Traceback" not in said
    assert main.run(raising(FileNotFoundError("of ours")), []) == 1
    assert "Traceback" in capsys.readouterr().err


def test_names_cannot_command_the_terminal(capsys):
    def command(argv):
        print("a\x1b]0;title\x07b\x1b[31m.png\tä\nc\rd\x9b1m")
        print("\r\x1b[Kdone", file=sys.stderr)
        raise UserError("bad\x1b[2J.png")

    assert main.run(command, []) == 1
    out, err = capsys.readouterr()
    assert out == "a\\x1b]0;title\\x07b\\x1b[31m.png\tä\nc\\rd\\x9b1m\n"
    assert err == "\r\x1b[Kdone\nerror: bad\\x1b[2J.png\n"
    assert main.run(lambda argv: print("plain"), []) == 0
    assert capsys.readouterr().out == "plain\n"


@pytest.mark.parametrize("module", ["train", "evaluate"])
def test_an_early_interrupt_has_no_traceback(module):
    """At whatever moment of the start it comes."""
    for delay in (0.0, 0.05, 0.1, 0.15, 0.2):
        started = subprocess.Popen(
            [sys.executable, "-c", EARLY, module, "--workdir=missing"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert started.stdout.readline() == "started\n"
        time.sleep(delay)
        started.send_signal(signal.SIGINT)
        _, err = started.communicate(timeout=60)
        # On a fast machine the command has said what is wrong before the signal comes.
        assert err in ("", "interrupted\n") or err.startswith("error: ")
        assert "Traceback" not in err
        assert started.returncode in (-signal.SIGINT, 130, 1, 2)


def test_an_import_that_is_interrupted_ends_the_process(tmp_path):
    """NumPy makes an ImportError of whatever is raised while it is imported."""
    (tmp_path / "numpy_like.py").write_text(
        "import os, signal\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    while True: pass\n"
        "except BaseException:\n"
        "    raise ImportError('numpy.core.multiarray failed to import')\n"
    )
    start = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL);"
        f"sys.path[:0] = [{str(tmp_path)!r}]; from mixdmt_tf.cli import main;"
        "sys.exit(main.run(lambda argv: __import__('numpy_like'), []))"
    )
    done = subprocess.run([sys.executable, "-c", start], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")
