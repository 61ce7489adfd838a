"""What the Dockerfiles name is there; they are not built here."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
FILES = [ROOT / "Dockerfile", ROOT / "Dockerfile.gpu"]


def instructions(path):
    """(keyword, words) of each instruction."""
    text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            keyword, _, rest = line.partition(" ")
            yield keyword, rest


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_copied_is_there_and_not_ignored(path):
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        name
        for keyword, rest in instructions(path)
        if keyword == "COPY"
        for name in rest.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)
    # All that setup.py reads is among it.
    assert {"setup.py", "README.md", "flags", "mixdmt_tf", "constraints.txt"} < copied


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_python_extras_and_entry_point(path, setup_arguments):
    found = dict(instructions(path))
    python = re.fullmatch(r"python:(\d+\.\d+)-slim", found["FROM"])[1]
    served = Requirement(f"python{setup_arguments['python_requires']}").specifier
    assert served.contains(python)
    *_, module = json.loads(found["ENTRYPOINT"])
    assert importlib.util.find_spec(f"{module}.__main__") is not None
    words = [
        word
        for keyword, rest in instructions(path)
        if keyword == "RUN"
        for word in shlex.split(rest)
    ]
    assert words.count("constraints.txt") == words.count("-c") == words.count("pip")
    for extra in re.findall(r"^\.\[(\w+)\]$", "\n".join(words), re.MULTILINE):
        assert extra in setup_arguments["extras_require"]


def test_tensorflow_has_the_extra_that_brings_cuda():
    words = FILES[1].read_text(encoding="utf-8")
    assert '"tensorflow[and-cuda]"' in words
    extras = importlib.metadata.metadata("tensorflow").get_all("Provides-Extra")
    assert "and-cuda" in extras
