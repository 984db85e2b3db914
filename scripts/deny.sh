#!/bin/sh
# Runs cargo-deny, which it builds into target/tools unless that version is there or on the PATH.
set -eu

VERSION=0.20.2
CARGO=${CARGO:-cargo}
tools=${CARGO_TARGET_DIR:-target}/tools

deny=
for candidate in cargo-deny "$tools/bin/cargo-deny"; do
    if [ "$("$candidate" --version 2>/dev/null || true)" = "cargo-deny $VERSION" ]; then
        deny=$candidate
        break
    fi
done
if [ -z "$deny" ]; then
    echo "building cargo-deny $VERSION"
    "$CARGO" install --quiet --locked --root "$tools" "cargo-deny@$VERSION"
    deny=$tools/bin/cargo-deny
fi

"$deny" --locked check --hide-inclusion-graph licenses bans sources

# Advisories need their database, and whether a version was yanked the registry: neither is part of a build.
if fetched=$("$deny" fetch db 2>&1); then
    "$deny" --locked check --hide-inclusion-graph advisories
else
    echo "advisories were not checked, the database cannot be fetched: $(printf '%s\n' "$fetched" | tail -n 1)"
fi
