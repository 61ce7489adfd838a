"""Wrong command lines: a few lines with what, got, expected and the nearest right one.

Each gives exit code 2 and no traceback.
"""

from __future__ import annotations

import pytest

from mixdmt_tf.cli import main
from tests.cli.test_main import zoo
from tests.cli.zoo.command import print_values

BAD = [
    # names
    (["--lables=250"], "unknown flag --lables", "did you mean --labels=250?"),
    (["--lables", "250"], "unknown flag --lables", "did you mean --labels?"),
    (["--LABELS=250"], "unknown flag --LABELS", "did you mean --labels=250?"),
    (["--learning-rate=1"], "--learning-rate", "did you mean --learning_rate=1?"),
    (["--xyzzy=1"], "unknown flag --xyzzy", "--helpfull lists the flags"),
    (["--=3"], "unknown flag", "--help"),
    (["--noemma"], "unknown flag --noemma", "did you mean --noema?"),
    (["--nolabels"], "unknown flag --nolabels", "did you mean --labels?"),
    (["--hlep"], "unknown flag --hlep", "did you mean --help?"),
    (["--filters=3"], "--filters", "belongs to --network=small, not to wide_resnet"),
    (["--tsa=log", "--algorithm=supervised"], "--tsa", "--algorithm=realmix"),
    (["--evil\n\x1b[31m=3"], r"unknown flag --'evil\n\x1b[31m'", "--help"),
    # choices
    (["--dataset=cifar"], "one of cifar10, digits, svhn", "--dataset=cifar10?"),
    (["--dataset=SVHN"], "--dataset=SVHN: expected", "did you mean --dataset=svhn?"),
    (["--algorithm=realmx"], "one of realmix, supervised", "--algorithm=realmix?"),
    (["--network=base"], "--network=base: expected one of small, wide_resnet", ""),
    (["--tsa=linaer"], "linear, log, exp, or none", "did you mean --tsa=linear?"),
    # numbers
    (["--labels=1e3"], "--labels=1e3: expected an integer", "--labels=1000?"),
    (["--labels=2.5"], "--labels=2.5: expected an integer", "--labels=3?"),
    (["--labels=0"], "an integer from 1 to 50000", "did you mean --labels=1?"),
    (["--labels=60000"], "an integer from 1 to 50000", "--labels=50000?"),
    (["--labels=many"], "--labels=many: expected an integer", ""),
    (["--labels="], "--labels=: expected an integer", ""),
    (["--seed=-1"], "an integer >= 0", "did you mean --seed=0?"),
    (["--seed=" + "9" * 999], "an integer >= 0 that fits into 64 bits", ""),
    (["--ood_rate=nan"], "--ood_rate=nan: expected a finite number from 0 to 1", ""),
    (["--shift=inf"], "--shift=inf: expected a finite number", ""),
    (["--shift=-nan"], "--shift=-nan: expected a finite number", ""),
    (["--ood_rate=1.5"], "a finite number from 0 to 1", "--ood_rate=1?"),
    (["--ood_rate=0,5"], "a finite number from 0 to 1", "--ood_rate=0.5?"),
    (["--warmup=soon"], "--warmup=soon: expected an integer >= 0, or none", ""),
    # booleans
    (["--ema=yes"], "--ema=yes: expected true or false", "did you mean --ema=true?"),
    (["--noema=true"], "--noema takes no value", "write --noema or --ema=false"),
    (["--ema", "false"], "false after --ema", "write --ema=false"),
    # missing values
    (["--labels"], "--labels lacks a value: expected an integer", "--labels=20"),
    (["--labels", "--seed=3"], "--labels lacks a value", "write --labels=20"),
    (["--algorithm"], "--algorithm lacks a value", "write --algorithm=realmix"),
    # left-over arguments
    (["photos"], "unexpected argument photos; expected only flags", "--help"),
    (["--labels=3", "labels=4"], "unexpected argument labels=4", "--labels=4?"),
    (["flags/quick.flags"], "unexpected argument", "--flagfile=flags/quick.flags?"),
    (["--labels=3", "--", "--seed=3"], "unexpected argument --seed=3", ""),
    (["-"], "unexpected argument -", ""),
    ([""], "unexpected argument ''", ""),
    # dashes
    (["-labels=250"], "flags begin with two dashes", "did you mean --labels=250?"),
    (["-labels", "250"], "flags begin with two dashes", "did you mean --labels?"),
    (["---labels=250"], "flags begin with two dashes", "did you mean --labels=250?"),
    (["\u2013labels=250"], "typographic dash", "did you mean --labels=250?"),
    (["\u2014labels=250"], "typographic dash", "did you mean --labels=250?"),
    (["-\u2011labels=250"], "typographic dash", "did you mean --labels=250?"),
    (["\u2212\u2212seed=3"], "typographic dash", "did you mean --seed=3?"),
    # twice
    (["--labels=3", "--labels=4"], "given twice, as 3 and as 4", "keep one"),
    (["--ema", "--noema"], "given twice, as true and as false", "keep one"),
    (["--algorithm=supervised", "--algorithm=realmix"], "given twice", "keep one"),
    # flagfiles
    (["--flagfile=absent.flags"], "absent.flags: No such file or directory", ""),
    (["--flagfile"], "--flagfile lacks a value", "write --flagfile=FILE"),
    (["--flagfile="], "--flagfile lacks a value", "write --flagfile=FILE"),
    # text
    (["--note=two\nlines"], r"--note='two\nlines'", "without line breaks"),
]


@pytest.mark.parametrize("argv, what, hint", BAD)
def test_bad_command_line(argv, what, hint, capsys):
    assert main.run(print_values, argv) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert 1 <= len(said.err.splitlines()) <= 3
    assert what in said.err
    assert hint in said.err
    assert max(map(len, said.err.splitlines())) < 200


@pytest.mark.parametrize("argv, what, hint", [BAD[0], BAD[12], BAD[17], BAD[37]])
def test_bad_command_line_in_a_shell(argv, what, hint):
    done = zoo(*argv)
    assert (done.returncode, done.stdout) == (2, "")
    assert what in done.stderr and hint in done.stderr
    assert "Traceback" not in done.stderr


def test_an_argument_that_is_expected(capsys):
    from tests.cli.zoo.command import parse

    assert main.run(lambda argv: parse(argv, ("DIR",)) and 0, []) == 2
    assert "expected an argument: DIR" in capsys.readouterr().err
    assert main.run(lambda argv: parse(argv, ("DIR",)) and 0, ["a", "b"]) == 2
    assert "unexpected argument b; expected DIR" in capsys.readouterr().err
