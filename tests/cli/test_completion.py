"""Completion: what bash makes of the script, and that it knows every flag."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time

import pytest

from mixdmt_tf.cli import completion, experiments, flagfiles
from mixdmt_tf.cli.commands import commands
from mixdmt_tf.settings import declared
from tests.cli.commands import ROOT

# Calls the function as bash does, once for each line, and shows the answers.
ASK = """
source "$1"
shift
for COMP_LINE in "$@"; do
    COMP_POINT=${#COMP_LINE}
    _mixdmt
    echo "${COMPREPLY[*]}"
done
"""


@pytest.fixture(name="script", scope="module")
def fixture_script(tmp_path_factory):
    """The script for bash, as a file."""
    path = tmp_path_factory.mktemp("completion") / "mixdmt.bash"
    path.write_text(completion.script("bash"), encoding="utf-8")
    return path


def ask(script, *lines, cwd=None):
    """What is offered for each line, as words."""
    done = subprocess.run(
        ["bash", "--norc", "-eu", "-c", ASK, "ask", str(script), *lines],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split() for line in done.stdout.splitlines()]


def test_both_are_written_without_tensorflow():
    program = (
        "import sys\nfrom mixdmt_tf.cli import completion\n"
        "for shell in completion.SHELLS:\n    completion.script(shell)\n"
        "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_every_command_is_offered_exactly_its_flags(script, capsys):
    """--helpfull says which they are."""
    known = commands()
    offered = ask(script, *(f"bin/{name} --" for name in known))
    for (name, command), words in zip(known.items(), offered):
        sys.argv, argv = [name, "--helpfull"], sys.argv
        try:
            with pytest.raises(SystemExit):
                command.load()()
        finally:
            sys.argv = argv
        helped = set(re.findall(r"^  --(\w+)", capsys.readouterr().out, re.MULTILINE))
        if completion.takes_an_experiment(command) and not name.startswith("train"):
            parsed = experiments.parse([], name, "")
            helped |= {each.name for g in parsed.groups for each in g.settings}
        bare = {word[2:].partition("=")[0] for word in words}
        flags = {b[2:] if b[:2] == "no" and b not in helped else b for b in bare}
        assert flags == helped | {"helpfull"}, name


def test_what_is_chosen_decides(script):
    tsa, same, dmt, voc, network = ask(
        script,
        "mixdmt-train --algorithm=vat --ts",
        "mixdmt-train-realmix --ts",
        "bin/train_dmt --frac",
        "./bin/train --dataset=voc --network=deeplab_v2 --output_s",
        "bin/train --network=cnn13 --dep",
    )
    assert tsa == [] and same == ["--tsa=", "--tsa_steps=", "--tsa_target="]
    assert dmt == ["--fractions="]
    assert voc == ["--output_stride="] and network == []


def test_values(script, tmp_path):
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "quick.flags").touch()
    answers = ask(
        script,
        "bin/train --algorithm=mix",
        "bin/train --dataset=voc --algorithm=c",
        "bin/train --network=wide",
        "bin/export_model --format=",
        "bin/train --flagfile=quick",
        "bin/evaluate --workdir=ru",
        "bin/predict --workdir=runs/mine ru",
        "bin/train --labels=",
        cwd=tmp_path,
    )
    # What is before the = stays: bash counts it as another word.
    assert answers[0] == ["mixdmt", "mixmatch", "mixup"]
    assert answers[1] == ["cbst", "cct", "cutmix"]
    assert answers[2] == ["wide_resnet"]
    known = {each.name: each for each in declared("mixdmt_tf.cli.export_model")}
    assert answers[3] == list(known["format"].choices)
    assert answers[4][0] == "quickstart" and answers[4][-1] == "quick.flags"
    quick = {name for name in flagfiles.names() if name.startswith("quick")}
    assert len(quick) > 1 and quick < set(answers[4])
    assert answers[5] == answers[6] == ["runs/"]
    assert sorted(answers[7]) == ["quick.flags", "runs/"]


def test_tab_in_a_terminal(script):
    """An interactive bash completes a flag, its value, and goes on with a blank."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", INPUTRC=os.devnull, HISTFILE="")
        os.execlp("bash", "bash", "--norc", "--noprofile", "-i")
    try:
        os.write(terminal, f"source {script}; PS1='ready '\n".encode())
        _read_until(terminal, "\nready ")
        os.write(terminal, b"echo; bin/train --algor\treal\t--dry\t")
        said = _read_until(terminal, "--algorithm=realmix --dry_run ")
        assert "--algorithm=realmix --dry_run " in said
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def _read_until(terminal, wanted, seconds=20.0):
    said, end = "", time.monotonic() + seconds
    while wanted not in said and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            said += os.read(terminal, 4096).decode().replace("\r", "").replace("\a", "")
    return said


def test_zsh_reads_its_script(tmp_path):
    text = completion.script("zsh")
    assert text.count("bashcompinit") == 2 and "complete -o nospace -F _mixdmt" in text
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed")
    path = tmp_path / "mixdmt.zsh"
    path.write_text(text, encoding="utf-8")
    subprocess.run(["zsh", "-f", "-e", str(path)], check=True, timeout=60)
