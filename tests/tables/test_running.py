"""Runs of a table: in order, once, on where they stopped, each for itself."""

from __future__ import annotations

import json
import statistics

import pytest

from mixdmt_tf import leases
from mixdmt_tf.tables import cells, child_process, running, table_ini
from tests.tables import made_table
from tests.tables.made_table import Made, read

ALL = [
    f"{row}/{column}-seed{seed}"
    for seed in (1, 2)
    for row in ("plain", "clever")
    for column in (20, 50)
]


def test_every_run_once_and_the_table_of_them(tmp_path, capsys):
    made = Made(tmp_path)
    assert made.execute(**{"clever/20-seed2": 10.0}) == 0
    assert made.log() == ALL
    assert "[3/8] clever, labels 20, seed 1" in capsys.readouterr().out
    text = made.report()
    assert (made.folder / "table.md").read_text(encoding="utf-8") == text
    found = made.rows()["Clever", "20"]
    errors = [21.0, 12.0]
    assert float(found["error_mean"]) == statistics.mean(errors)
    assert float(found["error_std"]) == pytest.approx(statistics.stdev(errors))
    assert float(found["raw_mean"]) == 17.5 and float(found["median20_mean"]) == 18.5
    assert (found["published"], found["published_std"]) == ("12.3", "1.2")
    assert (found["n"], found["steps"], found["hours"]) == ("2", "10", "0.01")
    assert "| 12.3 ± 1.2 | **16.50 ± 6.36 (n=2)** | 17.50 ± 6.36 | 18.50" in text
    assert "| 50 | not recoverable |" in text and "python 3" in text
    assert "`bin/train --flagfile=flags/made/table_1/cpu/clever.flags --lab" in text
    assert (made.folder / "table.png").read_bytes()[:4] == b"\x89PNG"
    assert made.execute() == 0 and made.log() == []


def test_one_run_may_serve_all_columns(tmp_path):
    made = Made(tmp_path, made_table.adding("row plain", "one_run = true"))
    assert made.execute() == 0
    assert made.log() == [run for run in ALL if not run.startswith("plain/50")]
    made.report()
    rows = made.rows()
    assert rows["Plain", "50"]["error_mean"] == rows["Plain", "20"]["error_mean"] != ""
    assert rows["Plain", "50"]["n"] == "2"
    assert rows["Clever", "50"]["command"].endswith("--labels=50 --seed=1")
    assert rows["Plain", "50"]["command"].endswith("--labels=20 --seed=1")


def test_columns_with_a_slash(tmp_path):
    """The flag gets the value itself; folders get one without a slash."""
    made = Made(tmp_path, made_table.IOU_INI)
    assert made.execute() == 0
    assert made.log() == [
        f"{row}/{column}-seed{seed}"
        for seed in (1, 2)
        for row in ("plain", "clever")
        for column in ("1_20", "1_8")
    ]
    cell = made.cells["plain", "1/20"]
    assert cell.run_folder(1) == made.folder / "plain" / "1_20-seed1"
    assert "--labels=1/20" in cell.command(1)
    assert list(cell.finished()) == [1, 2]
    assert cell.title(made.table, 1) == "plain, labels 1/20, seed 1"


def test_other_steps_or_settings_are_not_finished(tmp_path):
    made = Made(tmp_path)
    assert made.execute() == 0
    cell = made.cells["plain", "20"]
    path = cell.run_folder(1) / "results.json"
    results = json.loads(path.read_text())
    for changed in ({"steps": 9}, {"flags": {"algorithm": "other"}}):
        path.write_text(json.dumps({**results, **changed}))
        assert cell.results(1) is None and list(cell.finished()) == [2]
    path.write_text(json.dumps({**results, "flags": {"seed": "2", "copies": "9"}}))
    assert list(cell.finished()) == [1, 2]


def test_one_run_that_fails_fails_in_all_columns(tmp_path):
    made = Made(tmp_path, made_table.adding("row plain", "one_run = true"))
    made.execute(**{"plain/20-seed1": "fail", "plain/20-seed2": "fail"})
    made.report()
    rows = made.rows()
    assert [rows["Plain", column]["failed"] for column in ("20", "50")] == ["2", "2"]
    assert rows["Clever", "50"]["failed"] == "0"


def test_one_that_fails_takes_nothing_with_it(tmp_path, capsys):
    made = Made(tmp_path)
    wishes = {"plain/50-seed1": "fail", "plain/50-seed2": "fail"}
    assert made.execute(**wishes, **{"clever/20-seed1": "fail"}) == 1
    assert made.log() == ALL
    assert "failed: plain, labels 50, seed 2" in capsys.readouterr().out
    text = made.report()
    assert "| Plain | 50 | not recoverable | **failed** |" in text
    assert "(n=1, 1 failed)" in text
    assert made.execute() == 0
    assert made.log() == ["plain/50-seed1", "clever/20-seed1", "plain/50-seed2"]
    assert not made.failed


