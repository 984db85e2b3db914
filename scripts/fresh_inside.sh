#!/bin/sh
# What scripts/fresh.sh runs inside a bare Debian: the README's two commands.
set -eu
cd /src

echo "--- make run"
make run >/tmp/run.log 2>&1 &
run=$!
if ! python3 scripts/try_server.py http://127.0.0.1:8080 "$run"; then
    echo "the end of the log of make run:" >&2
    tail -n 40 /tmp/run.log >&2
    exit 1
fi
pkill -TERM -f "release/karaoke up" 2>/dev/null || kill "$run"
wait "$run" || true

echo "--- make test"
make test >/tmp/test.log 2>&1 || { grep -nE "FAILED|panicked|^error" /tmp/test.log | head -40 >&2; tail -n 60 /tmp/test.log >&2; exit 1; }
grep -E "^test result" /tmp/test.log
