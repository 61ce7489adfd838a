"""A stand-in for Apache Beam, which runs the parts one after the other."""

from __future__ import annotations

import contextlib
import types
from typing import Any, ContextManager

PARTS: ContextManager[Any] = contextlib.nullcontext()  # in which all parts run


class Pipeline:
    """As much of Beam's as the commands use."""

    def __init__(self, runner, options):
        self.steps = []

    def __or__(self, step):
        self.steps.append(step)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        (parts, (function, *more)) = self.steps
        with PARTS:
            for part in parts:
                function(part, *more)


class Step(list):
    """What a pipeline consists of; a name may stand before it."""

    def __rrshift__(self, name):
        return self


BEAM = types.SimpleNamespace(
    Pipeline=Pipeline,
    options=types.SimpleNamespace(
        pipeline_options=types.SimpleNamespace(PipelineOptions=list)
    ),
    Create=lambda parts, reshuffle: Step(parts),
    Map=lambda *arguments: Step(arguments),
)
