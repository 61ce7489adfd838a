"""What two runs in rounds must have in common to be the same."""

from __future__ import annotations

import csv
import hashlib
import json
import pathlib
from typing import Any, Dict

from mixdmt_tf.runs import trained
from mixdmt_tf.tasks import open_task
from tests.tasks.classification import tiny

# Of the machine, the clock and the place.
DIFFERING = {"seconds", "machine", "flags"}


def facts(folder: pathlib.Path, *flags: str) -> Dict[str, Any]:
    """All that is left of a finished run: numbers, weights, pseudo labels.

    Args:
        folder: the run's.
        *flags: of the tiny run.
    """
    results = json.loads((folder / "results.json").read_text())
    for entry in (results, *results["rounds"]):
        for name in DIFFERING:
            entry.pop(name, None)
    tables = {}
    for name in ("rounds.csv", "metrics.csv"):
        with (folder / name).open(newline="") as file:
            rows = list(csv.DictReader(file))
        tables[name] = [{k: v for k, v in r.items() if k != "seconds"} for r in rows]
    experiment = tiny.experiment(folder, *flags)
    digests = {}
    for place in ("", *(entry["stage"] for entry in results["rounds"])):
        model = trained.load(open_task(experiment), folder / place)
        total = hashlib.sha256()
        for array in (*model.averaged, *model.raw):
            total.update(array.tobytes())
        digests[place] = total.hexdigest()
    labels = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "pseudo_labels").iterdir())
    }
    return {"results": results, **tables, "weights": digests, "labels": labels}
