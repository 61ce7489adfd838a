"""A few minutes of the tests with the other TensorFlow: `make test-other`.

    .venv/bin/python -m tools.stacks.short [options of pytest]

Chosen is what differs when something differs between the stacks: every equation, the
first steps of every method against the golden values, replicas, two workers,
precision, XLA, optimizers, weights of files, and checkpoints of the other stack. Where
no Python of the other stack is found a line says so, and nothing is run.
"""

from __future__ import annotations

import subprocess
import sys
from typing import List

from tools.stacks import environments

TESTS = (
    "tests/golden/test_golden.py::test_losses_and_weights_of_the_first_steps",
    "tests/golden/test_golden.py::test_splits_and_copies",
    "tests/conformance/test_replicas.py::test_replicas_stay_alike_in_half_precision",
    "tests/conformance/test_executions.py",
    "tests/equations/test_every_equation.py::test_equals_its_oracle",
    "tests/algorithms/parts",
    "tests/models/encoders/test_efficientnet_lite.py",
    "tests/models/layers",
    "tests/models/test_features.py",
    "tests/models/test_weights.py",
    "tests/runs/test_portable_checkpoints.py",
    "tests/tasks/test_together.py::test_two_workers_are_where_one_process_is",
    "tests/test_compat.py",
)


def main(options: List[str]) -> int:
    """Runs the tests; returns pytest's exit code."""
    stack = environments.other_stack()
    python = environments.find(stack)
    if python is None:
        print(f"The other TensorFlow is left out: {environments.none_here(stack)}")
        return 0
    try:
        interpreter = environments.make(stack, python)
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    command = [str(interpreter), "-m", "pytest", *options, *TESTS]
    return subprocess.run(command, cwd=environments.ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
