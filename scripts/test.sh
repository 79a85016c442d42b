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
# Two workers, one thread each: PyTorch's and numba's own threads would only fight for the cores. (A
# third worker, for the time that two wait, made all slower on two cores: 27 minutes for 23.)
export OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=2
exec python -m pytest -n 2 --dist worksteal --durations 10 "$@"
