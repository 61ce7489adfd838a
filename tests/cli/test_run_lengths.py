"""Lengths of flagfiles and of command lines, and minutes in their place."""

from __future__ import annotations

import pytest

from mixdmt_tf.cli import experiments, run_lengths
from mixdmt_tf.errors import UsageError

FILES = {
    "steps": "--steps=600\n--batch=32\n",
    "rounds": "--base_steps=300\n--round_steps=400\n--rounds=3\n",
    "minutes": "--max_minutes=5\n",
    "both": "--max_minutes=5\n--steps=600\n",
    "run": "--max_minutes=5\n--base_steps=30\n--round_steps=40\n",
    "mine": "--flagfile=steps.flags\n--max_minutes=5\n",
}
LENGTHS = ("steps", "base_steps", "round_steps", "max_minutes")


@pytest.fixture(name="lengths")
def fixture_lengths(tmp_path, monkeypatch):
    """What a command line says of the length, of these flagfiles."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / f"{name}.flags").write_text(text)

    def found(*flags):
        argv = ["--dataset=digits", "--algorithm=dmt", *flags]
        values = experiments.parse(argv, "train", "").values
        both = {**values["run"], **values["method"]}
        return tuple(both[name] for name in LENGTHS)

    return found


@pytest.mark.parametrize(
    "flags, expected",
    [
        (["--flagfile=steps"], (600, None, None, None)),
        # The command line counts, wherever it stands.
        (["--flagfile=steps", "--max_minutes=9"], (None, None, None, 9)),
        (["--max_minutes=9", "--flagfile=steps"], (None, None, None, 9)),
        (["--flagfile=rounds", "--max_minutes=9"], (None, 300, 400, 9)),
        (
            ["--flagfile=rounds", "--steps=none", "--max_minutes=9"],
            (None, 300, 400, 9),
        ),
        (["--flagfile=minutes", "--steps=70"], (70, None, None, 5)),
        (
            ["--flagfile=minutes", "--base_steps=3", "--round_steps=4"],
            (None, 3, 4, None),
        ),
        # So does the outer flagfile, and of two the last.
        (["--flagfile=mine"], (None, None, None, 5)),
        (["--flagfile=minutes", "--flagfile=steps"], (600, None, None, 5)),
        (["--flagfile=rounds", "--flagfile=minutes"], (None, 300, 400, 5)),
        # A run's own file has the lengths that were found.
        (["--flagfile=both"], (600, None, None, 5)),
        (["--flagfile=run"], (None, 30, 40, None)),
        (["--flagfile=both", "--max_minutes=9"], (None, None, None, 9)),
    ],
)
def test_what_is_given_last_counts(flags, expected, lengths):
    assert lengths(*flags) == expected


@pytest.mark.parametrize("name", ["steps", "base_steps", "round_steps"])
def test_two_lengths_on_the_command_line_are_refused(name, lengths):
    with pytest.raises(UsageError) as error:
        lengths(f"--{name}=70", "--max_minutes=9", "--flagfile=steps")
    said = str(error.value)
    assert said.startswith(f"--max_minutes=9.0 and --{name}=70 both say how long the ")
    assert len(said.splitlines()) == 2


def test_a_method_that_is_done_at_once_stays_so(lengths):
    """Its steps are a default, which a flagfile's had replaced."""
    flags = ["--dataset=digits", "--algorithm=linear_probe", "--flagfile=steps"]
    parsed = experiments.parse([*flags, "--max_minutes=9"], "train", "")
    assert parsed.values["run"]["steps"] == 1 and lengths() == (None,) * 4


def test_lengths_of_methods_in_rounds():
    method = {
        **{"fractions": "", "rounds": None, "models": 1, "restart": True},
        **{"base_steps": None, "round_steps": None},
    }
    run_lengths.require(None, method, "")
    run_lengths.require(5, method, "labels.npz")
    run_lengths.require(5, {"tsa": "log"}, "")
    run_lengths.require(600, method, "")
    with pytest.raises(UsageError, match="--steps=600 are divided among all stages"):
        run_lengths.require(600, {**method, "base_steps": 9}, "")
    run_lengths.require(None, {**method, "round_steps": 9}, "labels.npz")
    with pytest.raises(UsageError, match="one round: give its --steps"):
        run_lengths.require(None, method, "labels.npz")
    with pytest.raises(UsageError, match="1 for 5 rounds"):
        run_lengths.require(None, {**method, "rounds": 5, "fractions": "20"}, "")
