"""`tools/results.py`, and that the tables of docs/results.md are what it makes."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(name="tool")
def fixture_tool(tmp_path):
    """The tool with a folder and a page of its own."""
    found = runpy.run_path(str(ROOT / "tools" / "results.py"))
    page = tmp_path / "results.md"
    page.write_text("above\n<!-- results new -->\nold\n<!-- end -->\nbelow\n")
    for function in ("add", "rewritten", "main"):
        found[function].__globals__.update(FOLDER=tmp_path / "kept", PAGE=page)
    return found


def run(folder, seed, error):
    """A run folder with results."""
    folder.mkdir()
    results = {
        "algorithm": "dmt",
        "seed": seed,
        "steps": 10,
        "seconds": 60,
        "test_error": error,
        "test_error_raw": error,
        "machine": "m",
        "ood_auroc": None,
        "flags": {"workdir": "/secret", "labels": "50", "split": "/x"},
        "rounds": [{"stage": "round_1", "test_error": 7.0, "cases": [1, 2]}],
        "ood_aurocs": {"knn": 80.0 + seed, "softmax": 60.0},
    }
    (folder / "results.json").write_text(json.dumps(results))
    return str(folder)


def test_runs_become_a_table(tool, tmp_path):
    runs = [run(tmp_path / f"r{seed}", seed, 4.0 + seed) for seed in (1, 2)]
    assert tool["main"](["add", "new", "DMT", "50 labels", *runs]) == 0
    assert tool["main"](["add", "new", "DMT", "100 labels", runs[0]]) == 0
    again = run(tmp_path / "again", 1, 4.0)
    assert tool["main"](["add", "new", "DMT", "50 labels", again]) == 0
    page = (tmp_path / "results.md").read_text()
    assert page.startswith("above\n<!-- results new -->\n\n|  | 50 labels | 100 labels")
    assert page.endswith("\n<!-- end -->\nbelow\n") and "old" not in page
    assert "| DMT | 5.00 ± 1.41 | 5.00 (1) | 1, 2 | 1.0 |" in page
    text = (tmp_path / "kept" / "new.json").read_text()
    assert "secret" not in text and '"labels": "50"' in text
    assert json.loads(text)[0]["rounds"] == [{"stage": "round_1", "test_error": 7.0}]


def test_of_several_numbers_each_has_a_column(tool, tmp_path):
    runs = [run(tmp_path / f"r{seed}", seed, 4.0) for seed in (1, 2)]
    (tmp_path / "results.md").write_text(
        "<!-- results new ood_aurocs -->\n<!-- end -->\n"
    )
    assert tool["main"](["add", "new", "DMT", "75 %", *runs]) == 0
    page = (tmp_path / "results.md").read_text()
    assert "|  | knn | softmax | seeds | minutes |" in page
    assert "| DMT, 75 % | 81.50 ± 0.71 | 60.00 ± 0.00 | 1, 2 | 1.0 |" in page


def test_a_wrong_command_says_how(tool, capsys):
    assert tool["main"](["write", "it"]) == 2
    assert "results.py add NAME" in capsys.readouterr().err


def test_the_tables_of_the_page_are_those_of_the_files():
    tool = runpy.run_path(str(ROOT / "tools" / "results.py"))
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert tool["rewritten"](page) == page
