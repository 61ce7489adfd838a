"""Flagfiles: precedence, nesting, comments, and errors that say where to look."""

from __future__ import annotations

import os

import pytest

from mixdmt_tf import bounds
from mixdmt_tf.cli.arguments import Reader
from mixdmt_tf.errors import UsageError
from tests.cli.zoo.command import parse


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a flagfile; the tests run in its folder."""
    monkeypatch.chdir(tmp_path)

    def to_file(name: str, text: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return name

    return to_file


def run_values(*argv: str):
    """Values of the group 'run'."""
    return parse(argv).values["run"]


def test_comments_blank_lines_and_line_ends(write):
    write("a.flags", "\ufeff# paper, table\r\n\r\n  // cost\n --labels=7 \r\n--seed=3")
    values = run_values("--flagfile=a.flags")
    assert (values["labels"], values["seed"]) == (7, 3)


@pytest.mark.parametrize("form", [["--flagfile=a.flags"], ["--flagfile", "a.flags"]])
@pytest.mark.parametrize("first", [True, False])
def test_the_command_line_wins_wherever_it_stands(write, form, first):
    write("a.flags", "--labels=7\n--seed=3\n")
    argv = [*form, "--labels=9"] if first else ["--labels=9", *form]
    values = run_values(*argv)
    assert (values["labels"], values["seed"]) == (9, 3)


def test_given_counts_flagfiles(write):
    write("a.flags", "--labels=7\n")
    given = parse(["--flagfile=a.flags", "--seed=1"]).given
    assert given == {"labels", "seed"}


def test_a_later_flagfile_wins(write):
    write("a.flags", "--labels=7\n--seed=3\n")
    write("b.flags", "--labels=8\n")
    values = run_values("--flagfile=a.flags", "--flagfile=b.flags")
    assert (values["labels"], values["seed"]) == (8, 3)


def test_selectors_are_found_in_nested_flagfiles(write):
    write("base/small.flags", "--network=small\n--filters=8\n")
    write("a.flags", "--flagfile=base/small.flags\n--filters=9\n")
    parsed = parse(["--flagfile=a.flags"])
    assert parsed.values["network"] == {"filters": 9}
    assert parse(["--flagfile=a.flags", "--filters=5"]).values["network"] == {
        "filters": 5
    }


def test_nested_paths_beside_the_file_and_then_from_here(write):
    write("flags/base/near.flags", "--labels=7\n")
    write("shared.flags", "--seed=3\n")
    write("flags/a.flags", "--flagfile=base/near.flags\n--flagfile=shared.flags\n")
    values = run_values("--flagfile=flags/a.flags")
    assert (values["labels"], values["seed"]) == (7, 3)


def test_one_file_may_be_included_twice(write):
    write("base.flags", "--labels=7\n")
    write("a.flags", "--flagfile=base.flags\n--flagfile=base.flags\n")
    assert run_values("--flagfile=a.flags")["labels"] == 7


def test_a_pipe_is_read_once():
    # As a shell makes of --flagfile=<(echo --labels=7): a second look finds nothing.
    reading, writing = os.pipe()
    os.write(writing, b"--labels=7\n")
    os.close(writing)
    assert run_values(f"--flagfile=/dev/fd/{reading}")["labels"] == 7
    os.close(reading)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("--lables=3", "a.flags:2: unknown flag --lables\ndid you mean --labels=3?"),
        (
            "--labels=1e3",
            "a.flags:2: --labels=1e3: expected an integer from 1 to 50000",
        ),
        ("labels=3", "a.flags:2: labels=3 is not a flag: expected --name=value\n"),
        ("--labels 3", "a.flags:2: --labels 3 lacks a '='\nwrite --labels=3"),
        ("--labels", "a.flags:2: --labels lacks a value"),
        ("-labels=3", "a.flags:2: -labels=3: flags begin with two dashes"),
        ("--warmup=many # of them", "a comment in a flagfile has a line of its own"),
        ("--note=a # remark", "expected one value"),
        ("--note=a --seed=3", "expected one value"),
        ("--seed=3\n--seed=4", "a.flags:3: --seed is given twice, as 3 and as 4"),
        ("--flagfile=b.flags", "a.flags:2: can't read the flagfile b.flags: No such"),
        ("--flagfile=", "a.flags:2: --flagfile lacks a value"),
        ("--flagfile=a.flags", "a.flags:2: the flagfile a.flags includes itself"),
        ("--flagfile=a\0b", "can't read the flagfile 'a\\x00b': embedded null"),
        ("--help", "a.flags:2: unknown flag --help"),
        ("--tsa=log\n--algorithm=supervised", "it belongs to --algorithm=realmix"),
    ],
)
def test_an_error_in_a_flagfile_names_file_and_line(write, text, expected):
    write("a.flags", "# a comment\n" + text)
    with pytest.raises(UsageError) as caught:
        parse(["--flagfile=a.flags"])
    assert expected in str(caught.value)
    assert str(caught.value).startswith("a.flags:")


def test_an_error_in_a_nested_flagfile_names_that_file(write):
    write("base/b.flags", "\n\n--labels=0\n")
    write("a.flags", "--flagfile=base/b.flags\n")
    with pytest.raises(UsageError, match=r"^base/b\.flags:3: --labels=0: expected"):
        parse(["--flagfile=a.flags"])


def test_files_that_are_no_flagfiles(write, tmp_path):
    write("quick.flags", "")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, expected in [
        ("quik.flags", "No such file or directory\ndid you mean quick.flags?"),
        ("binary", "binary is not a text file in UTF-8"),
        (".", "Is a directory"),
        ("x" * 300, "'xxx"),
        ("~nobody-of-that-name/a.flags", "No such file or directory"),
    ]:
        with pytest.raises(UsageError) as caught:
            parse([f"--flagfile={name}"])
        assert expected in str(caught.value)


@pytest.mark.parametrize("source", ["/dev/zero", "large.flags"])
def test_flagfiles_are_read_within_bounds(source, tmp_path):
    path = tmp_path / source  # an absolute path stays as it is
    if source != "/dev/zero":
        path.write_text("#" * (bounds.FLAGFILE_BYTES + 1))
    with pytest.raises(UsageError, match="larger than 1,048,576 bytes"):
        Reader({}, {}).read([f"--flagfile={path}"])


def test_flagfiles_within_one_another_have_an_end(tmp_path):
    for number in range(20):
        file = tmp_path / f"{number}.flags"
        file.write_text(f"--flagfile={number + 1}.flags\n")
    (tmp_path / "20.flags").write_text("")
    with pytest.raises(UsageError, match="more than 16 flagfiles within one another"):
        Reader({}, {}).read([f"--flagfile={tmp_path / '0.flags'}"])
    assert Reader({}, {}).read([f"--flagfile={tmp_path / '5.flags'}"]) == ([], [])
