#!/usr/bin/env python3
"""Checks the dependency rules that the compiler does not: which crate and module may name what, and no circles.

Three checks, each of which names file and line: a library that only one module may use; which of our crates may
depend on which; and that no files of a crate (or of the page) import each other, directly or in a ring.
"""

import pathlib
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator

# What is named, where it may be named (path prefixes; None: not in the core), and why.
USES = [
    (r"\bort::", ["audio-worker/src/runtime/"], "only the worker's runtime uses ONNX Runtime"),
    (r"\bsymphonia::", ["server/src/ingest/decode/"], "only ingest/decode uses symphonia"),
    (r"\brubato::", ["server/src/ingest/resample.rs"], "only ingest/resample.rs uses rubato"),
    (r"\bsqlx::", ["server/src/store/"], "only the store uses SQL"),
    (r"\bprometheus_client::", ["server/src/metrics/"], "only server/src/metrics writes metrics"),
    (r"\baxum::|\btower_http::", ["server/src/http/"], "only server/src/http uses HTTP"),
    (r"\butoipa::", ["server/"], "only the server describes its API"),
    (r"\breqwest::", ["crates/pull/", "crates/notify/", "crates/telemetry/", "cli/examples/"],
     "only crates/pull, crates/notify and crates/telemetry are HTTP clients"),
    (r"\blettre::", ["crates/notify/src/mail.rs", "crates/notify/src/target.rs"], "only the mailer sends mail"),
    (r"\bopentelemetry\w*::", ["crates/telemetry/"], "only crates/telemetry knows OpenTelemetry"),
    (r"\bkaraoke_stomp::", ["crates/queue/src/rabbit/", "crates/stomp/"], "only the queue uses STOMP"),
    (r"/(queue|topic)/", ["crates/queue/src/rabbit/topology.rs", "crates/stomp/"], "only topology.rs names destinations"),
    (r"\bkaraoke_worker\b", ["audio-worker/", "cli/"], "the server does not know the workers"),
    (r"\bkaraoke_server\b", ["server/", "cli/"], "the workers do not know the server"),
    (r"\b(tokio|std::fs|std::env|std::time::(Instant|SystemTime)|std::net)::", None, "the core is pure"),
]
CORE = "crates/core/src/"

# Which of our crates each crate may depend on.
CRATES = {
    "crates/core": set(),
    "crates/models": {"karaoke-core"},
    "crates/pull": {"karaoke-core", "karaoke-models"},
    "crates/notify": set(),
    "crates/stomp": set(),
    "crates/stages": set(),
    "crates/telemetry": set(),
    "crates/queue": {"karaoke-core", "karaoke-stages", "karaoke-stomp"},
    "audio-worker": {"karaoke-core", "karaoke-models", "karaoke-queue", "karaoke-stages", "karaoke-telemetry"},
    "server": {
        "karaoke-core", "karaoke-models", "karaoke-notify", "karaoke-queue", "karaoke-stages", "karaoke-telemetry",
    },
    "cli": {
        "karaoke-core", "karaoke-models", "karaoke-notify", "karaoke-pull", "karaoke-queue", "karaoke-server",
        "karaoke-stages", "karaoke-telemetry", "karaoke-worker",
    },
}

Graph = dict[str, dict[str, int]]


