"""A bare step of RealMix on a wide residual network in plain PyTorch, when asked.

Run by `bare.py` with a Python that has PyTorch: for each line on standard input it
takes one step and prints its seconds. The step: two batches forward without a gradient,
three forward and backward, Adam, and the moving average of the weights; channels last.
`--without` makes activations, batch normalization or both identities.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from typing import Any, Callable

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """Two convolutions and the way around them, before them normalization."""

    def __init__(self, inputs: int, outputs: int, stride: int, before: bool):
        super().__init__()
        self.first = nn.BatchNorm2d(inputs, momentum=1e-3)
        self.one = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.BatchNorm2d(outputs, momentum=1e-3)
        self.two = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.before = before
        self.around = None
        if inputs != outputs or stride != 1:
            self.around = nn.Conv2d(inputs, outputs, 1, stride, 0, bias=False)

    def forward(self, x: Any) -> Any:
        """Features of the next block."""
        h = functional.leaky_relu(self.first(x), 0.1)
        x = h if self.before else x
        y = functional.leaky_relu(self.second(self.one(h)), 0.1)
        return self.two(y) + (x if self.around is None else self.around(x))


class WideResNet(nn.Module):
    """WRN-28-2 of MixMatch, or another one: three stages of blocks."""

    def __init__(self, depth: int = 28, width: int = 2) -> None:
        super().__init__()
        widths = [16, 16 * width, 32 * width, 64 * width]
        self.begin = nn.Conv2d(3, 16, 3, 1, 1)
        blocks = []
        for stage in range(3):
            for number in range((depth - 4) // 6):
                first = number == 0
                inputs = widths[stage if first else stage + 1]
                stride = 2 if first and stage else 1
                blocks.append(
                    Block(inputs, widths[stage + 1], stride, first and not stage)
                )
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.BatchNorm2d(widths[3], momentum=1e-3)
        self.logits = nn.Linear(widths[3], 10)

    def forward(self, x: Any) -> Any:
        """Logits."""
        h = functional.leaky_relu(self.last(self.blocks(self.begin(x))), 0.1)
        return self.logits(h.mean((2, 3)))


def remove(network: Any, kinds: str) -> Any:
    """Makes the layers of these kinds identities."""
    if "normalization" in kinds:
        for block in network.blocks:
            block.first = block.second = nn.Identity()
        network.last = nn.Identity()
    if "activations" in kinds:
        functional.leaky_relu = lambda x, slope: x
    return network


def step_of(network: Any, batch: int, half: bool) -> Callable[[], None]:
    """The step on arrays that lie ready."""
    network = network.to(memory_format=torch.channels_last)
    weights = list(network.parameters())
    averages = [weight.detach().clone() for weight in weights]
    optimizer = torch.optim.Adam(weights, 2e-3, foreach=True)

    def images(number: int) -> Any:
        made = torch.randn(number, 3, 32, 32)
        return made.contiguous(memory_format=torch.channels_last)

    x, u = images(3 * batch), images(2 * batch)
    y = torch.softmax(torch.randn(3 * batch, 10), 1)

    def computing() -> Any:
        if half:
            return torch.autocast("cpu", dtype=torch.bfloat16)
        return contextlib.nullcontext()

    def step() -> None:
        with torch.no_grad(), computing():
            for part in u.split(batch):
                network(part)
        with computing():
            logits = torch.cat([network(part) for part in x.split(batch)])
        logits = logits.float()
        loss = functional.cross_entropy(logits[:batch], y[:batch])
        loss = loss + 75 * ((logits[batch:].softmax(1) - y[batch:]) ** 2).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            torch._foreach_mul_(averages, 0.999)
            torch._foreach_add_(averages, weights, alpha=0.001)

    return step


def main() -> None:
    """Takes a step for each line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--depth", type=int, default=28)
    parser.add_argument("--width", type=int, default=2)
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--without", default="")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    network = WideResNet(arguments.depth, arguments.width)
    network = remove(network, arguments.without)
    half = arguments.precision == "mixed_bfloat16"
    step = step_of(network, arguments.batch, half)
    step()
    for _ in sys.stdin:
        begun = time.perf_counter()
        step()
        print(json.dumps(time.perf_counter() - begun), flush=True)


if __name__ == "__main__":
    main()
