#!/usr/bin/env python3
"""Counts what makes code hard to read: code_metrics.py [--rev REV] [--compare REV].

Files over 400 lines, the median and the largest function, files that import each other, private words against the
terms of the glossary, and public items without a comment. `--rev` looks at a commit instead of the working tree,
`--compare` puts a second one beside it. Functions and public items are found by a scan, not by a compiler: the
numbers are for comparing.
"""

import argparse
import ast
import io
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile

import check_dependencies

LONG = 400
SOURCES = (".rs", ".py", ".js", ".css", ".sh")
SKIPPED = ("web/lib/", "crates/stomp/fuzz/")
# Words that only their inventors understand in this sense.
PRIVATE = """
    hall rack racks seat seats board streak glance saying saboteur lossy outbox story happening told heard flights living house
    room rooms booth desk tape shelf rig books obituary clerk depot witness lane fate hush gel gels herald programme
""".split()  # fmt: skip
# What docs/ARCHITECTURE.md explains.
GLOSSARY = """
    track stem chunk window hop overlap layer job reply delivery ack nack prefetch heartbeat lease backlog poison provider
    session pool injector injection backoff poll announcement manifest route in_flight event_log worker_status
""".split()  # fmt: skip


def files(root: pathlib.Path) -> list[pathlib.Path]:
    """Tracked files that hold code or documentation."""
    names = (root / ".names").read_text(encoding="utf-8").splitlines()
    wanted = [n for n in names if n.endswith((*SOURCES, ".md", ".toml")) and not n.startswith(SKIPPED)]
    return [root / n for n in wanted]


def rust_functions(text: str) -> list[tuple[int, str]]:
    """Length in lines and name of every function, tests included."""
    code = re.sub(r"'(?:\\.|[^'\\])'", "' '", check_dependencies.code_of(text))
    found = []
    for match in re.finditer(r"\bfn\s+(\w+)[^;{]*\{", code):
        depth, at = 1, match.end()
        while depth and at < len(code):
            depth += {"{": 1, "}": -1}.get(code[at], 0)
            at += 1
        found.append((code.count("\n", match.start(), at) + 1, match.group(1)))
    return found


def python_functions(text: str) -> list[tuple[int, str]]:
    """The same for Python."""
    nodes = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return [(n.end_lineno - n.lineno + 1, n.name) for n in nodes]


