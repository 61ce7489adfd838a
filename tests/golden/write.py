"""Writes `values.json` anew: `python -m tests.golden.write`, after a change is meant."""

from __future__ import annotations

import json
import pathlib
import tempfile

from mixdmt_tf.compat import KERAS_3
from tests.golden import rounds, steps, test_golden


def main() -> None:
    """Writes the file; numbers of whole runs are those of the stack it runs on."""
    if KERAS_3:
        raise SystemExit("the values of whole runs are those of Keras 2: use Python 3.11")
    values = {
        "digests": steps.digests(),
        "steps": {
            task: {name: getattr(steps, task)(name) for name in names}
            for task, names in test_golden.METHODS.items()
        },
    }
    with tempfile.TemporaryDirectory() as folder:
        values["rounds"] = {
            task: rounds.run(pathlib.Path(folder, task), *flags)
            for task, flags in test_golden.RUNS.items()
        }
    test_golden.VALUES.write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    main()
