"""What processes use of the machine, what others use meanwhile, and the tables that tell it."""

import os
import pathlib
import statistics
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")
CORES = len(os.sched_getaffinity(0))


def cpu_of(pid):
    """CPU seconds that a process has used; 0 when it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mb(pid):
    """The most memory that a process has had, in MB; 0 when it is gone."""
    try:
        return int(pathlib.Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return 0.0


def proportional_mb(pid):
    """Memory of a process now, in MB, of which what others share counts in parts; 0 when it is gone."""
    try:
        rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return int(rollup.split("\nPss:")[1].split()[0]) / 1024


def machine():
    """CPU seconds of the whole machine since its start: busy, and waiting for the disk."""
    user, nice, system, _, iowait, irq, softirq, steal = (
        int(word) / TICKS for word in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    return user + nice + system + irq + softirq + steal, iowait


class Meter:
    """CPU seconds of processes, and of all others, from now until it is read."""

    def __init__(self, processes):
        self.processes = {**processes, "bench": [os.getpid()]}
        self.before = {pid: cpu_of(pid) for pids in self.processes.values() for pid in pids}
        self.machine, self.began = machine(), time.monotonic()

    def read(self):
        """Stops."""
        self.wall = time.monotonic() - self.began
        self.used = {name: sum(max(cpu_of(pid) - self.before[pid], 0) for pid in pids)
                     for name, pids in self.processes.items()}
        busy, iowait = (now - before for now, before in zip(machine(), self.machine))
        ours = sum(self.used.values())
        whole = self.wall * os.cpu_count()
        self.ours, self.others, self.iowait = ours / whole, max(busy - ours, 0) / whole, iowait / whole
        return self


def sync_ms(folder, size=4_000_000, times=10):
    """Milliseconds to write so much into a file and to sync it."""
    block, took = os.urandom(size), []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(times):
            began = time.monotonic()
            file.write(block)
            file.flush()
            os.fdatasync(file.fileno())
            took.append(time.monotonic() - began)
    return 1000 * statistics.median(took)


def percent(share):
    return f"{100 * share:.0f} %"


class Table:
    """Rows that are printed as they come, as Markdown."""

    def __init__(self, *heads):
        self.widths = [max(len(head), 6) for head in heads]
        self.row(*heads)
        print("|" + "|".join("-" * (width + 2) for width in self.widths) + "|", flush=True)

    def row(self, *cells):
        print("| " + " | ".join(str(cell).ljust(width) for cell, width in zip(cells, self.widths)) + " |", flush=True)


def mean_and_worst(values):
    values = [value for value in values if value is not None]
    return f"{statistics.mean(values):.2f} / {max(values):.2f}" if values else "–"


def load():
    return " ".join(f"{x:.1f}" for x in os.getloadavg())
