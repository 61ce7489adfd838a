"""Runs with `--accumulate` and `--remat`, as a user starts them."""

from __future__ import annotations

import csv
import re

import pytest

from tests.tasks.classification import tiny

WIDE = ("--network=wide_resnet", "--depth=10", "--width=1", "--steps=2")


@pytest.mark.long
def test_parts_of_a_batch_and_a_resumed_run(tmp_path):
    """The same run, stopped in between; the estimate says what is in memory."""
    more = (tiny.SUPERVISED, "--steps=6", "--accumulate=4")
    whole = tiny.session(tmp_path / "whole", *more)
    assert whole.code == 0, whole.err
    assert "memory of a step: " in whole.out
    assert "2 images of a batch in 4 parts)" in whole.out
    stop = {("log", 4): tiny.INTERRUPT}
    first = tiny.session(tmp_path / "run", *more, moments=stop)
    assert first.code == 130 and first.steps[-1] == 4
    again = tiny.session(tmp_path / "run", *more)
    assert again.code == 0 and again.digest == whole.digest
    # Without batch normalization, rows don't see each other.
    plain = tiny.session(tmp_path / "plain", *more[:2])
    assert losses(tmp_path / "plain") == pytest.approx(losses(tmp_path / "run"), 1e-4)
    assert plain.digest != whole.digest


def losses(folder):
    with (folder / "metrics.csv").open() as file:
        return [float(row["train_loss"]) for row in csv.DictReader(file)]


@pytest.mark.long
def test_blocks_that_are_computed_again(tmp_path, monkeypatch):
    """The run's weights are the same to the bit, where there is one pass a step."""
    ours = [each for each in tiny.FLAGS if not each.startswith("--filters")]
    monkeypatch.setattr(tiny, "FLAGS", ours)
    more = (*WIDE, tiny.SUPERVISED)
    plain = tiny.session(tmp_path / "plain", *more)
    again = tiny.session(tmp_path / "again", *more, "--remat")
    assert plain.code == again.code == 0, again.err
    pair = losses(tmp_path / "plain"), losses(tmp_path / "again")
    assert pair[0] == pytest.approx(pair[1], 1e-4)
    assert again.digest == plain.digest is not None
    needed = [re.search(r"of a step: ([\d.]+) MB", e.out)[1] for e in (plain, again)]
    assert float(needed[1]) < float(needed[0])


def test_what_is_refused(tmp_path):
    done = tiny.session(tmp_path, "--accumulate=3")
    assert (done.code, done.steps) == (2, ())
    assert "--batch=8 cannot be split into --accumulate=3 equal parts" in done.err
    done = tiny.session(tmp_path, "--remat")
    assert (done.code, done.steps) == (2, ())
    assert "--remat: --network=small_cnn has no blocks" in done.err
    assert not (tmp_path / "split.json").exists()
