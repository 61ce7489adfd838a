"""A stage counts as finished only with the checkpoint that its result is of."""

from __future__ import annotations

import json
import re
import shutil

from mixdmt_tf import digests
from tests.rounds.comparing import facts
from tests.runs.damaged import flipped
from tests.tasks.classification import tiny
from tests.tasks.classification.test_rounds import with_others

FLAGS = (*tiny.ROUNDS, "--compare_supervised")
LAST = "checkpoints/step-00000006"


def test_stages_are_trained_on_from_the_checkpoint_before(finished_rounds, tmp_path):
    """Or labels would be of an older teacher, and the result not what was scored."""
    folder = shutil.copytree(finished_rounds.folder, tmp_path / "run")
    flipped(folder / "base" / LAST)
    (folder / "pseudo_labels" / "round_1.npz").unlink()
    shutil.rmtree(folder / "round_2" / LAST)
    done = tiny.session(folder, *FLAGS)
    assert (done.code, done.steps) == (0, (4, 5, 6) * 2), done.err
    for stage in ("base", "round_2"):
        said = (
            f"{folder / stage / LAST} is damaged or missing: {stage} is trained again"
        )
        assert said in done.out
    assert done.out.count("resuming at step 3") == 2
    assert facts(folder, *FLAGS) == facts(finished_rounds.folder, *FLAGS)


def test_the_copy_of_the_result_is_made_again(finished_rounds, tmp_path):
    folder = shutil.copytree(finished_rounds.folder, tmp_path / "run")
    flipped(folder / LAST)
    done = tiny.session(folder, *FLAGS)
    assert (done.code, done.steps) == (0, ()), done.err
    assert facts(folder, *FLAGS) == facts(finished_rounds.folder, *FLAGS)


def test_a_base_model_that_is_given_is_only_read(finished_rounds, tmp_path):
    base = shutil.copytree(finished_rounds.folder / "base", tmp_path / "base")
    place = flipped(base / LAST)
    before = {path: path.read_bytes() for path in base.rglob("*") if path.is_file()}
    done = tiny.session(tmp_path / "run", *tiny.ROUNDS, f"--init_from={base}")
    assert (done.code, done.steps) == (1, ())
    assert f"{place} is damaged: changed since it was written" in done.err
    assert "Run the training command of the folder again" in done.err
    after = {path: path.read_bytes() for path in base.rglob("*") if path.is_file()}
    assert before == after


def test_a_base_model_that_is_given_and_the_result(finished_rounds, tmp_path):
    """It may be damaged after the last round has learned from it."""
    folder, base = tmp_path / "run", tmp_path / "base"
    shutil.copytree(finished_rounds.folder, folder)
    (folder / "base").rename(base)
    given = {"select_on": "valtiny", "init_from": str(base), "export": "false"}
    text = (folder / "flags.txt").read_text()
    for name, value in given.items():
        text = re.sub(f"(?m)^--{name}=.*$|^--{name}$", f"--{name}={value}", text)
    digests.write(folder / "flags.txt", text)
    best = {**json.loads((base / "results.json").read_text()), "validation_error": 0}
    digests.write(base / "results.json", json.dumps(best))
    place = flipped(base / LAST)
    flags = with_others(FLAGS, *(f"--{name}={value}" for name, value in given.items()))
    done = tiny.session(folder, *flags)
    assert (done.code, done.steps) == (1, ()), done.out
    assert f"{place} is damaged: changed since it was written" in done.err