@pytest.mark.parametrize("more, code", [({}, 130), ({"again": 1}, 143)])
def test_a_signal_reaches_the_run_and_the_same_call_goes_on(tmp_path, more, code):
    made = Made(tmp_path)
    assert made.execute(**{"plain/50-seed1": "wait"}, **more) == code
    assert made.log() == ALL[:2]
    assert (made.cells["plain", "50"].run_folder(1) / "saved").exists()
    assert made.execute() == 0
    assert made.log() == ALL[1:]


@pytest.mark.parametrize(
    "flags, more, finished",
    [
        ({"compare_supervised": "true"}, {}, False),
        ({"compare_supervised": "true"}, {"supervised_error": None}, True),
        ({"compare_supervised": "false"}, {}, True),
        ({"compare_supervised": "true", "algorithm": "supervised"}, {}, True),
    ],
)
def test_a_run_is_finished_once_its_comparison_is(flags, more, finished, tmp_path):
    results = {"steps": 10, "flags": {"algorithm": "realmix", **flags}, **more}
    (tmp_path / "results.json").write_text(json.dumps(results))
    assert cells.read_finished(tmp_path) == (results if finished else None)


def test_a_run_that_another_process_finishes_is_not_made_again(tmp_path, monkeypatch):
    """Such as the one that a killed call of the same command had started."""
    made = Made(tmp_path)
    folder = made.cells["plain", "20"].run_folder(1)
    folder.mkdir(parents=True)
    with (folder / ".lock").open("a+") as lock:
        leases.lock(lock, "")

        def finish(_):
            results = {"steps": 10, "seconds": 1.0, "test_error": 1.0}
            (folder / "results.json").write_text(json.dumps(results))
            lock.close()

        monkeypatch.setattr(child_process.time, "sleep", finish)
        assert made.execute() == 0
    assert made.log() == ALL[1:]


def test_missing_data_are_said_once(tmp_path, capsys):
    made = Made(tmp_path)
    assert made.execute(**{name: "no data" for name in ALL}) == 1
    assert made.log() == ALL[:1]
    assert "could not read its data" in capsys.readouterr().out
    # Also of a run that had its data before.
    assert made.execute(**{ALL[1]: "fail", ALL[2]: "no data"}) == 1
    made.log()
    assert made.execute(**{ALL[1]: "no data"}) == 1
    assert made.log() == [ALL[1]]


def test_a_failed_run_that_replaced_its_event_file_had_its_data(tmp_path, capsys):
    """As runs in rounds do: there are as many files as before."""
    made = Made(tmp_path)
    for wish in ("fail", "replace"):
        assert made.execute(**{ALL[0]: wish}) == 1
        assert ALL[0] in made.log()
    assert "could not read its data" not in capsys.readouterr().out


def test_a_run_that_needs_another_comes_after_it(tmp_path):
    made = Made(tmp_path, made_table.adding("row clever", "first = plain"))
    assert made.execute(**{"plain/20-seed1": "fail"}) == 1
    log = (tmp_path / "log.txt").read_text().splitlines()
    before = made.cells["plain", "50"].run_folder(1)
    assert f"clever/50-seed1 {before}" in log
    assert not any(line.startswith("clever/20-seed1") for line in log)
    assert ("clever", "20", 1) in made.failed


def test_a_first_run_that_is_no_row_has_no_column(tmp_path):
    ini = made_table.adding("row clever", "first = before")
    root = made_table.write(tmp_path, f"{ini}[before before]\nlabel = Pre-training\n")
    table = table_ini.load(root, "made/1")
    known = cells.cells(table, "cpu", tmp_path / "runs", read)
    runs = cells.plan([known["clever", "20"], known["clever", "50"]], 1)
    names = ["/".join(cell.run_folder(seed).parts[-2:]) for cell, seed in runs]
    assert names == ["before/seed1", "clever/20-seed1", "clever/50-seed1"]


def test_cost_from_the_table_then_from_what_was_measured(tmp_path):
    made = Made(tmp_path)
    known = list(made.cells.values())
    assert running.seconds_left(made.runs[0], known) == 120
    assert running.cost_in_words(made.runs, known) == "about 16 min"
    folder = made.runs[0][0].run_folder(1)
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text("step,seconds\n2,1\n5,3\n")
    assert running.seconds_left(made.runs[0], known) == 60
    made.execute(**{ALL[0]: "fail"})
    assert running.seconds_left(made.runs[0], known) == 18
    made.execute()
    assert running.seconds_left(made.runs[0], known) == 0
    assert running.cost_in_words(made.runs, known) == "nothing left to do"
