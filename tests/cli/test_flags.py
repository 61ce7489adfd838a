"""Declared settings to flags, a command line to values, values to a flagfile."""

from __future__ import annotations

import pytest

from mixdmt_tf import settings
from mixdmt_tf.cli import flags
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import DeclarationError, Setting
from tests.cli.zoo.command import parse


def test_defaults():
    parsed = parse([])
    assert parsed.values == {
        "method": {"algorithm": "realmix"},
        "run": {
            "network": "wide_resnet",
            "dataset": "digits",
            "labels": 20,
            "seed": 1,
            "shift": -0.5,
            "workdir": None,
            "note": "",
        },
        "network": {"depth": 28},
        "algorithm": {
            "learning_rate": 0.002,
            "ema": True,
            "tsa": None,
            "ood_rate": 0.25,
            "warmup": None,
        },
    }
    assert parsed.given == frozenset()
    assert parsed.chosen == {"algorithm": "realmix", "network": "wide_resnet"}


@pytest.mark.parametrize(
    "argv, group, expected",
    [
        (["--labels=250"], "run", {"labels": 250}),
        (["--labels", "250"], "run", {"labels": 250}),
        (["--labels=250", "--labels=250"], "run", {"labels": 250}),
        (["--shift", "-2"], "run", {"shift": -2.0}),
        (["--shift=-2"], "run", {"shift": -2.0}),
        (["--ema"], "algorithm", {"ema": True}),
        (["--noema"], "algorithm", {"ema": False}),
        (["--ema=false"], "algorithm", {"ema": False}),
        (["--tsa=none"], "algorithm", {"tsa": None}),
        (["--tsa="], "algorithm", {"tsa": None}),
        (["--warmup=7", "--tsa", "log"], "algorithm", {"warmup": 7, "tsa": "log"}),
        (["--note=a=b"], "run", {"note": "a=b"}),
        (["--note", "two words"], "run", {"note": "two words"}),
        (["--note="], "run", {"note": ""}),
    ],
)
def test_ways_to_give_a_value(argv, group, expected):
    parsed = parse(argv)
    assert {name: parsed.values[group][name] for name in expected} == expected
    assert parsed.given == set(expected)


def test_selectors_choose_the_flags():
    parsed = parse(["--filters=8", "--network", "small", "--algorithm=supervised"])
    assert parsed.values["network"] == {"filters": 8}
    assert set(parsed.values["algorithm"]) == {"learning_rate", "ema"}
    assert [group.title for group in parsed.groups] == [
        "method",
        "run",
        "network small",
        "algorithm supervised",
    ]


def test_arguments_that_are_no_flags():
    assert parse(["--labels=3", "photos"], ("DIR",)).arguments == ("photos",)
    assert parse(["--", "--photos"], ("DIR",)).arguments == ("--photos",)
    for given in ([""], ["a", ""]):  # as "$PHOTOS" is where it is not set
        with pytest.raises(UsageError, match="expected an argument: DIR\n"):
            parse(given, ("DIR...",))


def flagfile(parsed):
    return settings.flagfile(
        (group.title, parsed.values[group.name]) for group in parsed.groups
    )


def test_a_flagfile_repeats_the_run(tmp_path):
    argv = [
        "--algorithm=realmix",
        "--network=small",
        "--learning_rate=0.1234567890123456789",
        "--shift=-1e-17",
        "--noema",
        "--tsa=log",
        "--note=two words, 100 % and a #",
        "--workdir=runs/\u00e4 b",
        "--labels=4000",
    ]
    parsed = parse(argv)
    path = tmp_path / "flags.txt"
    path.write_text(flagfile(parsed), "utf-8")
    again = parse([f"--flagfile={path}"])
    assert again.values == parsed.values
    assert again.groups == parsed.groups
    assert flagfile(again) == path.read_text("utf-8")


def test_a_flagfile_has_a_comment_per_group_and_every_value():
    text = flagfile(parse(["--algorithm=supervised", "--noema"]))
    assert text.startswith("# method\n--algorithm=supervised\n\n# run\n")
    assert text.endswith(
        "\n# algorithm supervised\n--learning_rate=0.002\n--ema=false\n"
    )
    assert "--workdir=none\n--note=\n" in text


A = Setting("a", "int", default=1, help="a")


@pytest.mark.parametrize(
    "groups, message",
    [
        (
            [flags.Group("one", "one", (A,)), flags.Group("two", "two", (A,))],
            "--a is declared by both 'one' and 'two'",
        ),
        (
            [flags.Group("one", "one", (A,)), flags.Group("one", "two", ())],
            "groups of one name",
        ),
        (
            [flags.Group("one", "one", (Setting("flagfile", "str"),))],
            "declared by both 'every command' and 'one'",
        ),
    ],
)
def test_a_clash_of_declarations_is_our_mistake(groups, message):
    with pytest.raises(DeclarationError, match=message):
        flags.parse([], "program", "Summary.", lambda chosen: groups)


def test_two_command_lines_do_not_share_flags():
    assert parse(["--labels=3"]).values["run"]["labels"] == 3
    assert parse([]).values["run"]["labels"] == 20
