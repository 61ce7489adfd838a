"""What a run notes about its machine."""

from __future__ import annotations

import io
import os

import pytest

from mixdmt_tf.runs import environment

CPU = "processor\t: 0\nmodel name\t: A fast one\nflags\t: fpu avx2\nmodel name\t: B\n"


@pytest.mark.parametrize("ours, cores", [(4, "4 cores"), (1, "1 of 4 cores")])
def test_a_machine_is_its_processor_and_the_cores_that_are_ours(
    monkeypatch, ours, cores
):
    monkeypatch.setattr(
        environment, "open", lambda *_, **__: io.StringIO(CPU), raising=False
    )
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(
        os, "sched_getaffinity", lambda _: set(range(ours)), raising=False
    )
    assert environment.machine().endswith(f", A fast one, {cores}")
    assert environment.processor("flags") == "fpu avx2"
    assert environment.processor("bogomips") == ""


def test_without_proc_there_is_the_name_that_python_knows(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError(2, "no /proc here")

    monkeypatch.setattr(environment, "open", missing, raising=False)
    monkeypatch.setattr(environment.platform, "processor", lambda: "arm")
    assert ", arm, " in environment.machine()
    assert environment.processor("flags") == ""
