"""Where processes say that their time has gone: their reports (see cli/src/stages/), and sums of them."""

import json
import os
import signal

from history import until

# In the order of a song's way, with who does it; the wire has two ends.
STAGES = {"http": "server", "decode": "server", "resample": "server", "wire": None, "load": "worker", "window": "worker",
          "stft": "worker", "inference": "worker", "inverse stft": "worker", "overlap-add": "server", "store": "server",
          "encode wav": "server", "encode flac": "server", "encode mp3": "server", "waiting": None}
SIDES = ("server", "worker")
CLERK = "stages"  # The thread that looks at the others; not there when nothing is measured.


class Books:
    """The folder in which processes that are started from now on put their reports."""

    def __init__(self, work):
        self.folder = work / "stages"
        os.environ["KARAOKE_STAGES"] = str(self.folder)

    def read(self, pid):
        """The last report of a process; none so far: an empty one."""
        path = self.folder / f"{pid}.json"
        return json.loads(path.read_text()) if path.exists() else {"number": 0}

    def ask(self, pids):
        """What each of the processes has spent so far."""
        before = {pid: self.read(pid)["number"] for pid in pids}
        for pid in pids:
            os.kill(pid, signal.SIGUSR1)
        return [self.answer(pid, before[pid]) for pid in pids]

    def answer(self, pid, number):
        def newer():
            report = self.read(pid)
            return report if report["number"] > number else None
        return until(f"process {pid} says where its time went", newer, 30)

    def all(self):
        """The last reports of all processes."""
        return [json.loads(path.read_text()) for path in self.folder.glob("*.json")]


def difference(before, after):
    """What processes have spent between two of their reports."""
    earlier = {report["pid"]: report for report in before}
    return [without(report, earlier[report["pid"]]) if report["pid"] in earlier else report for report in after]


def without(report, earlier):
    stages = {name: {key: value - earlier["stages"][name][key] for key, value in entry.items()}
              for name, entry in report["stages"].items()}
    # A thread that has ended is still in what was known of it before.
    rest = {name: max(spent - earlier["rest"].get(name, 0), 0) for name, spent in report["rest"].items()}
    return {**report, "cpu_s": report["cpu_s"] - earlier["cpu_s"], "stages": stages, "rest": rest}


def split(reports):
    """By side and stage `(wall, CPU)` seconds, and what no stage explains: `rest` by side, and its threads by name.

    A process that separates on its own or with workers of its own has both sides in one; what it spends on no stage
    counts to the server. The thread that measures counts nowhere."""
    spent = {side: {stage: [0.0, 0.0] for stage in STAGES} for side in SIDES}
    whole, threads = dict.fromkeys(SIDES, 0.0), {side: {} for side in SIDES}
    for report in reports:
        home = "worker" if report["command"].startswith("worker") else "server"
        for stage, entry in report["stages"].items():
            parts = (entry["wall_s"], entry["cpu_s"]), (entry["workers_wall_s"], entry["workers_cpu_s"])
            for side, part in sides(STAGES[stage] if home == "server" else "worker", *parts):
                spent[side][stage][0] += part[0]
                spent[side][stage][1] += part[1]
                whole[home] -= part[1]
        whole[home] += report["cpu_s"] - report["rest"].get(CLERK, 0)
        for name, seconds in report["rest"].items():
            if name != CLERK:
                threads[home][name] = threads[home].get(name, 0) + seconds
    return spent, whole, threads


def sides(owner, whole, of_workers):
    """A stage's time by side: all of it its owner's, or what threads that run networks have and the rest."""
    if owner:
        return [(owner, whole)]
    return [("worker", of_workers), ("server", (whole[0] - of_workers[0], whole[1] - of_workers[1]))]
