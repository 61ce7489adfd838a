"""Random damage to any file of a run folder or a cache, then everything that reads it.

    .venv/bin/python -m tools.torture.damage [--trials=500] [--seed=N]

A trial damages one file of a finished run, or of one that was stopped: a bit, a digit,
its end, all of it. Then a command that reads (evaluate, predict, export, pseudo labels)
must refuse in words or do as before, and the training command must end with the
results and weights of the undamaged run, or refuse in words. Nobody may publish other
numbers, or show a traceback.
"""

from __future__ import annotations

import collections
import pathlib
import random
import shutil
import sys
import tempfile
from typing import Any, Counter, Dict, List, Tuple

from tools.torture import commands

IMAGES = "images"


def damage(path: pathlib.Path, draw: random.Random) -> str:
    """Damages a file; says how."""
    content = bytearray(path.read_bytes())
    kind = draw.choice(("bit", "digit", "cut", "empty", "missing", "noise"))
    digits = [i for i, byte in enumerate(content) if 48 <= byte < 58]
    if kind == "digit" and digits:
        place = draw.choice(digits)
        content[place] = 48 + (content[place] - 48 + draw.randint(1, 9)) % 10
    elif kind in ("bit", "digit") and content:
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif kind == "cut":
        del content[draw.randrange(len(content) + 1) :]
    elif kind == "noise":
        content[:] = draw.getrandbits(8 * 200).to_bytes(200, "big")
    elif kind == "empty":
        content.clear()
    if kind == "missing":
        path.unlink()
    else:
        path.write_bytes(content)
    return kind


def reading(name: str, folder: pathlib.Path, draw: random.Random) -> Tuple[str, ...]:
    """A command that reads a run, with arguments."""
    run = f"--workdir={folder / 'run'}"
    output = folder / "output"
    labels = "labels" if "scenes" in name else "labels.npz"
    return draw.choice(
        [
            ("evaluate", run, f"--checkpoint={draw.choice(('last', 'best'))}"),
            ("predict", run, str(folder / IMAGES), f"--output={output}.csv"),
            ("export_model", run, f"--output={output}"),
            ("pseudo_label", run, f"--output={folder / labels}"),
        ]
    )


def _numbers(text: str) -> List[str]:
    """The lines of `bin/evaluate` that hold scores."""
    return [line for line in text.splitlines() if "%" in line]


def made(folder: pathlib.Path) -> Dict[str, Dict[str, Any]]:
    """A finished run of each kind, its facts, and what `bin/evaluate` says of it."""
    from PIL import Image

    found = {}
    for name in commands.RUNS:
        place = folder / name.replace(" ", "_")
        place.mkdir()
        (place / IMAGES).mkdir()
        Image.new("RGB", (20, 20), (90, 30, 200)).save(place / IMAGES / "a.png")
        commands.succeed("train", *commands.training(name, place))
        scores = {
            which: _numbers(
                commands.run(
                    "evaluate", f"--workdir={place / 'run'}", f"--checkpoint={which}"
                ).text
            )
            for which in ("last", "best")
        }
        found[name] = {
            "place": place,
            "facts": commands.facts(place / "run"),
            "scores": scores,
        }
    return found


def trial(name: str, run: Dict[str, Any], draw: random.Random) -> Tuple[str, str]:
    """Damages a copy of a run; what came of it, and what is wrong."""
    folder = run["place"].with_name("trial")
    shutil.copytree(run["place"], folder)
    if draw.random() < 0.5:  # as if it had been stopped before its end
        for path in folder.glob("run/**/results.json"):
            path.unlink()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    files = [path for path in files if IMAGES not in path.parts]
    path = draw.choice(files)
    if draw.random() < 0.5:  # most files are TensorBoard's and the exported model's
        named = ("*.json", "*.csv", "*.txt", "*.npz", "*.u8", "state.*")
        path = draw.choice([p for p in files if any(map(p.match, named))])
    kind = damage(path, draw)
    where = f"{name}: {kind} in {path.relative_to(folder)}"
    command = reading(name, folder, draw)
    read = commands.run(*command)
    trained = commands.run("train", *commands.training(name, folder))
    problem = ""
    if not read.sound:
        problem = f"{where}: {command[0]}: {read.text[-600:]}"
    elif command[0] == "evaluate" and read.code == 0:
        which = command[-1].rpartition("=")[2]
        if _numbers(read.text) != run["scores"][which] and "damaged" not in read.text:
            problem = f"{where}: evaluate --checkpoint={which} says other numbers"
    if not problem and not trained.sound:
        problem = f"{where}: train: {trained.text[-600:]}"
    elif not problem and trained.code == 0:
        now, then = commands.facts(folder / "run"), run["facts"]
        # An older checkpoint that nobody reads stays as it is, and is copied so.
        itself = "/".join(path.parts[-3:])
        differing = [
            k for k in then if now.get(k) != then[k] and not k.endswith(itself)
        ]
        if differing and "damaged" not in trained.text:
            problem = f"{where}: train ended otherwise, silently: {differing[:3]}"
    shutil.rmtree(folder)
    said = "damaged" in read.text + trained.text or trained.code != 0 or read.code != 0
    return ("noticed" if said else "harmless"), problem


def main(trials: int, seed: int) -> int:
    """Runs the trials; returns the exit code."""
    draw = random.Random(seed)
    counts: Counter[str] = collections.Counter()
    wrong: List[str] = []
    commands.prepare()
    with tempfile.TemporaryDirectory(prefix="torture-") as place:
        runs = made(pathlib.Path(place))
        for _ in range(trials):
            name = draw.choice(list(runs))
            outcome, problem = trial(name, runs[name], draw)
            counts[outcome] += 1
            wrong += [problem] if problem else []
    return commands.finish("damage", trials, counts, wrong)


if __name__ == "__main__":
    found = commands.trials("damage", 500, __doc__)
    sys.exit(main(found.trials, found.seed))
