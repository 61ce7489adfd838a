"""A small table in a folder, and a stand-in for the training command."""

from __future__ import annotations

import csv
import json
import pathlib
import sys

from mixdmt_tf.tables import cells, report, running, table_ini

INI = """\
[table]
title = A made-up table
columns = labels: 20 50
chart = lines

[row plain]
label = Plain
published = 20: 12.3 ± 1.2; 50: not recoverable
cpu_minutes = 2

[row clever]
label = Clever
published = 20: 12.3 ± 1.2; 50: not recoverable
cpu_minutes = 2
"""
# The same of mean IoU, with a row of numbers only.
IOU_INI = """\
[table]
title = A made-up table of segmentation
columns = labels: 1/20 1/8
shown = miou

[row theirs]
label = Theirs et al. (v2)
published = 1/20: 64.7 ± 0.3; 1/8: not published
quoted = true

[row plain]
label = Plain
published = 1/20: 55.62; 1/8: not published
cpu_minutes = 2

[row clever]
label = Clever
published = 1/20: 55.62; 1/8: not published
cpu_minutes = 2
"""
ROW = """\
# Digits.
--dataset=digits
--labels=20
--algorithm={algorithm}
--steps=10
"""
# Writes what a run leaves; environment-free: its behaviour is a file beside it.
TRAINER = """\
import json, os, pathlib, signal, sys, time
given = dict(a[2:].split("=", 1) for a in sys.argv[1:] if a.startswith("--"))
folder = pathlib.Path(given["workdir"])
folder.mkdir(parents=True, exist_ok=True)
wishes = json.loads(pathlib.Path(__file__).with_name("wishes.json").read_text())
name = "/".join(folder.parts[-2:])
with open(pathlib.Path(__file__).with_name("log.txt"), "a") as log:
    log.write(name + " " + given.get("init_from", "") + "\\n")
(folder / "flags.txt").write_text(str(time.monotonic()))
wish = wishes.get(name, 20.0)
if wish == "no data":
    sys.exit(1)
if wish == "replace":
    [each.unlink() for each in folder.glob("events.*")]
(folder / f"events.{time.monotonic_ns()}").touch()
if wish in ("fail", "replace"):
    sys.exit(1)
if wish == "wait":
    got = []
    signal.signal(signal.SIGINT, lambda *_: got.append(130))
    signal.signal(signal.SIGTERM, lambda *_: got.append(143))
    os.kill(os.getppid(), signal.SIGINT if "again" not in wishes else signal.SIGTERM)
    while not got:
        time.sleep(0.01)
    (folder / "saved").touch()
    sys.exit(got[0])
error = wish + int(given["seed"])
(folder / "results.json").write_text(json.dumps({
    "steps": 10, "seconds": 36.0, "test_error": error, "test_error_raw": error + 1,
    "test_error_median20": error + 2, "test_miou": 90 - error,
    "test_miou_raw": 80 - error, "versions": {"python": "3"}, "flags": {},
}))
"""


def adding(section: str, line: str, ini: str = INI) -> str:
    """The same with one more line in a section, such as 'row plain'."""
    head = f"[{section}]\n"
    assert ini.count(head) == 1
    return ini.replace(head, f"{head}{line}\n")


def write(root: pathlib.Path, ini: str = INI) -> pathlib.Path:
    """Writes the table made/1 and returns the folder `flags`."""
    folder = root / "flags" / "made" / "table_1"
    (folder / "cpu").mkdir(parents=True)
    (folder / "table.ini").write_text(ini, "utf-8")
    for name, algorithm in (("plain", "supervised"), ("clever", "realmix")):
        text = ROW.format(algorithm=algorithm)
        (folder / f"{name}.flags").write_text(text, "utf-8")
        text = f"--flagfile=../{name}.flags\n"
        (folder / "cpu" / f"{name}.flags").write_text(text, "utf-8")
    return root / "flags"


def launch(root: pathlib.Path, wishes: str = "{}") -> list:
    """The command of the stand-in; wishes, in JSON, say how runs end."""
    (root / "trainer.py").write_text(TRAINER, "utf-8")
    (root / "wishes.json").write_text(wishes, "utf-8")
    (root / "log.txt").touch()
    return [sys.executable, "-S", str(root / "trainer.py")]


def read(argv):
    """Steps and settings of a command line, whatever it is."""
    return 10, {"algorithm": "ours", "seed": "1", "copies": "none"}


class Made:
    """The made-up table with its cells."""

    def __init__(self, root, ini=INI, budget="cpu", common=(), weights=None):
        """With flags for all runs and files of weights, as of `cells`."""
        self.folder, self.budget, self.root = root / "runs", budget, root
        self.table = table_ini.load(write(root, ini), "made/1")
        self.cells = cells.cells(
            self.table, budget, self.folder, read, common, weights or {}
        )
        in_table = [c for (row, _), c in self.cells.items() if row in self.table.rows]
        self.runs = cells.plan(in_table, 2)
        self.failed = set()

    def execute(self, **wishes):
        command = launch(self.root, json.dumps(wishes))
        return running.execute(self.table, self.runs, command, self.write)

    def write(self, failed):
        self.failed = set(failed)

    def report(self):
        return report.write(
            self.table, self.budget, self.cells, self.folder, self.failed
        )

    def log(self):
        lines = (self.root / "log.txt").read_text().splitlines()
        (self.root / "log.txt").write_text("")
        return [line.split()[0] for line in lines]

    def rows(self):
        text = (self.folder / "table.csv").read_text(encoding="utf-8")
        lines = csv.DictReader(text.splitlines())
        return {(line["row"], line["labels"]): line for line in lines}
