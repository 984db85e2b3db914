#!/bin/sh
# Runs a server and a pool of workers on the project's broker until Ctrl-C: cluster.sh PROGRAM
set -eu

karaoke=$1
read_url='import json, sys; print(json.load(sys.stdin)["url"])'
KARAOKE__BROKER__URL=${KARAOKE__BROKER__URL:-$(python3 scripts/broker.py status | python3 -c "$read_url")}
export KARAOKE__BROKER__URL

"$karaoke" worker &
worker=$!
trap 'kill -TERM "$worker" 2>/dev/null || true; wait "$worker" || true' EXIT
trap : INT TERM
"$karaoke" server
