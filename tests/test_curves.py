"""`tools/curves.py`: learning curves that are kept, and drawn."""

from __future__ import annotations

import json
import re
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
    folders = {"FOLDER": tmp_path / "kept", "IMAGES": tmp_path, "RESULTS": tmp_path}
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


def test_scores_against_labels_with_the_deviation_of_seeds(tool, tmp_path, monkeypatch):
    rows = [
        {"row": row, "column": column, "seed": seed, "test_error": error}
        for row, column, seed, error in (
            ("dmt", "1,000 labels", 1, 21.0),
            ("dmt", "250 labels", 1, 30.0),
            ("dmt", "250 labels", 2, 34.0),
            ("uda", "250 labels", 1, 40.0),
        )
    ]
    (tmp_path / "b.json").write_text(json.dumps(rows))
    charts = []
    image = plots.image
    monkeypatch.setattr(plots, "image", lambda c: charts.append(c) or image(c))
    assert tool["main"](["labels", "b", "A title"]) == 0
    (chart,) = charts
    assert (tmp_path / "b.png").is_file() and chart.title == "A title"
    assert [each.label for each in chart.series] == ["dmt", "uda"]
    points = chart.series[0].points
    assert [(p.x, p.y) for p in points] == [(250, 32.0), (1000, 21.0)]
    assert points[0].std == pytest.approx(8**0.5) and points[1].std is None
    assert chart.x_ticks == [250, 1000] and "seeds 1, 2" in chart.note


def test_the_picture_of_the_page_is_of_the_numbers_that_are_kept(
    tool, tmp_path, monkeypatch
):
    """Drawn anew by the command that stands there."""
    monkeypatch.setattr(plots, "DPI", 200)
    page = (ROOT / "docs" / "which-method.md").read_text(encoding="utf-8")
    title = re.search(r'curves\.py labels pretrained \\\n +"(.*)"', page)[1]
    results = (ROOT / "docs" / "results" / "pretrained.json").read_bytes()
    (tmp_path / "pretrained.json").write_bytes(results)
    assert tool["main"](["labels", "pretrained", title]) == 0
    drawn, kept = (
        np.asarray(Image.open(folder / "pretrained.png").convert("L"), float)
        for folder in (tmp_path, ROOT / "docs" / "images")
    )
    assert drawn.shape == kept.shape  # other versions draw letters a little otherwise
    assert np.abs(drawn - kept).mean() < 0.2


@pytest.mark.parametrize("argv", [[], ["add", "a", "one"], ["draw", "a"], ["x", "y"]])
def test_what_is_not_understood(tool, argv, capsys):
    assert tool["main"](argv) == 2
    assert "tools/curves.py add NAME LABEL RUN" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted((ROOT / "docs/results/curves").glob("*.json")))
def test_every_kept_curve_has_its_picture(path):
    assert (ROOT / "docs" / "images" / f"{path.stem}.png").is_file()
