"""Declared settings to absl flags, and a command line back to values.

The available flags may depend on others: `--algorithm=vat` adds the settings of
`algorithms/classification/vat.py`. So a command line is first read for these selectors,
one after the other, and then strictly for all flags. There is no global state, and
nothing is imported for a flag: declarations are read from source text, and values are
returned as dictionaries for the constructors of the `Config` classes.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import (
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

from absl import flags

import mixdmt_tf
from mixdmt_tf.cli import help as help_text
from mixdmt_tf.cli.arguments import FLAGFILE, QUESTIONS, Given, Reader
from mixdmt_tf.cli.values import Parser, Serializer, shown, suggest
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import DeclarationError, Setting, Value, declared, to_text

HELP = {"-h", "-help", "--h", "--help", "--helpfull", "--helpshort"}


@dataclasses.dataclass(frozen=True)
class Group:
    """A group of settings.

    Attributes:
        name: key of their values in `Parsed.values`, such as 'network'.
        title: heading in `--help` and in flagfiles, such as 'network wide_resnet'.
        settings: the settings, in the order shown.
    """

    name: str
    title: str
    settings: Tuple[Setting, ...]


@dataclasses.dataclass(frozen=True)
class Parsed:
    """A parsed command line.

    Attributes:
        groups: the groups of available flags.
        values: all values, by name of the group and name of the setting.
        given: names of the flags that were given rather than left at their default.
        chosen: values of the selectors.
        arguments: the arguments that aren't flags.
        places: names of the given flags, ordered by their last occurrence, with the
            flagfile of each, or '' for the command line, which comes last.
        automatic: settings that `--network=auto` chose (`automatic.py`).
    """

    groups: Tuple[Group, ...]
    values: Dict[str, Dict[str, Value]]
    given: FrozenSet[str]
    chosen: Dict[str, str]
    arguments: Tuple[str, ...] = ()
    places: Mapping[str, str] = dataclasses.field(default_factory=dict)
    automatic: Mapping[str, Value] = dataclasses.field(default_factory=dict)


GroupsFor = Callable[[Mapping[str, str]], Sequence[Group]]
# From the name of a flag and a refused value to a hint where the value is valid.
Hint = Callable[[str, str], Optional[str]]


def group(
    name: str,
    module: str,
    title: Optional[str] = None,
    choices: Optional[Mapping[str, Sequence[str]]] = None,
    defaults: Optional[Mapping[str, Value]] = None,
) -> Group:
    """Makes a group of the settings that a module declares in its `Config`.

    Args:
        name: name of the group.
        module: dotted name of the module.
        title: heading; by default the name.
        choices: allowed values by name of a setting, if they aren't literals but names
            of files in a folder (`settings.modules`).
        defaults: replacements for the declared defaults, by name; settings that the
            module lacks are ignored.

    Raises:
        DeclarationError: if the declaration can't be read.
    """
    choices, defaults = choices or {}, defaults or {}
    settings = []
    for each in declared(module):
        if each.name in choices:
            each = dataclasses.replace(each, choices=tuple(choices[each.name]))
        if each.name in defaults:
            each = dataclasses.replace(each, default=defaults[each.name])
        settings.append(each)
    return Group(name, title or name, tuple(settings))


def parse(
    argv: Sequence[str],
    program: str,
    summary: str,
    groups_for: GroupsFor,
    selectors: Sequence[str] = (),
    arguments: Sequence[str] = (),
    hint: Hint = lambda name, text: None,
    exists: Callable[[str], bool] = lambda name: True,
) -> Parsed:
    """Reads a command line; answers `--help` and `--version`.

    Args:
        argv: the arguments without the program's name.
        program: name of the command, for `--help`.
        summary: what it does, for `--help`.
        groups_for: returns the groups of flags for given values of the selectors;
            called first with {}, which means their defaults.
        selectors: names of settings that the groups depend on; later selectors may
            depend on earlier ones.
        arguments: names of the arguments that aren't flags, all of them required; one
            that ends in '...' stands for any number of arguments.
        hint: returns a hint about a refused value, used before the nearest valid one.
        exists: whether a flag of this name may exist for any values of the selectors.
            Only then are all of them searched for it, which takes a while.

    Raises:
        UsageError: with one to three lines: what was given, what is expected, and the
            nearest valid flag or value.
        SystemExit: with code 0, after printing the text of `--help` or `--version`.
        DeclarationError: if two groups declare a flag of the same name.
    """
    before_positional = argv[: argv.index("--")] if "--" in argv else argv
    if "--version" in before_positional:
        print(f"mixdmt_tf {mixdmt_tf.__version__}")
        raise SystemExit(0)
    groups = tuple(groups_for({}))
    chosen: Dict[str, str] = {}
    texts: Dict[Path, str] = {}
    for name in selectors:
        known = {name: _by_name(groups)[name]}
        given, _ = Reader(known, texts, strict=False).read(argv)
        flag_values = _define(known.values())
        for each in given:
            _set(flag_values, each, known[name], hint)
        chosen[name] = str(flag_values[name].value)
        groups = tuple(groups_for(chosen))
    if HELP.intersection(before_positional):
        sections = [(each.title, each.settings) for each in groups]
        full = "--helpfull" in before_positional
        print(help_text.text(program, summary, sections, arguments, full), end="")
        raise SystemExit(0)

    settings = _by_name(groups)

    def elsewhere(name: str) -> Optional[str]:
        if not exists(name):
            return None
        return _elsewhere(name, groups_for, settings, chosen)

    given, positional = Reader(settings, texts, elsewhere=elsewhere).read(argv)
    flag_values = _define(settings.values())
    first: Dict[Tuple[str, str], Value] = {}
    places: Dict[str, str] = {}
    for each in given:
        places.pop(each.name, None)
        places[each.name] = each.file
        value = _set(flag_values, each, settings[each.name], hint)
        # A flagfile overrides earlier ones, but must not contradict itself.
        other = first.setdefault((each.name, each.file), value)
        if other != value:
            raise UsageError(
                f"{each.place}--{each.name} is given twice, as {to_text(other)} and "
                f"as {to_text(value)}\nkeep one of them"
            )
    _check_positional(positional, arguments, settings)
    return Parsed(
        groups,
        {
            each.name: {s.name: flag_values[s.name].value for s in each.settings}
            for each in groups
        },
        frozenset(each.name for each in given),
        chosen,
        tuple(positional),
        places,
    )


def _by_name(groups: Sequence[Group]) -> Dict[str, Setting]:
    """Returns all settings by name, and checks that no name occurs twice."""
    if len({each.name for each in groups}) < len(groups):
        raise DeclarationError(f"groups of one name: {[each.name for each in groups]}")
    owners: Dict[str, str] = {
        name: "every command" for name in (FLAGFILE.name, *QUESTIONS)
    }
    for each in groups:
        for setting in each.settings:
            owner = owners.setdefault(setting.name, each.name)
            if owner != each.name:
                raise DeclarationError(
                    f"--{setting.name} is declared by both '{owner}' and '{each.name}'"
                )
    return {setting.name: setting for each in groups for setting in each.settings}


def _define(settings: Iterable[Setting]) -> flags.FlagValues:
    """Defines absl flags for the settings, in a new object."""
    flag_values = flags.FlagValues()  # type: ignore[no-untyped-call, unused-ignore]
    for setting in settings:
        flags.DEFINE_flag(
            flags.Flag(
                Parser(setting),
                Serializer(),
                setting.name,
                setting.default,
                setting.help,
                boolean=setting.type == "bool",
            ),
            flag_values,
            module_name=__name__,
        )
    return flag_values


def _set(
    flag_values: flags.FlagValues, given: Given, setting: Setting, hint: Hint
) -> Value:
    """Sets the value of a flag."""
    flag = flag_values[given.name]
    try:
        flag.parse(given.text)
    except flags.IllegalFlagValueError as error:
        # absl's message includes ours, which is the context of its exception.
        got = given.text and shown(given.text)
        message = f"{given.place}--{given.name}={got}: {error.__context__}"
        near = suggest(setting, given.text)
        known = hint(given.name, given.text.strip())
        if known:
            message += f"\n{known}"
        elif near is not None:
            message += f"\ndid you mean --{given.name}={near}?"
        elif given.file and "#" in given.text:
            message += "\na comment in a flagfile has a line of its own"
        raise UsageError(message) from None
    value: Value = flag.value
    return value


def _elsewhere(
    name: str,
    groups_for: GroupsFor,
    settings: Mapping[str, Setting],
    chosen: Mapping[str, str],
) -> Optional[str]:
    """Returns a hint which choice would add the flag `name`, if any would."""
    # Later selectors first, since they change less: methods before data sets.
    for selector, current in reversed([*chosen.items()]):
        bringing = [
            str(choice)
            for choice in settings[selector].choices or ()
            if name in _by_name(groups_for({**chosen, selector: str(choice)}))
        ]
        if bringing:
            return f"it belongs to --{selector}={', '.join(bringing)}, not to {current}"
    return None


def _check_positional(
    positional: Sequence[str],
    arguments: Sequence[str],
    settings: Mapping[str, Setting],
) -> None:
    given = sum(map(bool, positional))  # unset shell variables give empty arguments
    if arguments and given < max(len(arguments), len(positional)):
        missing = arguments[min(given, len(arguments) - 1)].rstrip(".")
        raise UsageError(f"expected an argument: {missing}\n--help shows the usage")
    if len(positional) > len(arguments) and "..." not in "".join(arguments):
        extra = positional[len(arguments)]
        expected = " ".join(arguments) or "only flags"
        hint = "--helpfull lists the flags"
        if extra.partition("=")[0] in settings:
            hint = f"did you mean --{extra}?"
        elif extra.endswith(".flags"):
            hint = f"did you mean --{FLAGFILE.name}={extra}?"
        raise UsageError(
            f"unexpected argument {shown(extra)}; expected {expected}\n{hint}"
        )
