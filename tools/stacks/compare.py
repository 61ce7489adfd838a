"""Compares two files of `record.py`, of two stacks.

    .venv/bin/python -m tools.stacks.compare ONE.npz OTHER.npz

Splits, copies, batches and initial weights must be the same to the bit. Equations,
losses and weights are sums of rounded numbers, in an order that each stack's kernels
choose: they may differ by as much as `EQUATIONS`, `LOSSES` and `WEIGHTS` say.
"""

from __future__ import annotations

import sys
from typing import Dict, List, Mapping, Tuple

import numpy as np

EXACT = ("copies", "batches", "start")
# Relative and absolute; a result of an equation, and a number that a step reports.
EQUATIONS = (1e-6, 1e-6)
LOSSES = (1e-3, 1e-4)
# Steps whose reports are compared. Later ones must be finite: sooner or later a
# confidence is above a threshold on one stack and below it on the other.
CLOSE = 3
# Of the way from the initial weights: |w_1 - w_2| / |w_1 - w_0| of a network. What a
# bias before batch normalization does is rounding alone, which Adam makes steps of.
WEIGHTS = 0.25
# Of a method that learns from those rows alone on which two networks disagree: once one
# is among them on one stack only, it learns from other images, long before step 50.
WEIGHTS_OF = {"co_teaching_plus": 0.5}

Arrays = Mapping[str, np.ndarray]


def kind(name: str) -> str:
    """What an array is: the first part of its name."""
    return name.partition("/")[0]


def difference(name: str, one: Arrays, other: Arrays) -> float:
    """How far two arrays are apart, in multiples of what is allowed.

    0 is the same to the bit, and above 1 is too far.
    """
    a, b = one[name], other[name]
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return np.inf
    if a.tobytes() == b.tobytes():
        return 0.0
    if kind(name) in EXACT:
        return np.inf
    a, b = a.astype(np.float64), b.astype(np.float64)
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return np.inf
    if kind(name) == "end":
        start = one["start" + name[len("end") :]].astype(np.float64)
        way = np.linalg.norm(a - start)
        allowed = WEIGHTS_OF.get(name.split("/")[-2], WEIGHTS)
        return float(np.linalg.norm(a - b) / way / allowed) if way else np.inf
    relative, absolute = {"equations": EQUATIONS, "losses": LOSSES}[kind(name)]
    if kind(name) == "losses":
        a, b = a[:CLOSE], b[:CLOSE]
    finite = np.isfinite(a)
    far = np.abs(a - b)[finite] / (absolute + relative * np.abs(a[finite]))
    return float(far.max(initial=0.0))


def compare(one: Arrays, other: Arrays) -> Tuple[List[str], List[str]]:
    """Compares all arrays of two files.

    Returns:
        A line for each kind of array, and one for each that is too far apart.
    """
    names = sorted((set(one) | set(other)) - {"versions"})
    found: Dict[str, List[Tuple[float, str]]] = {}
    for name in names:
        both = name in one and name in other
        far = difference(name, one, other) if both else np.inf
        found.setdefault(kind(name), []).append((far, name))
    summary, wrong = [], []
    for each, pairs in found.items():
        same = sum(far == 0 for far, _ in pairs)
        furthest, name = max(pairs)
        line = f"{each:<10} {same:>5} of {len(pairs)} the same to the bit"
        if 0 < furthest <= 1:
            line += f", the furthest at {100 * furthest:.2g} % of the tolerance: {name}"
        summary.append(line)
        wrong += [
            f"{name}: {far:.3g} times the tolerance"
            if np.isfinite(far)
            else f"{name}: not the same, or on one of them only"
            for far, name in pairs
            if far > 1
        ]
    return summary, wrong


def main(paths: List[str]) -> int:
    """Prints the comparison of two files; returns the exit code."""
    one, other = (dict(np.load(path)) for path in paths)
    print(f"{one['versions']} and {other['versions']}")
    summary, wrong = compare(one, other)
    print("\n".join(summary + wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