def words(text: str) -> list[str]:
    """All words of a text, those of snake_case and CamelCase names one by one, in lower case."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).replace("_", " ")
    return re.findall(r"[a-z]+", split.lower())


def count(text: str, terms: list[str]) -> int:
    """How often the terms occur; those of several words are joined by `_`."""
    found = words(text)
    single = {t for t in terms if "_" not in t}
    total = sum(word in single for word in found)
    joined = " ".join(found)
    return total + sum(joined.count(t.replace("_", " ")) for t in terms if "_" in t)


def undocumented(path: pathlib.Path, text: str) -> int:
    """Public items without a comment before them."""
    if path.suffix == ".rs":
        lines = text.split("#[cfg(test)]\nmod tests")[0].splitlines()
        item = re.compile(r"\s*pub (?:const |async |unsafe )*(?:fn|struct|enum|trait|type|static|const|mod) (?!\w+;)")
        bare = 0
        for at, line in enumerate(lines):
            if item.match(line) and not line.strip().startswith("pub mod"):
                before = at - 1
                while before >= 0 and lines[before].strip().startswith(("#[", ")]", '"')):
                    before -= 1
                bare += not lines[before].strip().startswith("///")
        return bare
    if path.suffix == ".py":
        nodes = ast.walk(ast.parse(text))
        kinds = ast.FunctionDef | ast.ClassDef
        return sum(isinstance(n, kinds) and n.name[0] != "_" and not ast.get_docstring(n) for n in nodes)
    return len(re.findall(r"(?<!\*/\n)^export (?:async )?(?:function|class|const)", text, re.M))


def measure(root: pathlib.Path) -> dict[str, object]:
    """All figures of one tree, by their names."""
    long, functions, bare = [], [], {".rs": 0, ".py": 0, ".js": 0}
    code, prose = [], []
    for path in files(root):
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix not in SOURCES:
            prose.append(text)
            continue
        code.append(text)
        name = path.relative_to(root).as_posix()
        if text.count("\n") > LONG:
            long.append((text.count("\n"), name))
        if path.suffix == ".rs":
            functions += [(size, f"{function} ({name})") for size, function in rust_functions(text)]
        if path.suffix == ".py":
            functions += [(size, f"{function} ({name})") for size, function in python_functions(text)]
        if path.suffix in bare and "/tests/" not in name and not name.startswith("tests/") and "test_" not in name:
            bare[path.suffix] += undocumented(path, text)
    os.chdir(root)
    graphs = [
        check_dependencies.Crate(f"{c}/src", crate_sources(root, c)).graph() for c in check_dependencies.CRATES
    ]
    scripts = [p.relative_to(root).as_posix() for p in files(root) if p.suffix == ".js"]
    circles = [c for g in [*graphs, check_dependencies.script_graph(scripts)] for c in check_dependencies.circles(g)]
    sizes = [size for size, _ in functions]
    return {
        f"files over {LONG} lines": len(long),
        "the largest of them": "%d %s" % max(long, default=(0, "")),
        "functions": len(functions),
        "median function, lines": statistics.median(sizes),
        "functions over 60 lines": sum(size > 60 for size in sizes),
        "the largest function": "%d %s" % max(functions),
        "circles of files": len(circles),
        "files in circles": sum(map(len, circles)),
        "private words in code": count("\n".join(code), PRIVATE),
        "private words in documents": count("\n".join(prose), PRIVATE),
        "glossary terms in code": count("\n".join(code), GLOSSARY),
        "glossary terms in documents": count("\n".join(prose), GLOSSARY),
        "public Rust items without docs": bare[".rs"],
        "public Python items without docstring": bare[".py"],
        "exports of the page without comment": bare[".js"],
    }


def crate_sources(root: pathlib.Path, crate: str) -> list[str]:
    """The files of a crate that the dependency check looks at."""
    names = (p.relative_to(root).as_posix() for p in files(root) if p.suffix == ".rs")
    return [n for n in names if n.startswith(f"{crate}/src/") and "/tests/" not in n and not n.endswith("tests.rs")]


def tree(rev: str | None, into: str) -> pathlib.Path:
    """Puts a commit, or the working tree's tracked files, into a folder."""
    if rev is None:
        names = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True).stdout
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name in filter(os.path.isfile, names.splitlines()):
                archive.add(name)
        data = packed.getvalue()
    else:
        data = subprocess.run(["git", "archive", rev], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(into, filter="data")
        names = "\n".join(m.name for m in archive.getmembers() if m.isfile())
    pathlib.Path(into, ".names").write_text(names, encoding="utf-8")
    return pathlib.Path(into)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rev", help="a commit; without it the working tree")
    parser.add_argument("--compare", metavar="REV", help="a commit to put beside it, as it was before")
    options = parser.parse_args()
    os.chdir(subprocess.run(["git", "rev-parse", "--show-toplevel"], check=True, capture_output=True, text=True).stdout.strip())
    here, columns = os.getcwd(), []
    for rev in [options.compare, options.rev] if options.compare else [options.rev]:
        with tempfile.TemporaryDirectory() as folder:
            columns.append((rev or "working tree", measure(tree(rev, folder))))
            os.chdir(here)
    print(f"{'':40}" + "".join(f"{name[:12]:>56}" for name, _ in columns))
    for key in columns[0][1]:
        print(f"{key:40}" + "".join(f"{figures[key]!s:>56}" for _, figures in columns))
    return 0


if __name__ == "__main__":
    sys.exit(main())
