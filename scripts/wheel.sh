#!/usr/bin/env bash
# Run every notebook on the wheel, in a new environment with the core dependencies and nothing else:
#   scripts/wheel.sh           in the versions that were tested together
#   scripts/wheel.sh oldest    in the oldest versions that pyproject.toml admits
# More arguments go to pytest, such as -k solved. It takes 6 GB below TMPDIR until it ends.
set -euo pipefail
cd "$(dirname "$0")/.."
versions=tested
[ "${1:-}" = oldest ] && { versions=oldest; shift; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export COURSE_PYTHON=$folder/venv/bin/python
python -m pip wheel --quiet --no-deps --wheel-dir "$folder" .
python -m venv "$folder/venv"
if [ "$versions" = oldest ]; then
    "$COURSE_PYTHON" -m pip install --quiet uv
    "$COURSE_PYTHON" -m uv pip install --python "$COURSE_PYTHON" \
        --resolution lowest-direct --requirement pyproject.toml
    "$COURSE_PYTHON" -m pip install --quiet --no-deps "$folder"/*.whl
else
    "$COURSE_PYTHON" -m pip install --quiet --constraint constraints.txt "$folder"/*.whl
fi
python -m pytest tests/notebooks/test_run.py "$@"
