"""Journals of searches that are not as they were written."""

from __future__ import annotations

import os
import pathlib
import time

import optuna
import pytest

from mixdmt_tf.errors import UserError
from mixdmt_tf.tables import tuning_journal


def study(folder):
    storage = tuning_journal.opened(optuna, folder)
    return optuna.create_study(storage=storage, study_name="a", load_if_exists=True)


def test_a_line_that_a_full_disk_cut_off_is_left_out(tmp_path):
    first = study(tmp_path)
    for score in (1.0, 2.0):
        first.tell(first.ask(), score)
    journal = tmp_path / tuning_journal.NAME
    with journal.open("rb+") as file:
        file.truncate(journal.stat().st_size - 5)
    for number in (3, 4):  # once more, with what was written behind it
        again = study(tmp_path)
        again.tell(again.ask(), 3.0)
        assert len(again.trials) == number
        assert again.trials[0].value == 1.0 and again.trials[-1].value == 3.0


def test_the_lock_of_a_killed_search_is_removed(tmp_path, monkeypatch):
    """Optuna makes a link; one to a relative name would be waited for without end."""
    monkeypatch.chdir(tmp_path)
    folder = pathlib.Path("runs")
    folder.mkdir()
    study(folder)
    (folder / "tuning.log.lock").symlink_to("runs/tuning.log")
    begun = time.monotonic()
    study(folder).ask()
    assert time.monotonic() - begun < 20
    assert not (folder / "tuning.log.lock").is_symlink()


def test_the_lock_leads_to_the_journal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    links = []
    symlink = os.symlink
    monkeypatch.setattr(os, "symlink", lambda *a: (links.append(a[0]), symlink(*a)))
    study(pathlib.Path("."))
    assert links and all(os.path.isabs(each) for each in links)


@pytest.mark.parametrize(
    "content", [b"epoch 1\n", b"[]\n[", b"\xff\n", b"{}\n", b"3\n"]
)
def test_something_else_is_refused_and_left_alone(content, tmp_path):
    journal = tmp_path / tuning_journal.NAME
    journal.write_bytes(content)
    with pytest.raises(UserError, match="tuning.log is damaged or not the journal of"):
        study(tmp_path)
    assert journal.read_bytes() == content
