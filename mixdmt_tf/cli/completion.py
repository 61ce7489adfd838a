"""Completion for bash and zsh, made from the declared settings.

The script contains all flags of a command line: those of its command, of the data set's
task, and of the method and network that it names. It does not start Python when a key
is pressed. zsh runs the same functions through `bashcompinit`.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Tuple

from mixdmt_tf import source_text
from mixdmt_tf.cli import experiments, flagfiles
from mixdmt_tf.cli.commands import Command, commands
from mixdmt_tf.settings import (
    DeclarationError,
    Setting,
    assumed,
    declared,
    modules,
    to_text,
)

SHELLS = ("bash", "zsh")
USUAL = {"classification": "realmix", "segmentation": "dmt"}  # default of --algorithm

_ZSH = """\
autoload -U +X compinit bashcompinit
(( $+functions[compdef] )) || compinit
bashcompinit
"""
_HEAD = """\
# Completion of mixdmt_tf's commands for {kind}, written by
#     python -m mixdmt_tf completion {kind}
# For the shell that is running: source <(python -m mixdmt_tf completion {kind})
"""
_FUNCTIONS = r"""
# What follows --NAME= in the line so far.
_mixdmt_given() {
    case "$2" in
        *" --$1="*) local rest="${2##* --$1=}"; printf '%s' "${rest%% *}" ;;
    esac
}

_mixdmt() {
    local line="${COMP_LINE:0:$COMP_POINT}" words each name value kept
    local current="${line##* }" command="${line%% *}"
    command="${command##*/}" command="${command#mixdmt-}" command="${command//-/_}"
    local algorithm="$(_mixdmt_given algorithm "$line")"
    local network="$(_mixdmt_given network "$line")" task
    task="$(_mixdmt_task "$(_mixdmt_given dataset "$line")")"
    COMPREPLY=()
    case "$current" in
        --*=*)
            name="${current%%=*}" value="${current#*=}" kept="${current%%=*}="
            # bash takes what is before the = for another word, zsh does not.
            case "${COMP_WORDBREAKS:-}" in *=*) kept="" ;; esac
            words="$(_mixdmt_values "$task" "${name#--}")"
            for each in $words; do
                case "$each" in "$value"*) COMPREPLY+=("$kept$each ") ;; esac
            done
            case "$words" in "" | *quickstart*) _mixdmt_files "$kept" "$value" ;; esac
            ;;
        -*)
            words="$(_mixdmt_flags "$command" "$task" "$algorithm" "$network")"
            for each in $words; do
                case "$each" in
                    "$current"*=) COMPREPLY+=("$each") ;;
                    "$current"*) COMPREPLY+=("$each ") ;;
                esac
            done
            ;;
        *) _mixdmt_files "" "$current" ;;
    esac
}

# Files whose names begin with $2, each with $1 before it.
_mixdmt_files() {
    local IFS=$'\n' each
    for each in $(compgen -G "$2*"); do
        if [ -d "$each" ]; then each="$each/"; else each="$each "; fi
        COMPREPLY+=("$1$each")
    done
}
"""


def script(shell: str) -> str:
    """Returns the script to source.

    Args:
        shell: one of `SHELLS`.
    """
    parts = [_HEAD.format(kind=shell), _ZSH if shell == "zsh" else "", _FUNCTIONS]
    parts += [_task_function(), _flags_function(), _values_function()]
    names = [
        name
        for each in commands()
        for name in (f"bin/{each}", f"./bin/{each}", f"mixdmt-{each.replace('_', '-')}")
    ]
    parts.append(f"\ncomplete -o nospace -F _mixdmt {' '.join(names)}\n")
    return "".join(parts)


def takes_an_experiment(command: Command) -> bool:
    """Whether a command takes the flags of a training besides its own flags."""
    return "experiments.parse(" in source_text.text(command.module)


def _own(command: Command) -> Tuple[Setting, ...]:
    """Returns the settings that a command itself declares."""
    try:
        return declared(command.module)
    except DeclarationError:  # the command has no settings
        return ()


def _words(settings: Iterable[Setting]) -> str:
    """Formats flags for completion: '--labels= --dry_run --noexport'."""
    return " ".join(
        f"--{'no' if each.default else ''}{each.name}"
        if each.type == "bool"
        else f"--{each.name}="
        for each in settings
    )


def _case(subject: str, branches: Mapping[str, str], indent: str = "    ") -> str:
    """Formats a shell's `case`, with a pattern and its command in each line."""
    lines = [f"{indent}    {pattern}) {do} ;;" for pattern, do in branches.items()]
    return "\n".join([f'{indent}case "{subject}" in', *lines, f"{indent}esac\n"])


