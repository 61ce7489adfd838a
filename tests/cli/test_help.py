"""`--help` and `--version`: complete, readable, and at once."""

from __future__ import annotations

import re

import pytest

import mixdmt_tf
from mixdmt_tf.cli import help as help_text
from mixdmt_tf.cli import main
from mixdmt_tf.settings import Setting
from tests.cli import commands
from tests.cli.test_main import zoo
from tests.cli.zoo.command import parse, print_values


def answer(capsys, *argv: str) -> str:
    """What a question prints, when it ends well."""
    assert main.run(print_values, argv) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


@pytest.mark.parametrize("question", ["--help", "-h", "-help", "--helpfull"])
def test_every_flag_is_shown_once(question, capsys):
    text = answer(capsys, question)
    shown = re.findall(r"^  --(\w+)", text, re.MULTILINE)
    flags = [s.name for group in parse([]).groups for s in group.settings]
    assert shown == [*flags, "flagfile", "help", "version"]


def test_flags_are_grouped_with_default_range_and_help(capsys):
    text = answer(capsys, "--help")
    lines = [line for line in text.splitlines() if not line.startswith(" ")]
    assert [line for line in lines if line] == [
        "Keeps animals.",
        "usage: zoo [--flag=value ...]",
        "method",
        "run",
        "network wide_resnet",
        "algorithm realmix",
        "every command",
        "Shown are the defaults. --name and --noname are true and false.",
    ]
    flat = " ".join(text.split())
    assert "--labels=20 labelled images [an integer from 1 to 50000]" in flat
    assert "--dataset=digits images [one of cifar10, digits, svhn]" in flat
    assert "--ema=true evaluate the average of the weights --tsa=none" in flat
    assert "--workdir=none the run's folder --note=" in flat


def test_help_shows_the_flags_of_what_is_chosen(capsys):
    text = answer(capsys, "--algorithm=supervised", "--help", "--network=small")
    assert "network small" in text and "--filters" in text
    assert "--tsa" not in text and "--depth" not in text


def test_help_comes_before_complaints(capsys):
    assert "usage: zoo" in answer(capsys, "--lables=3", "--help", "photos")


def test_a_question_after_two_dashes_is_an_argument():
    assert parse(["--", "--help"], ("DIR",)).arguments == ("--help",)


def test_version(capsys):
    assert answer(capsys, "--version") == f"mixdmt_tf {mixdmt_tf.__version__}\n"
    assert re.fullmatch(r"\d+\.\d+\.\d+", mixdmt_tf.__version__)


def test_lines_fit_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "72")
    settings = [
        Setting("a", "int", default=1, help="words " * 40),
        Setting("a_name_that_is_quite_long", "str", default="and", help="words " * 20),
        Setting("no_help", "str", default=""),
    ]
    text = help_text.text("zoo", "Keeps.", [("group", settings)], ["DIR"])
    assert max(map(len, text.splitlines())) <= 72
    assert "usage: zoo DIR [--flag=value ...]" in text
    assert "  --a_name_that_is_quite_long=and\n" + " " * 30 + "words" in text


@pytest.mark.parametrize("question", ["--help", "--version", "--lables=3"])
def test_an_answer_takes_less_than_half_a_second(question):
    # The command itself fails if TensorFlow, Keras or NumPy was imported.
    before = commands.seconds_of_children()
    done = zoo(question)
    assert commands.seconds_of_children() - before < 0.5
    assert "imported" not in done.stderr
    assert done.returncode == (2 if question == "--lables=3" else 0)
