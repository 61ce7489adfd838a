"""Who does what when workers label together; `test_together.py` has two real ones."""

from __future__ import annotations

import pathlib
import types
from unittest import mock

from mixdmt_tf.data.part import Part
from mixdmt_tf.rounds import sharing, stages

STAGE = types.SimpleNamespace(name="round_1")


def run_in_rounds(calls, missing=True):
    """Stages whose hooks note what is asked of them."""
    hooks = types.SimpleNamespace(
        begin_labels=lambda *_: missing,
        guess=lambda _, stage, part: calls.append(("guess", stage.name, part)),
        label=lambda _, stage, parts: calls.append(("label", stage.name, parts)),
    )
    path = pathlib.Path("RUN")
    return types.SimpleNamespace(hooks=hooks, path=path, all=[STAGE])


def worker(calls, index, number=2):
    hear = mock.Mock(side_effect=lambda words="": calls.append(("hear", words)))
    return types.SimpleNamespace(index=index, number=number, hear=hear)


def test_the_chief_calls_the_others_and_waits_for_them():
    calls = []
    sharing.label(run_in_rounds(calls), STAGE, worker(calls, 0))
    assert calls == [
        ("hear", "RUN\nround_1"),
        ("guess", "round_1", Part(1, 2)),
        ("hear", ""),
        ("label", "round_1", 2),
    ]


def test_alone_or_with_nothing_to_label_nobody_is_called():
    for missing, workers in ((False, 2), (True, 1), (True, None)):
        calls = []
        who = workers and worker(calls, 0, workers)
        sharing.label(run_in_rounds(calls, missing), STAGE, who)
        assert calls == [("label", "round_1", workers or 1)]


def test_the_others_do_their_part(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(sharing, "find_split", lambda task, path: None)
    monkeypatch.setattr(stages, "of_run", lambda *_: run_in_rounds(calls))
    sharing.follow(None, pathlib.Path("RUN"), "round_1", worker(calls, 1))
    assert calls == [("guess", "round_1", Part(2, 2)), ("hear", "")]
    assert capsys.readouterr().out == "worker 1 labels part 2/2 for round_1\n"
