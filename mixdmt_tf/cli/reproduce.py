"""`bin/reproduce`: trains the rows of a paper's table and reports them beside it."""

from __future__ import annotations

import dataclasses
import math
import pathlib
import shlex
import sys
from typing import AbstractSet, Any, Dict, List, Mapping, Optional, Sequence, Tuple

import mixdmt_tf
from mixdmt_tf import addresses, bounds, remote
from mixdmt_tf.cli import experiments, flagfiles, flags, run_lengths
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError
from mixdmt_tf.files import expanded
from mixdmt_tf.settings import setting, to_text

# `bin/train`, with this Python and this package.
LAUNCH = (
    "import sys; sys.path[0] = sys.argv.pop(1); "
    "from mixdmt_tf.cli.train import main; sys.exit(main(sys.argv[1:]))"
)


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    table: str = setting("", "paper and table, such as realmix/2")
    budget: str = setting(
        "cpu",
        "paper: as published, for GPUs; cpu: small enough for two cores",
        choices=("paper", "cpu"),
    )
    seeds: int = setting(
        2,
        "runs of each cell, with seeds 1, 2, ... (RealMix reports two); in DMT's "
        "tables 4 to 7, and lengths/camvid, with 0, 1, 2, the paper's splits of VOC "
        "and Cityscapes",
        low=1,
        high=1000,
    )
    rows: str = setting("", "run only these rows: names with commas between them")
    columns: str = setting("", "run only these columns: values, commas between them")
    workdir: str = setting(
        "runs/reproduce", "folder of the tables and of all their runs"
    )
    data_dir: str = setting("", "folder of the data, passed on to each run")
    coco: str = setting(
        "",
        "file of DeepLab-v2's weights trained on COCO, for the networks of "
        "--budget=paper that start from them (segmentation): .safetensors, .npz or "
        ".pth with torchvision's names",
    )
    imagenet: str = setting(
        "", "file of torchvision's ResNet-101 trained on ImageNet, likewise"
    )
    tables_dir: str = setting(
        "", "folder of the tables; default: those that come with the package"
    )
    dry_run: bool = setting(
        False, "print the commands and how long they will take, and run nothing"
    )


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_reproduce, argv)


def command() -> None:
    """The installed command `mixdmt-reproduce`."""
    sys.exit(main(sys.argv[1:]))


def _reproduce(argv: Sequence[str]) -> int:
    parsed = flags.parse(
        argv,
        "reproduce",
        "Runs the rows of a table of a paper and writes the table with our numbers.\n"
        "The same command resumes an interrupted one.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.reproduce")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)

    from mixdmt_tf.tables import table as tables
    from mixdmt_tf.tables import table_ini

    table = table_ini.load(_root(config.tables_dir), config.table)
    rows = _rows(table, config)
    columns = tables.choose("columns", config.columns, filter(None, table.columns))
    place = addresses.below(config.workdir, f"{table.name}/{config.budget}")
    if config.dry_run:
        return _run(config, table, rows, columns, remote.run_folder(place))
    with remote.opened(place) as folder:
        return _run(config, table, rows, columns, folder)


def _run(
    config: Config,
    table: Any,
    rows: Sequence[str],
    columns: Sequence[str],
    folder: pathlib.Path,
) -> int:
    """Runs rows of a table in a folder."""
    from mixdmt_tf.tables import cells, running

    common = [f"--data_dir={config.data_dir}"] if config.data_dir else []
    weights = {"coco": config.coco, "imagenet": config.imagenet}
    known = cells.cells(table, config.budget, folder, _read, common, weights)
    chosen = [known[row, column] for column in columns or ("",) for row in rows]
    runs = cells.plan(chosen, config.seeds, table.first_seed)
    _require_weights([cell for cell, _ in runs], weights, config.budget)
    everything = list(known.values())
    if config.dry_run:
        for number, one in enumerate(runs, start=1):
            _describe(f"[{number}/{len(runs)}]", one, table, everything)
        print(f"cost: {running.cost_in_words(runs, everything)}")
        return 0

    from mixdmt_tf.tables import report  # a dry run needs no NumPy

    def write(failed: AbstractSet[Tuple[str, str, int]]) -> None:
        report.write(table, config.budget, known, folder, failed)
        remote.update(folder)

    print(f"cost: {running.cost_in_words(runs, everything)}", flush=True)
    package = pathlib.Path(mixdmt_tf.__file__).resolve().parents[1]
    launch = [sys.executable, "-c", LAUNCH, str(package)]
    write(frozenset())
    _find_data(runs)
    code = running.execute(table, runs, launch, write)
    print(bounds.read_text(folder / "table.md", bounds.TEXT_BYTES))
    print(f"written to {remote.shown(folder)}: table.md, table.csv, table.png")
    return code


