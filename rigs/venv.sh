#!/bin/sh
# Makes .venv from locks/dev.txt, or does nothing when it is up to date.
#
# PYTHON names the interpreter; without it the first of python3.13, 3.12, 3.11 and python3 that is 3.11 or newer and
# can make a virtual environment. What is missing is named in one line, with Debian's package for it.
set -eu
cd "$(dirname "$0")/.."

fail() { echo "colearner: $*" >&2; exit 1; }

command -v git >/dev/null 2>&1 || fail "git is needed: install the package 'git' (Debian: apt-get install git)."
[ -f locks/dev.txt ] || fail "locks/dev.txt is missing: this is not a complete checkout."

# A virtual environment holds absolute paths, so the folder is part of what it was made for.
packages=$( { pwd -P; cat locks/dev.txt; } | git hash-object --stdin)
project=$(git hash-object pyproject.toml)
stamp=.venv/.made-from
had_packages=none had_project=none had_python=
if [ -x .venv/bin/python ] && [ -f "$stamp" ]; then
    read -r had_packages had_project had_python <"$stamp" || true
    [ -z "${PYTHON:-}" ] || [ "$PYTHON" = "$had_python" ] || had_packages=none
    [ "$had_packages $had_project" != "$packages $project" ] || exit 0
fi

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
complete() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

choose() {
    without_venv=
    if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- python3.13 python3.12 python3.11 python3 python; fi
    for candidate in "$@"; do
        recent "$candidate" || continue
        if complete "$candidate"; then chosen=$candidate; return; fi
        without_venv=${without_venv:-$candidate}
    done
    if [ -n "$without_venv" ]; then
        version=$("$without_venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        fail "$without_venv lacks ensurepip: install the package 'python3-venv'" \
            "(Debian: apt-get install python$version-venv), or name another interpreter: make PYTHON=…"
    fi
    if [ -n "${PYTHON:-}" ]; then fail "PYTHON=$PYTHON is not Python 3.11 or newer."; fi
    fail "Python 3.11 or newer is needed: install the package 'python3'" \
        "(Debian 12 or newer: apt-get install python3 python3-venv), or name one: make PYTHON=…"
}

chosen=$had_python
if [ "$had_packages" != "$packages" ]; then
    choose
    echo "Making .venv with $("$chosen" -V) (once; about a minute) …"
    rm -rf .venv
    "$chosen" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r locks/dev.txt
fi
rm -f "$stamp"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-build-isolation -e .
echo "$packages $project $chosen" >"$stamp"
