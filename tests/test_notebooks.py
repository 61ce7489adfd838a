"""The notebooks of docs/ run from start to end, for fewer steps."""

from __future__ import annotations

import json
import pathlib

import pytest

NOTEBOOKS = pathlib.Path(__file__).resolve().parents[1] / "docs" / "notebooks"
# In place of what the cell with the tag 'parameters' says.
SHORT = {"EPOCHS": 1, "STEPS": 4, "ROUNDS": 1, "LABELED": 8, "UNLABELED": 8, "TEST": 4}
PRINTED = {
    "classification": ["Supervised:", "RealMix:", "error after each round", "DMT:"],
    "segmentation": ["Supervised: mean IoU", "CutMix: mean IoU", "(40, 32, 11)"],
}


def cells(path):
    """(source, tags) of the cells with code."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            yield "".join(cell["source"]), cell["metadata"].get("tags", [])


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(PRINTED))
def test_a_notebook_runs_from_start_to_end(name, tmp_path, monkeypatch, capsys):
    path = NOTEBOOKS / f"{name}.ipynb"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    names, shortened = {"__name__": "__main__"}, 0
    for number, (source, tags) in enumerate(cells(path)):
        exec(compile(source, f"{path.name}, cell {number}", "exec"), names)
        if "parameters" in tags:
            shortened += 1
            names.update({k: v for k, v in SHORT.items() if k in names})
    assert shortened == 1
    printed = capsys.readouterr().out
    assert [words for words in PRINTED[name] if words not in printed] == []


def test_there_is_a_notebook_a_task_and_none_is_large():
    assert {path.stem for path in NOTEBOOKS.iterdir()} == {*PRINTED}
    assert all(path.stat().st_size < 100_000 for path in NOTEBOOKS.iterdir())