def _function(name: str, *body: str) -> str:
    return f"\n{name}() {{\n{''.join(body)}}}\n"


def _task_function() -> str:
    sets = "|".join(experiments.datasets_of("segmentation"))
    branches = {sets: "echo segmentation", "*": "echo classification"}
    return _function("_mixdmt_task", _case("$1", branches))


def _networks() -> Tuple[str, ...]:
    both = (modules("mixdmt_tf.models", each) for each in ("build", "build_segmenter"))
    return tuple(sorted({name for names in both for name in names}))


def _flags_function() -> str:
    """Writes the shell function for flags of a command, task, method and network."""
    known = commands()
    own, one_method, experiment = {}, {}, []
    for name, each in known.items():
        own[name] = f"echo '{_words(_own(each))}'"
        method = name[len("train_") :]
        if name.startswith("train_"):
            one_method[name] = f"method={method}"
        if takes_an_experiment(each):
            experiment.append(name)
    run = _words(declared("mixdmt_tf.runs.config"))
    tasks, methods = {}, {}
    for task in experiments.TASKS:
        data = _words(declared(f"mixdmt_tf.data.{task}.config"))
        tasks[task] = f"echo '{data}'; method=${{method:-{USUAL[task]}}}"
        for method in experiments.methods_of(task):
            module = f"mixdmt_tf.algorithms.{task}.{method}"
            network = assumed(module).get("network", "wide_resnet")
            methods[f"{task}:{method}"] = (
                f"echo '{_words(declared(module))}'; network=${{network:-{network}}}"
            )
    networks = {
        name: f"echo '{_words(declared(f'mixdmt_tf.models.{name}'))}'"
        for name in _networks()
    }
    return _function(
        "_mixdmt_flags",
        '    local task="$2" method="$3" network="$4"\n',
        "    echo '--help --helpfull --version --flagfile='\n",
        _case("$1", own),
        _case("$1", {"|".join(experiment): "", "*": "return"}),
        _case("$1", one_method),
        f"    echo '{run}'\n",
        _case("$task", tasks),
        _case("$task:$method", methods),
        _case("$network", networks),
    )


def _values_function() -> str:
    """Writes the shell function for values of a flag, which may differ by task."""
    by_task: Dict[str, Dict[str, List[str]]] = {}
    for task in experiments.TASKS:
        found = by_task[task] = {}
        for settings in _settings(task):
            for each in settings:
                values = found.setdefault(each.name, [])
                more = [to_text(value) for value in each.choices or each.words]
                if each.type == "bool":
                    more = ["true", "false"]
                values += [value for value in more if value not in values]
    branches = {}
    classification, segmentation = (by_task[task] for task in experiments.TASKS)
    for name in sorted({*classification, *segmentation}):
        here, there = classification.get(name, []), segmentation.get(name, [])
        if sorted(here) == sorted(there) or not (here and there):
            branches[f"*:{name}"] = f"echo '{' '.join(here or there)}'"
        else:
            for task, values in (("classification", here), ("segmentation", there)):
                branches[f"{task}:{name}"] = f"echo '{' '.join(values)}'"
    branches = {key: do for key, do in branches.items() if do != "echo ''"}
    branches["*:flagfile"] = f"echo '{' '.join(flagfiles.names())}'"
    return _function("_mixdmt_values", _case("$1:$2", branches))


def _settings(task: str) -> Iterable[Tuple[Setting, ...]]:
    """Yields all settings that a command line of a task can have."""
    dataset = experiments.datasets_of(task)[0]
    for each in experiments.groups_for()({"dataset": dataset}):
        yield each.settings
    for command in commands().values():
        yield _own(command)
    for method in experiments.methods_of(task):
        yield declared(f"mixdmt_tf.algorithms.{task}.{method}")
    for network in _networks():
        yield declared(f"mixdmt_tf.models.{network}")
