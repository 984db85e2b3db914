#!/usr/bin/env python3
"""Checks that the walls of the house hold where crate dependencies cannot: who may name what."""

import pathlib
import re
import subprocess
import sys

# What is named, where it may be named (path prefixes), and why.
WALLS = [
    (r"\bort::", ["audio-worker/src/runtime/"], "ONNX Runtime stands in one room"),
    (r"\bsymphonia::", ["server/src/ingest/decode.rs"], "symphonia stands in one file"),
    (r"\brubato::", ["server/src/ingest/resample.rs"], "rubato stands in one file"),
    (r"\bsqlx::", ["server/src/store/"], "SQL stands in the store alone"),
    (r"\baxum::|\btower_http::", ["server/src/http/"], "HTTP stands in server/src/http alone"),
    (r"\breqwest::", ["crates/pull/"], "files are fetched in crates/pull alone"),
    (r"\bkaraoke_stomp::", ["crates/queue/src/rabbit/", "crates/stomp/"], "only the queue speaks STOMP"),
    (r"/(queue|topic)/", ["crates/queue/src/rabbit/topology.rs", "crates/stomp/"], "destinations stand in one file"),
    (r"\bkaraoke_worker\b", ["audio-worker/", "cli/"], "the server never knows the workers"),
    (r"\bkaraoke_server\b", ["server/", "cli/"], "the workers never know the server"),
    (r"\b(tokio|std::fs|std::env|std::time::(Instant|SystemTime)|std::net)::", None, "core is pure"),
]
CORE = "crates/core/src/"

# Which crate may depend on which of ours: arrows run one way.
ARROWS = {
    "crates/core": set(),
    "crates/models": {"karaoke-core"},
    "crates/pull": {"karaoke-core", "karaoke-models"},
    "crates/stomp": set(),
    "crates/stages": set(),
    "crates/queue": {"karaoke-core", "karaoke-stages", "karaoke-stomp"},
    "audio-worker": {"karaoke-core", "karaoke-models", "karaoke-queue", "karaoke-stages"},
    "server": {"karaoke-core", "karaoke-models", "karaoke-queue", "karaoke-stages"},
    "cli": {
        "karaoke-core", "karaoke-models", "karaoke-pull", "karaoke-queue", "karaoke-server", "karaoke-stages",
        "karaoke-worker",
    },
}


def sources() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.rs"],
        check=True, capture_output=True, text=True,
    )
    return [p for p in listed.stdout.split() if not p.startswith("tests/") and "/tests/" not in p]


def breaches() -> list[str]:
    found = []
    for path in sources():
        text = pathlib.Path(path).read_text(encoding="utf-8")
        for pattern, allowed, why in WALLS:
            forbidden = path.startswith(CORE) if allowed is None else not path.startswith(tuple(allowed))
            for number, line in enumerate(text.splitlines(), 1):
                code = line.split("//")[0]
                if forbidden and re.search(pattern, code):
                    found.append(f"{path}:{number}: {why}: {line.strip()}")
    for room, allowed in ARROWS.items():
        manifest = pathlib.Path(room, "Cargo.toml").read_text(encoding="utf-8")
        normal = manifest.split("[dependencies]", 1)[-1].split("[dev-dependencies]", 1)[0]
        for name in re.findall(r"^(karaoke-\w+)", normal, re.M):
            if name not in allowed:
                found.append(f"{room}/Cargo.toml: {room} must not depend on {name}")
    return found


if __name__ == "__main__":
    problems = breaches()
    print("\n".join(problems) or "the walls hold")
    sys.exit(bool(problems))
