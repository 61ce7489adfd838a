"""Measures a bare step of WRN-28-2, without some of its layers, and in PyTorch.

    .venv/bin/python benchmarks/bare.py [--rounds=8] [--json=FILE]
        [--precision=mixed_bfloat16] [--batch=64] [--depth=28] [--width=2]
        [--torch=FILE]

`whole` is the network of the papers; the other rows lack its activations, its batch
normalization, or both: convolutions alone are a lower bound for any step. The step is
that of RealMix: two batches forward without a gradient, three forward and backward, and
Adam, on arrays in memory. All variants take turns.

`--torch` is a Python interpreter with PyTorch; without it those rows are left out. It
runs `peers/torch_step.py`, the same step written in PyTorch, with and without the same
layers, in processes that live during all turns and are told when it is their turn.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
from typing import Any, Callable, Dict, Iterator, List, Tuple
from unittest import mock

import figures
import keras
import passes
import tensorflow as tf
from turns import medians_in_turns

from mixdmt_tf.models import wide_resnet

PEER = pathlib.Path(__file__).with_name("peers") / "torch_step.py"
KINDS = {
    "whole": (),
    "without activations": ("LeakyReLU",),
    "without batch normalization": ("BatchNormalization",),
    "convolutions alone": ("LeakyReLU", "BatchNormalization"),
}
TORCH_NAMES = {"LeakyReLU": "activations", "BatchNormalization": "normalization"}


@contextlib.contextmanager
def without(kinds: Tuple[str, ...]) -> Iterator[None]:
    """Makes layers of these kinds identities within the context."""

    def call(self: Any, inputs: Any, *_: Any, **__: Any) -> Any:
        return inputs

    with contextlib.ExitStack() as patches:
        for kind in kinds:
            for owner in classes(kind):
                patches.enter_context(mock.patch.object(owner, "call", call))
        yield


def classes(kind: str) -> Tuple[type, ...]:
    """Returns all layer classes of that name that a network may use."""
    from mixdmt_tf.models.layers import activations, normalization

    places = (activations, normalization, keras.layers)
    return tuple({getattr(each, kind) for each in places if hasattr(each, kind)})


def step(config: Any, batch: int, kinds: Tuple[str, ...]) -> Callable[[], Any]:
    """Returns the traced bare step of RealMix on a network without these layers."""
    network = config.build((32, 32, 3), 10)
    taken = [
        passes.Pass(network, (batch, 32, 32, 3), tf.float32, True, learns)
        for learns in (False, False, True, True, True)
    ]
    run = passes.bare(taken)
    with without(kinds):
        run()
    return run


@contextlib.contextmanager
def of_torch(python: str, flags: List[str]) -> Iterator[Callable[[], Any]]:
    """Starts the PyTorch process; yields a function that runs a step there."""
    command = [python, str(PEER), f"--threads={os.cpu_count()}", *flags]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        asking, answers = process.stdin, process.stdout

        def run() -> float:
            print("step", file=asking, flush=True)
            return float(json.loads(answers.readline()))

        yield run
        asking.close()


def main() -> None:
    """Times all variants in turns and prints the medians."""
    parser = figures.parser(__doc__, rounds=8)
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--depth", type=int, default=28)
    parser.add_argument("--width", type=int, default=2)
    parser.add_argument("--torch", help="a Python that has PyTorch")
    arguments = parser.parse_args()
    keras.mixed_precision.set_global_policy(arguments.precision)
    config = wide_resnet.WideResNet(depth=arguments.depth, width=arguments.width)
    functions: Dict[str, Callable[[], Any]] = {
        name: step(config, arguments.batch, kinds) for name, kinds in KINDS.items()
    }
    with contextlib.ExitStack() as stack:
        if arguments.torch:
            names = ("batch", "depth", "width", "precision")
            flags = [f"--{name}={getattr(arguments, name)}" for name in names]
            for name, kinds in KINDS.items():
                left_out = ",".join(TORCH_NAMES[kind] for kind in kinds)
                peer = of_torch(arguments.torch, [*flags, f"--without={left_out}"])
                run = stack.enter_context(peer)
                run()  # imports and warms up
                functions[f"PyTorch, {name}"] = run
        medians = medians_in_turns(functions, arguments.rounds)
    rows = [
        {
            "step": name,
            "seconds": seconds,
            "of convolutions alone": seconds / medians["convolutions alone"],
        }
        for name, seconds in medians.items()
    ]
    figures.show(rows, arguments.json)


if __name__ == "__main__":
    main()
