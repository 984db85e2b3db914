#!/usr/bin/env python3
"""Fetches the shared library of ONNX Runtime into .runtime/onnxruntime/ (from its wheel, through pip).

Does nothing, silently, when the library is already there. Needs Python 3.8 or newer and nothing else;
the wheel is checked against the sha256 pinned below before anything of it is used.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "1.31.1"
# Machine → sha256 of the wheel onnxruntime-<VERSION>-cp312-cp312-manylinux_2_28_<machine>.whl.
WHEELS = {
    "x86_64": "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536",
    "aarch64": "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc",
}
LIBRARY = "libonnxruntime.so." + VERSION
STAMP = "wheel.sha256"
DEST = Path(__file__).resolve().parent.parent / ".runtime" / "onnxruntime"


class Failed(Exception):
    """Ends the script with one clear line."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dest", type=Path, default=DEST, help="folder to put it in (default: %(default)s)")
    parser.add_argument("--machine", default=platform.machine(), help="fetch for another machine: " + ", ".join(WHEELS))
    options = parser.parse_args()
    try:
        fetch(options.dest.resolve(), options.machine)
    except Failed as failed:
        sys.exit("fetch_onnxruntime: %s" % failed)
    except (OSError, zipfile.BadZipFile) as error:
        sys.exit("fetch_onnxruntime: cannot put ONNX Runtime into %s: %s" % (options.dest, error))


def fetch(dest, machine):
    """Puts the library into `dest`, unless it is there."""
    if not sys.platform.startswith("linux") or machine not in WHEELS:
        raise Failed(
            "there is no pinned wheel for %s on %s; install ONNX Runtime %s yourself and set worker.onnxruntime"
            % (sys.platform, machine, VERSION)
        )
    sha256 = WHEELS[machine]
    if is_there(dest, sha256):
        return
    dest.parent.mkdir(parents=True, exist_ok=True)
    # Beside the destination, so that the last step is a rename on one file system.
    with tempfile.TemporaryDirectory(prefix=".onnxruntime-", dir=str(dest.parent)) as temp:
        print("fetching ONNX Runtime %s for %s" % (VERSION, machine), flush=True)
        wheel = download(find_pip(Path(temp)), Path(temp), machine)
        check(wheel, sha256)
        unpacked = Path(temp) / "unpacked"
        unpack(wheel, unpacked)
        (unpacked / STAMP).write_text(sha256 + "\n")
        replace(unpacked, dest, sha256)


def is_there(dest, sha256):
    """Whether `dest` holds what the wheel with this hash unpacks to."""
    try:
        return (dest / STAMP).read_text().strip() == sha256 and (dest / LIBRARY).is_file()
    except OSError:
        return False


def download(pip, temp, machine):
    """Downloads the wheel, whatever Python this is; returns its path."""
    folder = temp / "wheel"
    command = pip + ["download", "onnxruntime==" + VERSION, "--dest", str(folder), "--no-deps"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", "3.12"]
    command += ["--platform", "manylinux_2_28_" + machine, "--disable-pip-version-check", "--no-input"]
    done = run(command)
    wheels = sorted(folder.glob("*.whl")) if folder.is_dir() else []
    if done.returncode != 0 or len(wheels) != 1:
        raise Failed("pip could not download onnxruntime %s: %s" % (VERSION, last_error(done)))
    return wheels[0]


def check(wheel, sha256):
    """Refuses a wheel that is not the pinned one."""
    got = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if got != sha256:
        raise Failed("%s has sha256 %s where %s is pinned; it is not used" % (wheel.name, got, sha256))


def unpack(wheel, folder):
    """Takes the library and the licences out of the wheel."""
    folder.mkdir()
    wanted = {
        "onnxruntime/capi/" + LIBRARY: LIBRARY,
        "onnxruntime/LICENSE": "LICENSE",
        "onnxruntime/ThirdPartyNotices.txt": "ThirdPartyNotices.txt",
    }
    with zipfile.ZipFile(str(wheel)) as archive:
        for member, name in wanted.items():
            try:
                with archive.open(member) as source, open(str(folder / name), "wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
            except KeyError:
                raise Failed("%s holds no %s" % (wheel.name, member)) from None
    # The folder was private while it was temporary; what stays is for every user of the machine.
    folder.chmod(0o755)


def replace(unpacked, dest, sha256):
    """Moves the finished folder to its place; another run may do the same at the same time."""
    if dest.exists():
        dest.rename(unpacked.parent / "old")
    try:
        unpacked.rename(dest)
    except OSError:
        if not is_there(dest, sha256):
            raise


def find_pip(temp):
    """The command that starts a pip: Python's own, one in a throw-away environment, or one from apt."""
    own = [sys.executable, "-m", "pip"]
    if works(own):
        return own
    made = [str(temp / "venv" / "bin" / "python"), "-m", "pip"]
    if make_venv(temp) and works(made):
        return made
    apt_install(["python3-pip", "python3-venv"])
    for candidate in (own, ["/usr/bin/python3", "-m", "pip"]):
        if works(candidate):
            return candidate
    if make_venv(temp) and works(made):
        return made
    raise Failed("needs pip: install it (Debian, Ubuntu: apt-get install python3-pip python3-venv), then try again")


def make_venv(temp):
    """A virtual environment with the pip that Python carries (ensurepip)."""
    return run([sys.executable, "-m", "venv", "--clear", str(temp / "venv")]).returncode == 0


def apt_install(packages):
    """Installs packages where that needs no password; says nothing when it cannot."""
    if shutil.which("apt-get") is None:
        return
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and shutil.which("sudo") is None:
        return
    print("installing " + " ".join(packages), flush=True)
    install = sudo + ["apt-get", "install", "--yes", "--no-install-recommends"] + packages
    if run(install).returncode != 0 and run(sudo + ["apt-get", "update"]).returncode == 0:
        run(install)


def works(pip):
    """Whether this command starts a pip."""
    return run(pip + ["--version"]).returncode == 0


def run(command):
    """Runs a command to its end, quietly; a command that does not exist counts as failed."""
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def last_error(done):
    """The line of a failed pip that says why."""
    lines = [line.strip() for line in (done.stderr or "").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["exit status %d" % done.returncode])[-1]


if __name__ == "__main__":
    main()
