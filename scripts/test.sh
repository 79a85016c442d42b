#!/usr/bin/env bash
# Every test: style, the package with its doctests, the checks and their mutants, every notebook.
set -euo pipefail
cd "$(dirname "$0")/.."
# The viewer's tests open it in a real browser; grades also go into a real PostgreSQL server, which
# the tests start themselves.
need() {
    [ -n "$(compgen -G "$2")" ] && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1" >&2
    else
        echo "$1 is missing, so its tests are skipped: sudo apt install $1" >&2
    fi
}
need chromium /usr/bin/chromium
need postgresql '/usr/lib/postgresql/*/bin/initdb'
ruff check .
ruff format --check .
# One worker more than the two cores that this is meant for, since a third of a worker's time is
# waiting (for graders, kernels, browsers); one thread each, or threads would fight for the cores.
export OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=2
exec python -m pytest -n 3 --dist worksteal --durations 10 "$@"
