"""`tools/curves.py`: learning curves that are kept, and drawn."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf import plots

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(name="tool")
def fixture_tool(tmp_path):
    """The tool with folders of its own."""
    found = runpy.run_path(str(ROOT / "tools" / "curves.py"))
    folders = {"FOLDER": tmp_path / "kept", "IMAGES": tmp_path}
    for function in ("add", "draw"):
        found[function].__globals__.update(folders)
    return found


def run(folder, scores, name="test_error"):
    """A run folder with an evaluation every ten steps and minutes."""
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps({"seed": 3, "machine": "m"}))
    lines = [
        f"{10 * n},{600.04 * n},{score},0.5" for n, score in enumerate(scores, start=1)
    ]
    text = "\n".join([f"step,seconds,{name},train_loss", *lines])
    (folder / "metrics.csv").write_text(text + "\n")
    return folder


def test_a_curve_has_steps_seconds_and_scores(tool, tmp_path):
    assert (
        tool["main"](["add", "a", "one", str(run(tmp_path / "x", [50, 40.126]))]) == 0
    )
    kept = json.loads((tmp_path / "kept" / "a.json").read_text())
    assert kept == {
        "one": [
            {
                "score": "test_error",
                "seed": 3,
                "machine": "m",
                "points": [[10, 600.0, 50.0], [20, 1200.1, 40.13]],
            }
        ]
    }


def test_a_label_that_is_added_again_replaces_its_curves(tool, tmp_path):
    first, second = run(tmp_path / "x", [50]), run(tmp_path / "y", [40])
    for label, runs in (("one", [first, second]), ("two", [first]), ("one", [second])):
        tool["main"](["add", "a", label, *map(str, runs)])
    kept = json.loads((tmp_path / "kept" / "a.json").read_text())
    assert [len(curves) for curves in kept.values()] == [1, 1]
    assert kept["one"][0]["points"][0][2] == 40


@pytest.mark.parametrize("score", ["test_error", "test_miou"])
def test_a_line_of_another_colour_for_each_label(tool, tmp_path, monkeypatch, score):
    monkeypatch.setattr(plots, "DPI", 200)
    for label, scores in (("one", [50, 40]), ("two", [30, 20])):
        folder = run(tmp_path / label, scores, score)
        tool["main"](["add", "a", label, str(folder)])
    assert tool["main"](["draw", "a", "A title"]) == 0
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    for colour in ((0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00)):
        assert np.sum(np.all(pixels == colour, axis=-1)) > 500


@pytest.mark.parametrize("argv", [[], ["add", "a", "one"], ["draw", "a"], ["x", "y"]])
def test_what_is_not_understood(tool, argv, capsys):
    assert tool["main"](argv) == 2
    assert "tools/curves.py add NAME LABEL RUN" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted((ROOT / "docs/results/curves").glob("*.json")))
def test_every_kept_curve_has_its_picture(path):
    assert (ROOT / "docs" / "images" / f"{path.stem}.png").is_file()
