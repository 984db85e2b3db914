#!/usr/bin/env python3
"""Fetches the shared libraries of ONNX Runtime into .runtime/ (from their wheels, through pip).

For every machine the plain one; for a processor with AVX512-BF16 or AMX also the one with OpenVINO, which
multiplies bf16; where there is an NVIDIA driver also the one with CUDA (CUDA 13 and cuDNN 9 are not fetched).

Does nothing, silently, when they are already there. Needs Python 3.8 or newer and nothing else;
a wheel is checked against the sha256 pinned below before anything of it is used.
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

STAMP = "wheel.sha256"
DEST = Path(__file__).resolve().parent.parent / ".runtime"
OPENVINO = [
    "libonnxruntime_providers_openvino.so",
    "libonnxruntime_providers_shared.so",
    "libopenvino.so.2541",
    "libopenvino_intel_cpu_plugin.so",
    "libopenvino_onnx_frontend.so.2541",
    "libtbb.so.12",
    "libtbbmalloc.so",
]
CUDA = ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"]


class Flavour:
    """One of ONNX Runtime's wheels: where it goes, what of it is taken, and for each machine its sha256."""

    def __init__(self, folder, package, version, libraries, wheels):
        self.folder, self.package, self.version, self.wheels = folder, package, version, wheels
        self.library = "libonnxruntime.so." + version
        self.libraries = [self.library] + libraries

    def is_there(self, dest, machine):
        """Whether `dest` holds what this machine's wheel unpacks to."""
        folder = dest / self.folder
        try:
            stamp = (folder / STAMP).read_text().strip()
        except OSError:
            return False
        return stamp == self.wheels.get(machine) and all((folder / name).is_file() for name in self.libraries)


# Of each, the wheel for cp312, manylinux_2_28.
FLAVOURS = {
    "cpu": Flavour("onnxruntime", "onnxruntime", "1.31.1", [], {
        "x86_64": "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536",
        "aarch64": "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc",
    }),
    "openvino": Flavour("onnxruntime-openvino", "onnxruntime-openvino", "1.24.1", OPENVINO, {
        "x86_64": "d617fac2f59a6ab5ea59a788c3e1592240a129642519aaeaa774761dfe35150e",
    }),
    "gpu": Flavour("onnxruntime-gpu", "onnxruntime-gpu", "1.31.1", CUDA, {
        "x86_64": "05d548956197b9d01f59b625de740e0d6be3593f874e241a12dc0362650ecdf7",
    }),
}


class Failed(Exception):
    """Ends the script with one clear line."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dest", type=Path, default=DEST, help="folder to put them in (default: %(default)s)")
    parser.add_argument("--machine", default=platform.machine(), help="fetch for another machine: x86_64, aarch64")
    parser.add_argument(
        "--flavour", action="append", choices=list(FLAVOURS), help="these and no others (default: what this machine can use)"
    )
    options = parser.parse_args()
    try:
        for name in options.flavour or suitable(options.machine):
            fetch(FLAVOURS[name], options.dest.resolve(), options.machine)
    except Failed as failed:
        sys.exit("fetch_onnxruntime: %s" % failed)
    except (OSError, zipfile.BadZipFile) as error:
        sys.exit("fetch_onnxruntime: cannot put ONNX Runtime into %s: %s" % (options.dest, error))


def suitable(machine):
    """The flavours that this machine can use."""
    names = ["cpu"]
    try:
        flags = next(line for line in open("/proc/cpuinfo") if line.startswith("flags")).split()
    except (OSError, StopIteration):
        flags = []
    if machine == platform.machine() == "x86_64":
        if "avx512_bf16" in flags or "amx_bf16" in flags:
            names.append("openvino")
        if os.path.exists("/proc/driver/nvidia/version"):
            names.append("gpu")
    return names


def fetch(flavour, dest, machine):
    """Puts the libraries of a flavour into its folder under `dest`, unless they are there."""
    if not sys.platform.startswith("linux") or machine not in flavour.wheels:
        raise Failed(
            "there is no pinned wheel of %s for %s on %s; install ONNX Runtime %s yourself and set worker.onnxruntime"
            % (flavour.package, sys.platform, machine, flavour.version)
        )
    if flavour.is_there(dest, machine):
        return
    dest.mkdir(parents=True, exist_ok=True)
    # Beside the destination, so that the last step is a rename on one file system.
    with tempfile.TemporaryDirectory(prefix=".%s-" % flavour.folder, dir=str(dest)) as temp:
        print("fetching %s %s for %s" % (flavour.package, flavour.version, machine), flush=True)
        wheel = download(find_pip(Path(temp)), flavour, Path(temp), machine)
        check(wheel, flavour.wheels[machine])
        unpacked = Path(temp) / "unpacked"
        unpack(wheel, flavour, unpacked)
        (unpacked / STAMP).write_text(flavour.wheels[machine] + "\n")
        replace(unpacked, flavour, dest, machine)


def download(pip, flavour, temp, machine):
    """Downloads the wheel, whatever Python this is; returns its path."""
    folder = temp / "wheel"
    command = pip + ["download", flavour.package + "==" + flavour.version, "--dest", str(folder), "--no-deps"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", "3.12"]
    command += ["--platform", "manylinux_2_28_" + machine, "--disable-pip-version-check", "--no-input"]
    done = run(command)
    wheels = sorted(folder.glob("*.whl")) if folder.is_dir() else []
    if done.returncode != 0 or len(wheels) != 1:
        raise Failed("pip could not download %s %s: %s" % (flavour.package, flavour.version, last_error(done)))
    return wheels[0]


def check(wheel, sha256):
    """Refuses a wheel that is not the pinned one."""
    got = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if got != sha256:
        raise Failed("%s has sha256 %s where %s is pinned; it is not used" % (wheel.name, got, sha256))


def unpack(wheel, flavour, folder):
    """Takes the libraries and the licences out of the wheel."""
    folder.mkdir()
    wanted = {"onnxruntime/capi/" + name: name for name in flavour.libraries}
    with zipfile.ZipFile(str(wheel)) as archive:
        licences = [m for m in archive.namelist() if m in ("onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt")]
        wanted.update({member: member.rsplit("/", 1)[1] for member in licences})
        for member, name in wanted.items():
            try:
                with archive.open(member) as source, open(str(folder / name), "wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
            except KeyError:
                raise Failed("%s holds no %s" % (wheel.name, member)) from None
    # The folder was private while it was temporary; what stays is for every user of the machine.
    folder.chmod(0o755)


def replace(unpacked, flavour, dest, machine):
    """Moves the finished folder to its place; another run may do the same at the same time."""
    folder = dest / flavour.folder
    if folder.exists():
        folder.rename(unpacked.parent / "old")
    try:
        unpacked.rename(folder)
    except OSError:
        if not flavour.is_there(dest, machine):
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