def _require_weights(
    chosen: Sequence[Any], weights: Mapping[str, str], budget: str
) -> None:
    """Checks that there is a file for each kind of weights that rows start from.

    Raises:
        UsageError: if a file is missing, with the rows that need it, or if files are
            given and no row needs any.
    """
    wanted: Dict[str, Dict[str, List[str]]] = {}
    for cell in chosen:
        for kind in cell.weights:
            columns = wanted.setdefault(kind, {}).setdefault(cell.row.name, [])
            if cell.column and cell.column not in columns:
                columns.append(cell.column)
    given = [kind for kind, file in weights.items() if file]
    if given and not wanted:
        raise UsageError(
            f"--{given[0]}={weights[given[0]]}: none of the chosen rows starts from "
            f"published weights at --budget={budget}\nleave it out"
        )
    missing = []
    for kind in weights:
        file = weights[kind]
        if kind in wanted and not (file and expanded(file).is_file()):
            rows = (
                f"{name} ({', '.join(columns)})" if columns else name
                for name, columns in wanted[kind].items()
            )
            said = f"--{kind}={file}: no such file" if file else f"--{kind} is missing"
            missing.append(f"{said}; needed by the rows {', '.join(rows)}")
    if missing:
        raise UsageError(
            "\n".join(
                [*missing, "expected files: .safetensors, .npz, .pth; see --help"]
            )
        )


def _find_data(runs: Sequence[Tuple[Any, int]]) -> None:
    """Checks that the data of all unfinished runs exist.

    Raises:
        UserError: if some are missing.
    """
    found: List[Mapping[str, Any]] = []
    for cell, seed in runs:
        if cell.results(seed) is None:
            parsed = experiments.parse(cell.command(seed), "train", "")
            if parsed.values["data"] not in found:
                found.append(parsed.values["data"])
                experiments.find_data(parsed)


def _rows(table: Any, config: Config) -> Sequence[str]:
    """Returns the rows to run: those of --rows, or all that have a flagfile.

    Raises:
        UsageError: if --rows names one that can't be run, or if no row can.
    """
    from mixdmt_tf.tables import table as tables

    there = [row for row in table.rows if table.has(row, config.budget)]
    rows = tables.choose("rows", config.rows, table.rows)
    quoted = [row for row in rows if table.rows[row].quoted]
    if quoted and config.rows:
        raise UsageError(
            f"--rows={config.rows}: {', '.join(quoted)}: quoted from the paper, never "
            f"run\nthere are: {', '.join(there) or 'none'}"
        )
    missing = [row for row in rows if row not in [*there, *quoted]]
    if missing and config.rows or not there:
        raise UsageError(
            f"table {table.name} has no {', '.join(missing) or 'row'} at --budget="
            f"{config.budget}\nthere are: {', '.join(there) or 'none'}"
        )
    return [row for row in rows if row in there]


def _root(given: str) -> pathlib.Path:
    """Returns the folder of the tables: --tables_dir, or that of the package."""
    if not given:
        return flagfiles.folder()
    root = expanded(given).resolve()
    if not root.is_dir():
        raise UsageError(
            f"--tables_dir={given}: there is no folder {root}\n"
            "leave it out for the tables that come with the package"
        )
    return root


def _read(argv: Sequence[str]) -> Tuple[Optional[int], Mapping[str, str]]:
    """Returns a command's steps, if set, and the settings its results depend on."""
    from mixdmt_tf.runs.config import Config as RunConfig

    parsed = experiments.parse(argv, "train", "")
    values: Mapping[str, Any] = parsed.values["run"]
    data: Mapping[str, Any] = parsed.values["data"]
    # These raise if settings contradict one another.
    RunConfig(**values)
    experiments.data_config(data)
    method: Mapping[str, Any] = parsed.values["method"]
    run_lengths.require(values["steps"], method, str(data["pseudo_labels"]))
    settings = settings_of_numbers(parsed)
    if "fractions" in method and not data["pseudo_labels"]:  # a run in rounds
        from mixdmt_tf.rounds import plan

        found = plan.stage_lengths(values["steps"], method)
        settings.update({name: to_text(value) for name, value in found.items()})
        return None, settings
    return values["steps"], settings


def settings_of_numbers(parsed: flags.Parsed) -> Dict[str, str]:
    """Returns the settings that a run's results depend on, as text by flag."""
    return {
        each.name: to_text(parsed.values[group.name][each.name])
        for group in parsed.groups
        for each in group.settings
        if not each.harmless
    }


def _describe(prefix: str, one: Any, table: Any, known: Sequence[Any]) -> None:
    """Prints one run: its progress, remaining time and command."""
    from mixdmt_tf import progress
    from mixdmt_tf.tables import running

    cell, seed = one
    done = cell.steps_done(seed)
    state = "finished"
    if cell.results(seed) is None:
        left = running.seconds_left(one, known)
        state = "cost unknown" if left is None else progress.duration(left)
        if 0 < done:
            state += f", at {math.floor(100 * done / (cell.steps or done))} %"
    print(f"{prefix} {cell.title(table, seed)}: {state}")
    print(f"    bin/train {shlex.join(cell.command(seed))}")
