"""Processes that outlive the command which started them, and files that only their owner reads."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path


def born(pid):
    """When a living process began, so that another one with its number is not taken for it; None: it is dead."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    asked = subprocess.run(["ps", "-o", "state=,lstart=", "-p", str(pid)], stdout=subprocess.PIPE, text=True)
    state, _, since = asked.stdout.strip().partition(" ")
    return None if state.startswith("Z") or not since else since.strip()


def gone(pid, patience_s):
    """Waits until there is no such process any more; false when it stays."""
    end = time.monotonic() + patience_s
    while pid() is not None:
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def die_with_parent():
    """Asks Linux to kill this process when its parent is gone."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def write_private(path, text, mode=0o600):
    """Writes a file that only its owner reads, whole or not at all."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    os.replace(beside, path)
