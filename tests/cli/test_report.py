"""`bin/report`: which runs, where to, and what it refuses."""

from __future__ import annotations

import pathlib
import shutil

import pytest

from mixdmt_tf.cli.report import _names, main
from mixdmt_tf.tasks import reporting
from tests.report.reading import read
from tests.tasks.classification import tiny


@pytest.fixture(name="page", scope="module")
def fixture_page(finished, tmp_path_factory):
    """The page about a run, written where it is asked for."""
    output = tmp_path_factory.mktemp("page") / "page.html"
    argv = [str(finished.folder), f"--output={output}", "--images=30"]
    assert main(argv) == 0
    return output


def test_a_page_about_a_run(page):
    found = read(page.read_text(encoding="utf-8"))
    assert "realmix on digits, 20 labels" in found.text
    assert "30 unlabelled images (of " in found.text


def test_one_run_has_its_page_in_its_folder_and_several_here(
    finished, tmp_path, monkeypatch, capsys
):
    copied = tmp_path / "one"
    shutil.copytree(finished.folder, copied)
    monkeypatch.chdir(tmp_path)
    assert main(["one", "--from_files"]) == 0
    assert "report: one/report.html\n" in capsys.readouterr().out
    read((copied / "report.html").read_text(encoding="utf-8"))
    assert main(["one", str(finished.folder), "--from_files"]) == 0
    assert "report: report.html\n" in capsys.readouterr().out
    found = read((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert found.text.startswith("2 runs: one, run")


def refused(capsys, *argv):
    code = main(argv)
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    "argv, said",
    [
        ([], "expected an argument: RUN\n"),
        (["nowhere"], "error: nowhere holds no run"),
        (["nowhere", "--images=0"], "--images=0"),
        (["a", "b", "--images=3", "--from_files"], "--images=3 has no effect"),
    ],
)
def test_refuses(argv, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, text = refused(capsys, *argv)
    assert code == 2 and said in text
    assert len(text.splitlines()) <= 3 and "Traceback" not in text
    assert not list(tmp_path.iterdir())


def test_refuses_the_same_run_twice_and_a_folder_for_a_file(
    finished, tmp_path, capsys, monkeypatch
):
    run = str(finished.folder)
    code, text = refused(capsys, run, run, f"--output={tmp_path}/x.html")
    assert code == 2 and "is given twice" in text
    code, text = refused(capsys, run, "--from_files", f"--output={tmp_path}")
    assert code == 2 and "is a folder; expected the name of a file" in text
    monkeypatch.setattr(reporting, "describe", None)  # nobody is asked in vain
    code, text = refused(capsys, run, f"--output={tmp_path}/no/x.html")
    assert code == 1 and "cannot be written: there is no folder" in text
    assert not list(tmp_path.iterdir())


def test_a_run_that_was_only_started_is_refused(tmp_path, capsys):
    folder = tmp_path / "run"
    assert tiny.session(folder, tiny.SUPERVISED, "--steps=2", "--noexport").code == 0
    for name in ("results.json", "metrics.csv", "digests.json"):
        (folder / name).unlink()
    code, text = refused(capsys, str(folder))
    assert code == 1 and "there is nothing to report" in text


def test_names_are_as_long_as_is_needed_to_tell_runs_apart():
    folders = [pathlib.Path(each) for each in ("/x/a/run", "/x/b/run", "/x/b/other")]
    assert _names(folders) == ["a/run", "b/run", "b/other"]
    assert _names(folders[:1]) == ["run"]
