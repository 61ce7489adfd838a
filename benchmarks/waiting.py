"""Measures how much of a training step is waiting for data.

    .venv/bin/python benchmarks/waiting.py [--rounds=12] [--json=FILE]
        [--methods=mixmatch,fixmatch] [flags of bin/train]

The same step gets batches from the pipeline, or one batch in memory, in turns. Their
difference is the cost of the pipeline: waiting, and the CPU cores that it uses. See
`step.py` for the data and flags.
"""

from __future__ import annotations

import figures
import keras
import step as steps
import tensorflow as tf
from turns import medians_in_turns


def main() -> None:
    """Times the steps of each method in turns and prints the medians."""
    parser = figures.parser(__doc__, rounds=12)
    parser.add_argument("--methods", default="mixmatch,fixmatch,dmt")
    arguments, flags = parser.parse_known_args()
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(steps.SEED)
    rows = []
    for name in arguments.methods.split(","):
        experiment = steps.experiment_of(name, flags)
        method, batches = steps.compiled(experiment)
        step = tf.function(method.train_step, autograph=False)
        iterator = iter(batches.dataset(0, steps.STEPS))
        ready = next(iterator)

        def from_pipeline(step=step, iterator=iterator):
            step(next(iterator))

        def from_memory(step=step, ready=ready):
            step(ready)

        functions = {"pipeline": from_pipeline, "memory": from_memory}
        for function in functions.values():
            function()
        medians = medians_in_turns(functions, arguments.rounds)
        rows.append(
            {
                "method": name,
                "batch lies ready (ms)": 1000 * medians["memory"],
                "from the pipeline (ms)": 1000 * medians["pipeline"],
                "share of the step (%)": 100
                * (1 - medians["memory"] / medians["pipeline"]),
            }
        )
        keras.backend.clear_session()
    figures.show(rows, arguments.json)


if __name__ == "__main__":
    main()
