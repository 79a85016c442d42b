#!/usr/bin/env bash
# Every test: style, the package with its doctests, the checks and their mutants, every notebook.
set -euo pipefail
cd "$(dirname "$0")/.."
# The viewer's tests open it in a real browser.
if ! command -v chromium >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq chromium
    else
        echo "Chromium is missing, so the browser's tests are skipped: sudo apt install chromium" >&2
    fi
fi
ruff check .
ruff format --check .
# Two workers, one thread each: PyTorch's and numba's own threads would only fight for the cores.
export OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=2
exec python -m pytest -n 2 --dist worksteal --durations 10 "$@"
