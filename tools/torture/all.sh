#!/bin/sh
# Runs the trials named, or all, one after the other; fails if one of them did.
cd "$(dirname "$0")/../.." || exit 1
failed=""
for name in ${*:-flags images parsers coverage damage kills owners disk_full soak twins}; do
    .venv/bin/python -m "tools.torture.$name" || failed="$failed $name"
    [ "$name" != soak ] || .venv/bin/python -m tools.torture.soak --rounds=20 ||
        failed="$failed soak --rounds=20"
done
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
