#!/usr/bin/env bash
# Every test: style, the package with its doctests, the checks and their mutants, every notebook.
set -euo pipefail
cd "$(dirname "$0")/.."
ruff check .
ruff format --check .
# Two workers, one thread each: PyTorch's and numba's own threads would only fight for the cores.
export OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=2
exec python -m pytest -n 2 --dist worksteal --durations 10 "$@"
