"""README.md and docs/ say what is true: commands, flags, links and Python examples."""

from __future__ import annotations

import functools
import importlib
import pathlib
import re
import runpy
import shlex
import sys

import pytest
import setuptools
from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from mixdmt_tf.cli import experiments, flags, reproduce, run_lengths
from mixdmt_tf.equations import index
from mixdmt_tf.runs.config import Config as Run
from mixdmt_tf.settings import classes, declared, modules
from mixdmt_tf.tables import table as tables
from mixdmt_tf.tables import table_ini

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [README, *sorted(p for p in DOCS.rglob("*.md") if "_build" not in p.parts)]
FENCE = re.compile(r"^(`{3,}|:{3,})(\S*)[^\n]*\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
# What stands for something of the reader's, where a flag takes only certain values.
PLACEHOLDERS = {"--algorithm=NAME": "--algorithm=realmix"}
PLACEHOLDERS_OF_FILES = {"DIR", "RUN", "FILE", "NAME"}


def name(path):
    return str(path.relative_to(ROOT))


def prose(page):
    """The text of a page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def commands(page):
    """Command lines of a page that begin with bin/, in blocks and in the text."""
    text = page.read_text(encoding="utf-8")
    lines = [
        line.split(" #")[0].strip()
        for _, language, body in FENCE.findall(text)
        if language == "sh"
        for line in body.replace("\\\n", " ").splitlines()
    ]
    lines += CODE.findall(prose(page))
    return [line for line in lines if re.match("bin/[a-z]", line)]


COMMANDS = [(page, line) for page in PAGES for line in commands(page)]


class Read(BaseException):
    """What a command line says: ends the command before it does anything."""


@functools.lru_cache(maxsize=None)
def entry_points():
    """(module, function) of each script, by the script's name."""
    arguments = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", arguments.update)
        runpy.run_path(str(ROOT / "setup.py"))
    lines = arguments["entry_points"]["console_scripts"]
    found = [
        re.fullmatch(r"mixdmt-(\S+) = (\S+):(\S+)", line).groups() for line in lines
    ]
    return {name.replace("-", "_"): rest for name, *rest in found}


def read(line, monkeypatch, capsys):
    """What the command itself makes of its command line; None if it only names it."""
    script, *argv = shlex.split(line)
    module, function = entry_points()[script[len("bin/") :]]
    if not argv:
        return None
    argv = [PLACEHOLDERS.get(each, each) for each in argv]
    parse = flags.parse

    def parse_and_stop(
        argv, program, summary, groups_for, selectors=(), arguments=(), **_
    ):
        # In a sentence, a command may be shown without the arguments of its own.
        argv = [*argv, *(["DIR"] if arguments and argv[-1].startswith("--") else [])]
        raise Read(parse(argv, program, summary, groups_for, selectors, arguments))

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(flags, "parse", parse_and_stop)
    monkeypatch.setattr(sys, "argv", [script, *argv])
    try:
        getattr(importlib.import_module(module), function)()
    except Read as stop:
        return stop.args[0]
    except SystemExit as stop:
        assert stop.code == 0, capsys.readouterr().err  # --help
    return None


def test_there_are_pages_and_commands():
    assert len(PAGES) > 15
    assert len(COMMANDS) > 60
    assert {line.split()[0] for _, line in COMMANDS} == {
        f"bin/{script}" for script in entry_points()
    }


@pytest.mark.parametrize(
    "page, line", COMMANDS, ids=[f"{name(page)}: {line}" for page, line in COMMANDS]
)
def test_a_command_is_right(page, line, monkeypatch, capsys):
    parsed = read(line, monkeypatch, capsys)

    if parsed is None:
        return
    if "run" in parsed.values:  # the checks of a training command beyond its flags
        run, method = Run(**parsed.values["run"]), parsed.values["method"]
        data = experiments.data_config(parsed.values["data"])
        run_lengths.require(run.steps, method, data.pseudo_labels)
    if "bin/reproduce" in line:
        config = reproduce.Config(**parsed.values["command"])
        table = table_ini.load(ROOT / "flags", config.table)
        tables.choose("rows", config.rows, table.rows)
        tables.choose("columns", config.columns, table.columns)


@functools.lru_cache(maxsize=None)
def all_flags():
    """Names of the flags of all commands, whatever the method, network and data set."""
    found = {"flagfile", "help", "helpfull", "version"}
    found.update(
        each.name
        for module, _ in entry_points().values()
        if hasattr(importlib.import_module(module), "Config")
        for each in declared(module)
    )
    data_sets = {"digits": ("classification", "build")}
    data_sets["voc"] = ("segmentation", "build_segmenter")
    for data_set, (task, build) in data_sets.items():
        for algorithm in modules(f"mixdmt_tf.algorithms.{task}", "Config"):
            for network in modules("mixdmt_tf.models", build):
                chosen = dict(dataset=data_set, algorithm=algorithm, network=network)
                for group in experiments.groups_for()(chosen):
                    found.update(setting.name for setting in group.settings)
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_flags_in_the_text_exist(page):
    for code in CODE.findall(prose(page)):
        for flag in re.findall(r"(?:^|\s)--([a-z]\w*)", code):
            assert flag in all_flags() or flag[:2] == "no" and flag[2:] in all_flags()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_of_the_checkout_that_are_named_exist(page):
    for code in CODE.findall(prose(page)):
        if re.fullmatch(r"(flags|benchmarks|tools|bin)/[\w/.]+", code):
            assert (ROOT / code).exists(), code


def anchors(page):
    """The anchors that both GitHub and MyST give to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_and_images_lead_somewhere(page):
    for target in LINK.findall(prose(page)):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.is_file(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", [p for p in PAGES if p != README], ids=name)
def test_every_page_is_in_a_table_of_contents(page):
    listed = {DOCS / "index.md"}
    for other in PAGES:
        for _, language, body in FENCE.findall(other.read_text(encoding="utf-8")):
            if language == "{toctree}":
                entries = [line for line in body.split() if not line.startswith(":")]
                listed.update(other.parent / f"{entry}.md" for entry in entries)
    assert page in listed


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_every_method_is_described_and_in_the_reference(task):
    there = set(classes(f"mixdmt_tf.algorithms.{task}"))
    methods = (DOCS / "methods.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {task}$(.*?)^## ", methods, re.M | re.S | re.I)[1]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    reference = (DOCS / "api" / "algorithms.md").read_text(encoding="utf-8")
    pattern = rf"automodule:: mixdmt_tf\.algorithms\.{task}\.(\w+)"

    assert set(CODE.findall(" ".join(rows))) - {"--algorithm"} == there
    assert set(re.findall(pattern, reference)) == there


def test_every_network_is_in_the_reference():
    there = {
        name
        for build in ("build", "build_segmenter")
        for name in modules("mixdmt_tf.models", build)
    }
    reference = (DOCS / "api" / "models_and_data.md").read_text(encoding="utf-8")
    section = re.search(r"^## Networks$(.*?)^## ", reference, re.M | re.S)[1]

    listed = set(re.findall(r"automodule:: mixdmt_tf\.models\.(\w+)", section))
    # What networks share, and what programs get of them, has its entries there, too.
    shared = {"base", "pretrained", "features", "halves", "label_pairs"}
    assert listed - shared == there


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_every_choice_of_select_on_is_explained(task):
    settings = declared(f"mixdmt_tf.algorithms.parts.{task}_rounds")
    choices = next(each.choices for each in settings if each.name == "select_on")
    page = (DOCS / "dmt.md").read_text(encoding="utf-8")
    section = re.search(r"^## Which round is the result\?$(.*?)^## ", page, re.M | re.S)

    rows = re.findall(r"^\| (`.*?) \|", section[1], re.MULTILINE)
    assert set(choices) <= set(CODE.findall(" ".join(rows)))


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 130


@pytest.mark.parametrize("path", sorted((DOCS / "images").iterdir()), ids=name)
def test_images_are_small_and_used(path):
    assert path.stat().st_size < 300_000
    assert any(path.name in page.read_text(encoding="utf-8") for page in PAGES)


class Shortened(PythonEvaluator):
    """Runs an example as it stands, but for fewer steps of fewer images."""

    def __call__(self, example):
        text = example.parsed.replace("1000", "4").replace("batch=64", "batch=8")
        example.parsed = type(example.parsed)(
            text, example.parsed.offset, example.parsed.line_offset
        )
        return super().__call__(example)


EXAMPLES = Sybil([CodeBlockParser("python", Shortened())])
# What the examples of a page print, among other things.
PRINTED = {
    "README.md": ["loss_u"],
    "docs/python.md": ["val_mean_iou", "rounds, result of "],
    "docs/api/index.md": ["[0.8 0.3 0. ]", "{'network': 'cnn13', 'batch': 50}"],
}
PAGES_WITH_EXAMPLES = [p for p in PAGES if "```python" in p.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", PAGES_WITH_EXAMPLES, ids=name)
def test_python_examples_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    examples = list(EXAMPLES.parse(page).examples())

    for example in examples:
        example.evaluate()

    assert examples
    printed = capsys.readouterr().out
    for words in PRINTED[name(page)]:
        assert words in printed


def test_the_table_of_equations_has_straight_columns():
    """Else Sphinx refuses it."""
    lines = index.__doc__.splitlines()
    rules = [i for i, line in enumerate(lines) if line.startswith("====")]
    second = lines[rules[0]].index(" =") + 1
    rows = lines[rules[1] + 1 : rules[2]]
    assert len(rows) > 30
    assert [row for row in rows if row[second - 2 : second + 1] != "  `"] == []
