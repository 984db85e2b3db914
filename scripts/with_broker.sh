#!/bin/sh
# Runs a command with a RabbitMQ of its own, whose address is in KARAOKE_TEST_BROKER: with_broker.sh COMMAND ...
set -eu

dir=$(mktemp -d)
stop() {
    python3 scripts/broker.py --dir "$dir" stop >/dev/null 2>&1 || true
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' INT TERM
port=$(python3 -c 'import random; print(random.randrange(26000, 32000, 20))')
python3 scripts/broker.py --dir "$dir" start --ports-from "$port" >/dev/null
KARAOKE_TEST_BROKER="stomp://karaoke:karaoke@127.0.0.1:$port/"
export KARAOKE_TEST_BROKER
"$@"
