"""`tools/run_tests.py`, which is what `make test` runs."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / "tools" / "run_tests.py"
PASSES = "def test_it():\n    pass\n"
FAILS = "def test_it():\n    assert 1 == 2\n"
SKIPS = "import pytest\n\ndef test_it():\n    pytest.skip('not here')\n"
BROKEN = "import a_module_that_there_is_not\n"


@pytest.fixture(name="tool")
def fixture_tool(monkeypatch):
    monkeypatch.chdir(ROOT)
    return runpy.run_path(str(TOOL))


def run(folder, *arguments, **sources):
    """What the tool prints last, and its exit code, for a project of these files."""
    for name, source in sources.items():
        path = folder / "tests" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(TOOL), "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()[-1], done.returncode


def test_each_test_file_is_in_one_part(tool):
    parts = tool["paths"]()
    expected = sorted(map(str, Path("tests").rglob("test_*.py")))
    assert sorted(sum(parts, [])) == expected and len(expected) > 150
    assert len(parts) == len(tool["PARTS"]) and min(map(len, parts)) > 3


def test_the_longest_files_are_there_and_come_first(tool):
    parts, longest = tool["paths"](), [f"tests/{name}" for name in tool["LONGEST"]]
    for part in parts:
        first = [name for name in longest if name in part]
        assert first and part == [*first, *sorted(set(part) - set(first))]
    assert set(longest) <= set(sum(parts, []))


def test_numbers_of_all_parts_are_summed_up(tmp_path):
    sources = {"cli__test_a": PASSES, "runs__test_b": PASSES, "test_c": SKIPS}
    line, code = run(tmp_path, **sources)
    assert line.startswith("==== 2 passed, 1 skipped in ") and code == 0


@pytest.mark.parametrize("place", ["conformance__test_b", "runs__test_b", "test_b"])
def test_a_failure_in_any_part_is_a_failure(place, tmp_path):
    line, code = run(tmp_path, cli__test_a=PASSES, **{place: FAILS})
    assert line.startswith("==== 1 failed, 1 passed in ") and code == 1


def test_a_part_without_chosen_tests_is_no_failure(tmp_path):
    sources = {"cli__test_a": PASSES, "runs__test_b": FAILS}
    line, code = run(tmp_path, "-k", "test_a", **sources)
    assert line.startswith("==== 1 passed, 1 deselected in ") and code == 0


def test_what_cannot_be_imported_ends_the_run(tmp_path):
    line, code = run(tmp_path, conformance__test_a=BROKEN, test_b=PASSES)
    assert line.startswith("==== 1 error in ") and code == 2


def test_no_tests_at_all(tmp_path):
    (tmp_path / "tests").mkdir()
    line, code = run(tmp_path)
    assert line.startswith("==== no tests ran in ") and code == 5
