#!/bin/sh
# Runs the trials named, or all, one after the other; fails if one of them did.
cd "$(dirname "$0")/../.." || exit 1
failed=""
for name in ${*:-flags images parsers damage kills owners disk_full soak twins}; do
    .venv/bin/python -m "tools.torture.$name" || failed="$failed $name"
done
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