def tracked(pattern: str) -> list[str]:
    """Files that git knows or would add, tests excluded."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern]
    listed = subprocess.run(command, check=True, capture_output=True, text=True)
    paths = [p for p in listed.stdout.split() if pathlib.Path(p).is_file()]
    return [p for p in paths if not p.startswith("tests/") and "/tests/" not in p and not p.endswith("tests.rs")]


def forbidden_uses() -> Iterator[str]:
    """What is named where it must not be."""
    for path in tracked("*.rs"):
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
        for pattern, allowed, why in USES:
            if path.startswith(CORE) if allowed is None else not path.startswith(tuple(allowed)):
                for number, line in enumerate(lines, 1):
                    if re.search(pattern, line.split("//")[0]):
                        yield f"{path}:{number}: {why}: {line.strip()}"


def forbidden_crates() -> Iterator[str]:
    """Dependencies among our crates that are against the rule."""
    for crate, allowed in CRATES.items():
        manifest = pathlib.Path(crate, "Cargo.toml").read_text(encoding="utf-8")
        normal = manifest.split("[dependencies]", 1)[-1].split("[dev-dependencies]", 1)[0]
        for name in re.findall(r"^(karaoke-\w+)", normal, re.M):
            if name not in allowed:
                yield f"{crate}/Cargo.toml: {crate} must not depend on {name}"


def code_of(text: str) -> str:
    """Rust source with comments, string contents and `#[cfg(test)]` items blanked, newlines kept."""
    blank = lambda m: re.sub(r"[^\n]", " ", m.group())  # noqa: E731
    text = re.sub(r'//[^\n]*|/\*.*?\*/|r#".*?"#|"(?:\\.|[^"\\])*"', blank, text, flags=re.S)
    kept, at = [], 0
    for found in re.finditer(r"#\[cfg\(test\)\]\s*(?:pub(?:\([^)]*\))?\s+)?(?:mod|use|fn|impl|struct)\b[^;{]*([;{])", text):
        if found.start() < at:
            continue
        end = found.end()
        if found.group(1) == "{":
            depth = 1
            while depth and end < len(text):
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
        kept += [text[at:found.start()], re.sub(r"[^\n]", " ", text[found.start():end])]
        at = end
    return "".join(kept) + text[at:]


def paths_of(tree: str) -> Iterator[list[str]]:
    """The paths that a use tree (`a::{b, c::d}`) names."""
    tree = tree.strip()
    head, brace, rest = tree.partition("{")
    parts = [p for p in re.sub(r"\s+as\s+\w+", "", head).split("::") if p.strip()]
    parts = [p.strip() for p in parts]
    if not brace:
        yield parts
        return
    depth, start, inner = 0, 0, rest[: rest.rindex("}")]
    for at, char in enumerate(inner + ","):
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "," and depth == 0:
            if inner[start:at].strip():
                for tail in paths_of(inner[start:at]):
                    yield parts + tail
            start = at + 1


class Crate:
    """The modules of one crate and the files that hold them."""

    def __init__(self, root: str, sources: Iterable[str]) -> None:
        self.modules: dict[tuple[str, ...], str] = {}
        self.code: dict[str, str] = {}
        for path in sources:
            relative = pathlib.PurePosixPath(path).relative_to(root)
            parts = list(relative.with_suffix("").parts)
            if parts[-1] in ("mod", "lib", "main"):
                parts.pop()
            self.modules[tuple(parts)] = path
            self.code[path] = code_of(pathlib.Path(path).read_text(encoding="utf-8"))
        self.exports = {module: dict(self._exports(module)) for module in self.modules}

    def _uses(self, path: str) -> Iterator[tuple[bool, list[str], int]]:
        """Of a file: whether it is a re-export, the path's segments, and the line."""
        code = self.code[path]
        for found in re.finditer(r"\b(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);", code):
            line = code.count("\n", 0, found.start()) + 1
            for parts in paths_of(found.group(2)):
                yield bool(found.group(1)), parts, line
        rest = re.sub(r"\buse\s+[^;]+;", lambda m: re.sub(r"[^\n]", " ", m.group()), code)
        for found in re.finditer(r"\b(?:crate|super|self)(?:::\w+)+", rest):
            yield False, found.group().split("::"), rest.count("\n", 0, found.start()) + 1
        # A child module named without a prefix: `child::Item`.
        module = next(m for m, p in self.modules.items() if p == path)
        for found in re.finditer(r"(?<![\w:])(\w+)((?:::\w+)+)", rest):
            if (*module, found.group(1)) in self.modules:
                parts = ["self", *found.group().split("::")]
                yield False, parts, rest.count("\n", 0, found.start()) + 1

    def _absolute(self, module: tuple[str, ...], parts: list[str]) -> tuple[str, ...] | None:
        """A path from the crate's root, or none when it leads out of the crate."""
        if parts[0] == "crate":
            return tuple(parts[1:])
        if parts[0] not in ("self", "super"):
            return (*module, *parts) if (*module, parts[0]) in self.modules else None
        base, rest = list(module), list(parts)
        while rest and rest[0] in ("self", "super"):
            if rest.pop(0) == "super":
                base = base[:-1]
        return (*base, *rest)

    def _exports(self, module: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
        for exported, parts, _ in self._uses(self.modules[module]):
            target = self._absolute(module, parts)
            if exported and target:
                yield target[-1], target

    def file_of(self, target: tuple[str, ...], depth: int = 8) -> str | None:
        """The file that defines what a path names, through re-exports."""
        for length in range(len(target), -1, -1):
            module = target[:length]
            if module not in self.modules:
                continue
            item = target[length] if length < len(target) else None
            onward = self.exports.get(module, {}).get(item) if item else None
            if onward and onward != target and depth:
                return self.file_of(onward, depth - 1)
            return self.modules[module]
        return None

    def graph(self) -> Graph:
        """Which file imports which, and at which line first."""
        edges: Graph = {path: {} for path in self.code}
        for module, path in self.modules.items():
            for exported, parts, line in self._uses(path):
                target = self._absolute(module, parts)
                file = self.file_of(target) if target is not None and not exported else None
                if file and file != path:
                    edges[path].setdefault(file, line)
        return edges


def script_graph(sources: Iterable[str]) -> Graph:
    """Which ES module of the page imports which."""
    known, edges = set(sources), {}
    for path in known:
        text = pathlib.Path(path).read_text(encoding="utf-8")
        found = edges.setdefault(path, {})
        for match in re.finditer(r'\b(?:import|export)\b[^;"\']*?["\'](\.[^"\']+)["\']', text):
            target = pathlib.Path(path).parent.joinpath(match.group(1)).resolve()
            name = target.relative_to(pathlib.Path.cwd()).as_posix()
            if name in known:
                found.setdefault(name, text.count("\n", 0, match.start()) + 1)
    return edges


def circles(graph: Graph) -> list[list[str]]:
    """The strongly connected components of more than one file (Tarjan 1972), each sorted."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, {}):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            component, stack[at:] = stack[at:], []
            if len(component) > 1:
                found.append(sorted(component))

    sys.setrecursionlimit(10_000)
    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def all_circles() -> Iterator[str]:
    """Each circle, with the imports that make it."""
    graphs = [Crate(f"{c}/src", tracked(f"{c}/src/*.rs")).graph() for c in CRATES]
    for graph in [*graphs, script_graph(tracked("web/*.js"))]:
        for circle in circles(graph):
            lines = [f"files import each other: {', '.join(circle)}"]
            for path in circle:
                lines += [f"  {path}:{line} imports {to}" for to, line in graph[path].items() if to in circle]
            yield "\n".join(lines)


def main() -> int:
    problems = [*forbidden_uses(), *forbidden_crates(), *all_circles()]
    print("\n".join(problems) or "the dependency rules hold")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
