"""Commands in parts (`--shard`) as a pipeline of Apache Beam: `--runner=NAME`.

An element of the pipeline is a part; a worker runs the command with that `--shard`. So
a pipeline gives the same files as the parts, on any engine of Beam. A part that an
engine runs twice finds its work already done.
"""

from __future__ import annotations

import dataclasses
import importlib
import shlex
from typing import Any, List, Sequence

from mixdmt_tf.data.part import Part
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Engine:
    """Settings of a pipeline."""

    runner: str = setting(
        "",
        "do all parts (--parts) as a pipeline of Apache Beam on this engine, such as "
        "DirectRunner (this machine), DataflowRunner, FlinkRunner or SparkRunner; "
        "default: no pipeline",
    )
    runner_options: str = setting(
        "", "options of the engine as Beam names them, such as '--region=europe-west4'"
    )
    parts: int = setting(16, "number of parts of a pipeline", low=1, high=999999)


def run(
    command: str,
    argv: Sequence[str],
    engine: Engine,
    shard: str,
    joins: bool = False,
) -> None:
    """Runs all parts of a command as a pipeline, and waits for its end.

    Args:
        command: name of the module in `mixdmt_tf.cli`.
        argv: its command line, already checked.
        engine: settings of the pipeline.
        shard: value of `--shard`, which must not be given.
        joins: whether the part that ends last joins all of them. If workers only see
            the files that existed when they began, none of them may do so; therefore a
            part is run once more on this machine.

    Raises:
        UsageError: if `--shard` is given, or there is no such engine.
        UserError: if Beam is not installed, or a part failed.
    """
    if shard:
        raise UsageError(
            f"--shard={shard} --runner={engine.runner}: a pipeline does all parts.\n"
            "Leave one of them out."
        )
    beam = _beam()
    try:
        options = beam.options.pipeline_options.PipelineOptions(
            shlex.split(engine.runner_options)
        )
        pipeline = beam.Pipeline(runner=engine.runner, options=options)
    except (ValueError, ImportError, SystemExit) as error:
        raise UsageError(
            f"--runner={engine.runner} --runner_options={engine.runner_options}: "
            f"Apache Beam says: {error}"
        ) from error
    parts = [str(each) for each in Part(1, engine.parts).all()]
    try:
        with pipeline:
            _ = (
                pipeline
                | "parts" >> beam.Create(parts, reshuffle=True)
                | command >> beam.Map(run_part, command, list(argv))
            )
        if joins:
            run_part(parts[-1], command, list(argv))
    except Exception as error:  # engines wrap the exceptions of parts in various ways
        lines = [each for each in str(error).splitlines() if _ENDED in each]
        if not lines:
            raise
        raise UserError(f"{lines[0].strip()}\nIts own messages say why.") from error


_ENDED = "ended with exit code"


def run_part(shard: str, command: str, argv: List[str]) -> None:
    """Runs one part of a command, on any machine of the engine.

    Raises:
        RuntimeError: if the command fails; the engine may try again.
    """
    main = importlib.import_module(f"mixdmt_tf.cli.{command}").main
    code = main([*_without_engine(argv), "--runner=", f"--shard={shard}"])
    if code:
        raise RuntimeError(f"{command} --shard={shard} {_ENDED} {code}")


def _without_engine(argv: Sequence[str]) -> List[str]:
    """Removes the flags of the pipeline from a command line, but not in flagfiles."""
    ours = {f"--{field.name}" for field in dataclasses.fields(Engine)}
    kept: List[str] = []
    skip = False
    for word in argv:
        name, equals, _ = word.partition("=")
        if not skip and name not in ours:
            kept.append(word)
        skip = name in ours and not equals  # the next word is its value
    return kept


def _beam() -> Any:
    try:
        import apache_beam
        import apache_beam.options.pipeline_options
    except ImportError as error:
        raise UserError(
            f"--runner needs Apache Beam, which cannot be imported: {error}\n"
            'Install it, on Python 3.10 or 3.11: pip install "mixdmt_tf[beam]"'
        ) from error
    return apache_beam
