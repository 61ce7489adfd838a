"""Finished runs of several kinds, the commands that read them, and what they then say.

A command that ends well must say what it said of the undamaged run: of other numbers
none is right because a message came with them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import pathlib
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import numpy as np
from PIL import Image

from tools.torture import commands

IMAGES = "images"  # what is predicted, and is not damaged
PICTURES = "pictures"  # beside the runs: the decoded cache knows images by their path
TABLE = "made_up/one"
CLOCK = ("seconds", "minutes", "hours")  # columns that are never the same
CONTEST = ("supervised", "pseudo_label")
STEPS = 800  # of each of its runs
FOLDER = (
    *("--dataset=folder", "--network=small_cnn", "--filters=4", "--validation=8"),
    *("--labels=6", "--image_size=16", "--image_store=disk", "--learning_rate=0.01"),
    *("--batch=4", "--algorithm=mixmatch", "--steps=6", "--eval_every=3"),
    *("--checkpoint_every=2", "--copies=2", "--copies_store=disk", "--noreport"),
    *commands.COMMON,
)


class Command(NamedTuple):
    """A command that reads a run.

    Attributes:
        name: of the command.
        argv: its arguments, for the folder of a subject.
        said: what it said, of the folder and its output.
        before: called in its process at first.
    """

    name: str
    argv: Callable[[pathlib.Path], List[str]]
    said: Callable[[pathlib.Path, str], Any]
    before: Callable[[], Any] = bool


class Subject(NamedTuple):
    """What is damaged.

    Attributes:
        again: the command that made it, and puts right what it can.
        readers: those that only read it.
    """

    again: Command
    readers: List[Command]


def every() -> Dict[str, Subject]:
    """All subjects, by name."""
    names = ("realmix on digits", "dmt on digits", "dmt on scenes")
    found = {
        name: Subject(_training(name), _readers("scenes" in name)) for name in names
    }
    found["a folder of images"] = Subject(
        Command("train", _on_folder, _facts), _readers(False)
    )
    for name, argv in (("compare", _compare), ("reproduce", _reproduce)):
        found[name] = Subject(Command(name, argv, _results, in_forks), [])
    return found


def prepare(folder: pathlib.Path) -> None:
    """Makes what is in the folder of a subject before its first run, and beside it."""
    (folder / IMAGES).mkdir(parents=True)
    Image.new("RGB", (20, 20), (90, 30, 200)).save(folder / IMAGES / "a.png")
    table = folder.parent / "flags" / "made_up" / "table_one"
    if table.exists():
        return
    (table / "cpu").mkdir(parents=True)
    (table / "table.ini").write_text(
        "[table]\ntitle = Made up\n\n[row one]\nlabel = 1\n"
    )
    (table / "cpu" / "one.flags").write_text(
        "\n".join([*commands.DIGITS, "--algorithm=supervised", "--steps=4", ""])
    )
    draw = np.random.default_rng(7)
    for place, number in (("train/cat", 14), ("train/dog", 14), ("test/cat", 3)):
        parent = folder.parent / PICTURES / place
        parent.mkdir(parents=True)
        for name in range(number):
            pixels = draw.integers(0, 256, (18, 20, 3), np.uint8)
            Image.fromarray(pixels).save(parent / f"{name}.png")


def answer(
    command: Command, folder: pathlib.Path, before: Callable[[], Any] = bool
) -> Tuple[commands.Outcome, Any]:
    """Runs a command in the folder of a subject.

    Args:
        command: to run.
        folder: of the subject.
        before: called in its process, after what the command itself wants.

    Returns:
        How it ended; what it said, None if it did not end well.
    """

    def begin() -> None:
        command.before()
        before()

    child = commands.Child(command.name, *command.argv(folder), before=begin)
    done = child.wait(900)
    if done is None:
        text = child.kill().text
        done = commands.Outcome(-9, f"{text}\nTraceback: no end", 900.0)
    return done, command.said(folder, done.text) if done.code == 0 else None


def differing(expected: Any, said: Any, itself: str = "") -> List[str]:
    """In what two answers differ, as text.

    Args:
        expected: of the undamaged run.
        said: now.
        itself: the end of a name that does not count.
    """
    if not isinstance(expected, dict):
        return [f"{said} rather than {expected}"[:300]]
    names = {**expected, **said}
    different = [name for name in names if expected.get(name) != said.get(name)]
    return [name for name in different if not (itself and name.endswith(itself))][:3]


def in_forks() -> None:
    """Has a command start trainings as forks of its process, which imports nothing.

    Runs of some minutes have so many steps, however fast the machine happens to be.
    """
    from mixdmt_tf.tables import child_process
    from mixdmt_tf.tasks import budget

    def run(self: Any, command: List[str], *_: Any) -> int:
        done = commands.run("train", *command[4:])
        print(done.text, flush=True)
        return done.code

    child_process.Children.run = run
    chosen = budget.within_minutes

    def fixed(task: Any, train: Any) -> Any:
        found = chosen(task, train)
        return found if found is task.experiment else found.replace({"steps": STEPS})

    budget.within_minutes = fixed


def _training(name: str) -> Command:
    def argv(folder: pathlib.Path) -> List[str]:
        return [*commands.training(name, folder), "--noreport"]

    return Command("train", argv, _facts)


def _on_folder(folder: pathlib.Path) -> List[str]:
    places = (f"--data_dir={folder.parent / PICTURES}", f"--workdir={folder / 'run'}")
    return [*FOLDER, *places, f"--cache_dir={folder / 'cache'}"]


def _compare(folder: pathlib.Path) -> List[str]:
    own = (f"--algorithms={','.join(CONTEST)}", "--minutes=0.1", "--seeds=1")
    return [*own, *commands.DIGITS, "--noreport", f"--workdir={folder / 'run'}"]


def _reproduce(folder: pathlib.Path) -> List[str]:
    tables = folder.parent / "flags"
    places = (f"--workdir={folder / 'run'}", f"--tables_dir={tables}")
    return [f"--table={TABLE}", "--seeds=1", *places]


def _readers(scenes: bool) -> List[Command]:
    def reader(name: str, said: Any, *argv: str, before: Any = bool) -> Command:
        def filled(folder: pathlib.Path) -> List[str]:
            places = {"out": folder / "output", "images": folder / IMAGES}
            own = [each.format(**places) for each in argv]
            run = str(folder / "run")
            return [*own, run if name == "report" else f"--workdir={run}"]

        return Command(name, filled, said, before)

    found = [
        reader("evaluate", _scores, "--checkpoint=last"),
        reader("evaluate", _scores, "--checkpoint=best"),
        reader("predict", _output, "{images}", "--output={out}"),
        reader("export_model", _model, "--output={out}"),
        reader("pseudo_label", _output, "--output={out}"),
        reader("report", _output, "--output={out}", "--images=4"),
        reader("serve", _answer, "--port=0", before=_ask),
    ]
    if not scenes:
        found.append(reader("suggest_labels", _output, "--output={out}.csv", "--k=3"))
    return found


def _facts(folder: pathlib.Path, _: str) -> Any:
    return commands.facts(folder / "run")


def _results(folder: pathlib.Path, _: str) -> Any:
    """The results of all runs of a comparison or a table, and what is made of them.

    Checkpoints are left out: of a run whose length was measured in the same process
    they hold other names of objects than of one that is resumed.
    """
    found: Dict[str, Any] = {}
    for path in sorted(folder.glob("run/**/results.json")):
        for name, value in commands.facts(path.parent).items():
            if "state.data-" not in name:
                found[f"{path.parent.relative_to(folder)}/{name}"] = value
    for pattern in ("comparison.csv", "table.csv"):
        for path in folder.glob(f"run/**/{pattern}"):
            with path.open(newline="") as file:
                rows = [*csv.DictReader(file)]
            found[pattern] = [{**row, **dict.fromkeys(CLOCK)} for row in rows]
    return found


def _scores(_: pathlib.Path, text: str) -> List[str]:
    """The lines of `bin/evaluate` that hold scores."""
    return [line for line in text.splitlines() if "%" in line]


def _digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _output(folder: pathlib.Path, _: str) -> Dict[str, str]:
    """What was written, by the names of the files."""
    files = [path for path in folder.glob("output*") if path.is_file()]
    files += [path for path in folder.glob("output/**/*") if path.is_file()]
    return {str(path.relative_to(folder)): _digest(path) for path in files}


def _model(folder: pathlib.Path, _: str) -> Dict[str, str]:
    """The weights of an exported model, and what lies beside it."""
    files = [*folder.glob("output/*.json"), *folder.glob("output/variables/*.data-*")]
    return {path.name: _digest(path) for path in files}


def _ask() -> None:
    """Has `bin/serve` answer for one image, and end."""
    from mixdmt_tf.serving import app, server

    content = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (20, 20, 3), np.uint8)
    Image.fromarray(pixels).save(content, "png")
    app.make_app = lambda model, *_: model
    server.run = lambda model, *_: print(
        "answer:", json.dumps(model.predict([content.getvalue()]))
    )


def _answer(_: pathlib.Path, text: str) -> List[str]:
    return [line for line in text.splitlines() if line.startswith("answer:")]
