#!/usr/bin/env bash
# Make .venv with everything the course needs. Safe to run again; a second run changes little.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n%s\n' "$*" >&2; }

find_python() {
    for each in python3 python3.11 python3.12 python3.13; do
        if command -v "$each" >/dev/null && "$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            echo "$each"
            return
        fi
    done
    say "Python 3.11 or newer is needed. On Debian 12 or Ubuntu 24.04: apt install python3 python3-venv"
    exit 1
}

# Debian keeps ensurepip in a package of its own: install it where we may, else say its name.
need_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    say "This Python cannot make virtual environments yet: the package python3-venv is missing."
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq python3-venv
    else
        say "Please run: sudo apt install python3-venv"
        exit 1
    fi
}

# What strangers' notebooks are graded in. Without it all else works; `course doctor` says so too.
need_sandbox() {
    [ "$(uname)" = Linux ] || return 0
    command -v bwrap >/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq bubblewrap >&2
    else
        say "To grade other people's notebooks, install bubblewrap: sudo apt install bubblewrap"
    fi
}

python=$(find_python)
need_sandbox
[ -x .venv/bin/python ] || { need_venv "$python"; "$python" -m venv .venv; }
say "Installing the course into .venv (PyTorch is large: the first time takes some minutes) ..."
.venv/bin/python -m pip install --disable-pip-version-check --quiet --progress-bar on \
    --constraint constraints.txt --editable '.[grading,site,dev]' >&2
touch .venv/.ready
