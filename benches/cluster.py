#!/usr/bin/env python3
"""Measures a server and workers around RabbitMQ on this machine: what the broker costs, scaling, failover, capacity.

  efficiency  two workers through RabbitMQ against the same two in one process, in turns
  scaling     1 to 32 workers that only wait: how near the song's time comes to the ideal
  failover    a worker, the broker, the server are killed or frozen: how long until work goes on
  capacity    how much audio one server and one broker move when nobody computes

Needs `make build` and RabbitMQ (`make broker` installs it; a broker of the bench's own is started). Other work on
the machine makes the figures worse: every table says how much of the machine others took meanwhile.
"""

import argparse
import calendar
import contextlib
import http.client
import json
import math
import os
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import pipeline
from pipeline import KARAOKE, ROOT, TARGET

sys.path.append(str(ROOT / "scripts"))
from demo_crash import events  # noqa: E402

RATE = 44_100
# Frames from one window to the next, and silence before the first, with the models' own overlap.
STEPS = {"identity": (49_152, 0), "centre": (195_840, 2048), "mdx2048": (195_840, 3072)}
PATIENCE = 900
TICKS = os.sysconf("SC_CLK_TCK")
CORES = len(os.sched_getaffinity(0))


# ---- broker, server, workers ----------------------------------------------------------------------------------


class Broker:
    """A RabbitMQ on free ports, in a folder of its own; it ends with this process, however that ends."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, ROOT / "scripts" / "broker.py", "serve"]
        self.process = subprocess.Popen(command, env={**os.environ, "TMPDIR": str(folder)}, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self.status = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        told = json.loads(line) if line else {"error": "it ended"}
        if "error" in told:
            sys.exit(f"broker: {told['error']}")
        return told["ok"]

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.answer()

    def virtual_host(self, name):
        """Where a server and where workers connect, apart from everybody else."""
        self.ask(f"vhost {name}")
        return self.status["server_url"] + name, self.status["worker_url"] + name

    def pid(self):
        return self.ask("status")["pid"]

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait()


class Program:
    """A process of ours that says on its standard output when it is there."""

    def __init__(self, arguments, settings, log):
        keys = {"KARAOKE__" + key.upper().replace(".", "__"): str(value) for key, value in settings.items()}
        level = {"RUST_LOG": os.environ.get("RUST_LOG", "info")}
        self.process = subprocess.Popen(
            [KARAOKE.resolve(), *arguments], env={**os.environ, **level, **keys}, cwd=ROOT, stderr=log, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
        self.pid = self.process.pid
        self.told = self.process.stdout.readline()
        if not self.told:
            sys.exit(f"`karaoke {arguments[0]}` did not start")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()


class Server(Program):
    """`karaoke server`, or `karaoke up` with workers of its own."""

    def __init__(self, settings, log, command="server", port=0):
        super().__init__([command, "--port", str(port)], settings, log)
        self.url = next(word for word in self.told.split() if word.startswith("http://"))

    def get(self, path, passcode=""):
        request = urllib.request.Request(f"{self.url}{path}", headers={"X-Track-Passcode": passcode})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def workers(self):
        return self.get("/api/v1/workers")["workers"]

    def upload(self, song, model):
        """Hands a song in; the answer comes before it is decoded, so that nothing of its life is missed."""
        address = f"{self.url}/api/v1/tracks?name={song.name}&model={model}"
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(song.stat().st_size)}
        with open(song, "rb") as body:
            request = urllib.request.Request(address, data=body, method="POST", headers=headers)
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                track = json.load(answer)
        return Track(self, track, time.time())


class Cluster:
    """A server and workers in a virtual host of a broker."""

    number = 0

    def __init__(self, bench, workers, settings=None, store=None, broker=None):
        Cluster.number += 1
        self.bench, self.name = bench, f"bench{Cluster.number}"
        self.broker = broker or bench.broker()
        at_server, at_worker = self.broker.virtual_host(self.name)
        store = (store or bench.work) / f"store{Cluster.number}"
        common = {**bench.settings, "store.dir": store, **(settings or {})}
        self.for_server = {**common, "broker.url": at_server}
        self.server = bench.keep(Server(self.for_server, bench.log))
        self.pool = bench.keep(Program(["worker", "--id", self.name, "--workers", str(workers)],
                                       {**common, "broker.url": at_worker}, bench.log))
        self.all_here(workers)

    def all_here(self, workers):
        """Waits until the server knows so many workers, all of them well."""
        def here():
            known = self.server.workers()
            return known if sum(w["health"] == "alive" for w in known) >= workers else None
        return until("all workers are there", here)

    def warm_up(self, workers, model):
        """Lets every worker load the model."""
        self.server.upload(self.bench.song(2 * workers, model), model).wait()

    def processes(self):
        return {"server": [self.server.pid], "broker": [self.broker.pid()],
                "workers": [self.pool.pid] + [w["pid"] for w in self.server.workers()]}

    def restart_server(self):
        """Starts a killed server again, at the same port and with the same store."""
        self.bench.forget(self.server)
        port = int(self.server.url.rsplit(":", 1)[1])
        self.server = self.bench.keep(Server(self.for_server, self.bench.log, port=port))

    def stop(self):
        for program in (self.pool, self.server):
            self.bench.forget(program)
            program.stop()


class Bench:
    """The folder and the processes of one command; all of them end with it."""

    def __init__(self, arguments, work, log):
        self.arguments, self.work, self.log = arguments, work, log
        # Workers find the models and the runtime wherever the bench is called from.
        models = getattr(arguments, "models", ROOT / "models")
        os.environ.setdefault("ORT_DYLIB_PATH", str(ROOT / ".runtime" / "onnxruntime"))
        self.settings = {"models.dir": models, "limits.decode_wait_s": 0}
        self.kept, self.shared = [], None

    def keep(self, what):
        self.kept.append(what)
        return what

    def forget(self, what):
        self.kept.remove(what)

    def broker(self):
        """One broker for all clusters that do not ask for one of their own."""
        if self.shared is None:
            self.shared = self.keep(Broker(self.work / "broker"))
        return self.shared

    def song(self, chunks, model, windows_per_chunk=1):
        """A song of exactly so many chunks."""
        step, lead = STEPS[model]
        seconds = (chunks * windows_per_chunk * step - lead) // RATE
        return self.song_of(seconds)

    def song_of(self, seconds):
        path = self.work / f"song{seconds}.wav"
        return path if path.exists() else pipeline.song(path, seconds)

    def stop(self):
        for what in reversed(self.kept):
            with contextlib.suppress(Exception):
                what.stop()


# ---- what happens ---------------------------------------------------------------------------------------------


def until(what, found, patience=PATIENCE, every=0.02):
    """Asks again and again; returns the first answer that is not None."""
    end = time.monotonic() + patience
    while True:
        answer = found()
        if answer is not None:
            return answer
        if time.monotonic() > end:
            sys.exit(f"waited in vain until {what}")
        time.sleep(every)


class Feed:
    """A stream of server-sent events, each with the time at which it came; follows a server that is restarted."""

    def __init__(self, url, passcode="", endless=False):
        self.url, self.passcode, self.endless = url, passcode, endless
        self.seen, self.news, self.open = [], threading.Condition(), True
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while self.open:
            try:
                for name, data in events(self.url, self.passcode):
                    now = time.time()
                    with self.news:
                        self.seen.append((now, name, data))
                        self.news.notify_all()
                    if not self.open or (name == "end" and not self.endless):
                        return
            except (OSError, ValueError, http.client.HTTPException):  # The server is away, or was cut off.
                time.sleep(0.02)

    def until(self, what, found, patience=PATIENCE):
        """Waits until `found(events)` is not None, and returns it."""
        end = time.monotonic() + patience
        with self.news:
            while True:
                answer = found(self.seen)
                if answer is not None:
                    return answer
                if not self.news.wait(timeout=max(end - time.monotonic(), 0.01)) and time.monotonic() > end:
                    sys.exit(f"waited in vain until {what}")


class Track:
    """A song on its way, and when what happened to it."""

    def __init__(self, server, answer, sent):
        self.server, self.id, self.passcode, self.sent = server, answer["id"], answer["passcode"], sent
        self.path = f"/api/v1/tracks/{self.id}"
        self.feed = Feed(f"{server.url}{self.path}/events", self.passcode)

    def views(self, seen):
        """The track as it was told at each time."""
        for at, name, data in seen:
            if name == "snapshot":
                yield at, data["track"]
            elif name == "track":
                yield at, data

    def done_chunks(self, count):
        """Waits until so many chunks are done; returns when."""
        return self.feed.until(f"{count} chunks are done", lambda seen: next(
            (at for at, view in self.views(seen) if view["chunks_done"] >= count), None))

    def wait(self):
        """Waits until it is done; returns its story."""
        def ended(seen):
            last = seen and list(self.views(seen[-3:]))
            return last[-1][1] if last and last[-1][1]["state"] in ("done", "failed", "cancelled") else None
        view = self.feed.until("the song is done", ended)
        self.feed.open = False
        if view["state"] != "done":
            sys.exit(f"the song {view['state']}: {view['error']}")
        return Story(self, view)


class Story:
    """A song that is done: `sent`, `planned`, `first` chunk begun, `last` chunk done, `done`."""

    def __init__(self, track, view):
        seen = track.feed.seen
        at = lambda wanted: next(at for at, view in track.views(seen) if wanted(view))
        self.sent, self.chunks = track.sent, view["chunks_total"]
        self.planned = at(lambda v: v["state"] in ("separating", "finishing", "done"))
        self.last = at(lambda v: v["chunks_total"] and v["chunks_done"] == v["chunks_total"])
        self.done = at(lambda v: v["state"] == "done")
        self.begun = {}
        for when, chunk in self.chunk_events(seen):
            if chunk["state"] in ("working", "done"):
                self.begun.setdefault(chunk["index"], (when, chunk["worker"]))
        self.first = min(when for when, _ in self.begun.values())
        self.views = track.server.get(f"{track.path}/chunks", track.passcode)["chunks"]

    @staticmethod
    def chunk_events(seen):
        for when, name, data in seen:
            if name == "chunk":
                yield when, data
            elif name == "snapshot":
                for chunk in data["chunks"]:
                    yield when, chunk

    @property
    def makespan(self):
        return self.last - self.first

    def losses(self, seconds):
        """Mean seconds of a worker, by cause: chunks that took longer than they should, pauses between two chunks,
        the wait for the first and the wait after its last."""
        per_worker = {}
        for chunk in self.views:
            per_worker.setdefault(chunk["worker"], []).append((self.begun[chunk["index"]][0], chunk["seconds"]))
        lost = {"longer": 0.0, "pauses": 0.0, "head": 0.0, "tail": 0.0}
        for mine in per_worker.values():
            mine.sort()
            lost["longer"] += sum(took - seconds for _, took in mine)
            lost["pauses"] += sum(max(b - (a + took), 0) for (a, took), (b, _) in zip(mine, mine[1:]))
            lost["head"] += mine[0][0] - self.first
            lost["tail"] += self.last - mine[-1][0] - mine[-1][1]
        return {cause: value / len(per_worker) for cause, value in lost.items()}

    def shares(self):
        """How many chunks each worker did."""
        counts = {}
        for chunk in self.views:
            counts[chunk["worker"]] = counts.get(chunk["worker"], 0) + 1
        return sorted(counts.values())


class Room:
    """What happens to workers and chunks, with the server's own times."""

    def __init__(self, server):
        self.feed = Feed(f"{server.url}/api/v1/workers/events", endless=True)

    def happenings(self, seen):
        told = set()
        for _, name, data in seen:
            for h in data["story"] if name == "snapshot" else [data] if name == "happening" else []:
                key = (h["at"], h["what"], h["worker"], h["track"], h["chunk"])
                if key not in told:
                    told.add(key)
                    yield unix(h["at"]), h

    def find(self, after, *whats, track=None, chunk=None, worker=None):
        """When something of that kind first happened; None: not yet."""
        for at, h in self.happenings(self.feed.seen):
            if at >= after and h["what"] in whats and track in (None, h["track"]) and chunk in (None, h["chunk"]):
                if worker in (None, h["worker"]):
                    return at
        return None

    def wait_for(self, after, *whats, **who):
        return self.feed.until(f"{whats} {who}", lambda _: self.find(after, *whats, **who))

    def in_hand(self, track):
        """The chunks of a track that are begun and not done: worker to (chunk, when it was begun)."""
        hands = {}
        with self.feed.news:
            for at, h in self.happenings(self.feed.seen):
                if h["track"] == track.id and h["what"] == "began":
                    hands[h["worker"]] = (h["chunk"], at)
                elif h["track"] == track.id and h["what"] == "done":
                    hands = {w: hand for w, hand in hands.items() if hand[0] != h["chunk"]}
        return hands

    def close(self):
        self.feed.open = False


def unix(text):
    """RFC 3339 in UTC, to the millisecond or less, as seconds."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")


# ---- the machine ----------------------------------------------------------------------------------------------


def cpu_of(pid):
    """CPU seconds that a process has used; 0 when it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


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


# ---- tables ---------------------------------------------------------------------------------------------------


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


# ---- efficiency -----------------------------------------------------------------------------------------------


def efficiency(bench):
    """What the broker costs: two single-thread workers behind RabbitMQ against two in one process (`karaoke up`),
    in turns. `separating`: from the plan to the finished song; `whole`: from the end of the upload; `beside chunks`:
    what of `separating` is not the workers' time with chunks, which other work on the machine makes longer."""
    arguments = bench.arguments
    kinds = []
    if arguments.kind in ("both", "real"):
        kinds.append(("real", "mdx2048", 0, arguments.windows or (6 if arguments.quick else 24)))
    if arguments.kind in ("both", "waits"):
        kinds.append(("waits", "centre", 1.0, arguments.windows or (12 if arguments.quick else 60)))
    for kind, model, wait, windows in kinds:
        rounds = 1 if arguments.quick else arguments.rounds
        if model == "mdx2048":
            bench.settings["models.dir"] = pipeline.random_models(bench.work)
        bench.settings.update({"models.default": model, "worker.workers": 2, "worker.threads": 1,
                               "simulation.window_seconds": wait})
        print(f"\n### {kind}: {model}, {windows} windows"
              + (f" that take at least {wait:g} s" if wait else " of real inference"))
        compare(bench, model, windows, rounds)
        bench.settings["models.dir"] = ROOT / "models"


def compare(bench, model, windows, rounds):
    cluster = Cluster(bench, 2)
    alone = bench.keep(Server({**bench.settings, "store.dir": bench.work / "alone"}, bench.log, "up"))
    cluster.warm_up(2, model)
    alone.upload(bench.song(4, model), model).wait()
    song = bench.song(windows, model)
    table = Table("where", "separating", "whole", "s a chunk", "beside chunks",
                  "CPU s: server", "broker", "workers", "others")
    times, cpu = {"process": [], "broker": []}, {"process": [], "broker": []}
    for _ in range(rounds):
        for where, server in (("process", alone), ("broker", cluster.server)):
            meter = Meter(cluster.processes() if where == "broker" else {"server": [alone.pid]})
            story = server.upload(song, model).wait()
            meter.read()
            separating, whole = story.done - story.planned, story.done - story.sent
            times[where].append((separating, whole))
            cpu[where].append(sum(used for name, used in meter.used.items() if name != "bench"))
            chunk = statistics.mean(chunk["seconds"] for chunk in story.views)
            used = [f"{meter.used[name]:.1f}" if name in meter.used else "" for name in ("server", "broker", "workers")]
            table.row(where, f"{separating:.2f}", f"{whole:.2f}", f"{chunk:.3f}",
                      f"{separating - math.ceil(windows / 2) * chunk:.2f}", *used, percent(meter.others))
    cluster.stop()
    bench.forget(alone)
    alone.stop()
    for index, what in enumerate(("separating", "whole")):
        pairs = [b[index] / a[index] for a, b in zip(times["process"], times["broker"])]
        told = ", ".join(f"{pair:.3f}" for pair in pairs)
        print(f"{what}: broker / process = {told}; median {statistics.median(pairs):.3f}")
    pairs = [b / a for a, b in zip(cpu["process"], cpu["broker"])]
    print(f"CPU seconds of all: broker / process = {', '.join(f'{pair:.3f}' for pair in pairs)}")
    if bench.settings["simulation.window_seconds"]:
        ideal = math.ceil(windows / 2) * bench.settings["simulation.window_seconds"]
        print(f"ideal {ideal:.0f} s: {math.ceil(windows / 2)} rounds")


# ---- scaling --------------------------------------------------------------------------------------------------


def scaling(bench):
    """Workers that only wait (identity, one window a chunk): the ideal (chunks x seconds a chunk / workers; with
    whole rounds: rounded up to them) divided by the time from the first chunk begun to the last one done."""
    arguments = bench.arguments
    wait, rounds = arguments.window_seconds, arguments.chunk_rounds
    counts = arguments.workers or ([1, 2, 4] if arguments.quick else [1, 2, 4, 8, 16, 32])
    rounds = 4 if arguments.quick else rounds
    settings = {"chunking.windows_per_chunk": 1, "simulation.window_seconds": wait, "models.default": "identity",
                **dict(pair.split("=", 1) for pair in arguments.set)}
    table = Table("workers", "chunks", "ideal", "whole rounds", "measured", "efficiency", "with whole rounds",
                  "chunks a worker", "copies", "lost: longer", "pauses", "head", "tail", "ours", "others")
    for count in counts:
        chunks = count * rounds
        cluster = Cluster(bench, count, settings)
        cluster.warm_up(count, "identity")
        meter = Meter(cluster.processes())
        story = cluster.server.upload(bench.song(chunks, "identity"), "identity").wait()
        meter.read()
        cluster.stop()
        ideal = story.chunks * wait / count
        whole = math.ceil(story.chunks / count) * wait
        shares, lost = story.shares(), story.losses(wait)
        copies = sum(chunk["attempt"] - 1 for chunk in story.views)
        table.row(count, story.chunks, f"{ideal:.1f}", f"{whole:.1f}", f"{story.makespan:.2f}",
                  f"{ideal / story.makespan:.3f}", f"{whole / story.makespan:.3f}", f"{shares[0]} to {shares[-1]}",
                  copies, *(f"{lost[cause]:.2f}" for cause in ("longer", "pauses", "head", "tail")),
                  percent(meter.ours), percent(meter.others))
    print("`lost`: mean seconds of a worker by cause; `ours`, `others`: shares of the machine's CPU time.")


# ---- failover -------------------------------------------------------------------------------------------------


WORKERS = 4
BUSY = 72  # chunks of a song that keeps the other workers busy for long
IDLE = 2  # chunks of a song that leaves some workers without a job
ALONE = {"dispatch.lease_s": 86_400, "dispatch.straggler": 1000, "broker.presence_s": 60}


def failover(bench):
    """Four workers, chunks of one second, a worker with a chunk in hand is struck. Seconds from the blow, mean / worst:
    until the server knows that the worker is dead or silent, until it sends a copy of the chunk (it may not have to),
    until another worker begins with the chunk; and what the song takes longer than undisturbed."""
    runs = 1 if bench.arguments.quick else bench.arguments.runs
    few = (runs + 1) // 2
    only = bench.arguments.only
    beat = lambda seconds: {"broker.heartbeat_ms": seconds * 1000}
    strikes = [
        ("kill -9 of a worker, others busy", "kill", signal.SIGKILL, beat(15), BUSY, runs),
        ("kill -9 of a worker, others idle", "kill", signal.SIGKILL, beat(15), IDLE, runs),
        ("freeze, others busy, heart-beat 15 s", "freeze", signal.SIGSTOP, beat(15), BUSY, few),
        ("freeze, others idle, heart-beat 15 s", "freeze", signal.SIGSTOP, beat(15), IDLE, few),
        ("freeze, others busy, heart-beat 5 s", "freeze", signal.SIGSTOP, beat(5), BUSY, few),
        ("freeze, others idle, heart-beat 5 s", "freeze", signal.SIGSTOP, beat(5), IDLE, few),
        ("freeze, only the broker looks, heart-beat 15 s", "freeze", signal.SIGSTOP, {**ALONE, **beat(15)}, IDLE, few),
        ("freeze, only the broker looks, heart-beat 5 s", "freeze", signal.SIGSTOP, {**ALONE, **beat(5)}, IDLE, few),
    ]
    if bench.arguments.quick:
        strikes = [strikes[0], strikes[1], strikes[3]]
    strikes = [strike for strike in strikes if not only or strike[1] in only]
    if strikes:
        table = Table("what".ljust(46), "runs", "known", "copy sent", "begun again", "song takes longer")
    for what, _, number, settings, chunks, times in strikes:
        struck = strike_workers(bench, number, settings, chunks, times)
        table.row(what, len(struck), *(mean_and_worst([s[key] for s in struck])
                                       for key in ("known", "copy", "again", "longer")))
    print()
    for what, blow in (("broker", broker_dies), ("server", server_dies)):
        if not only or what in only:
            blow(bench, few)


def stage(bench, settings, broker=None):
    settings = {"chunking.windows_per_chunk": 1, "simulation.window_seconds": 1, "models.default": "identity",
                **settings}
    cluster = Cluster(bench, WORKERS, settings, broker=broker)
    cluster.warm_up(WORKERS, "identity")
    return cluster


def undisturbed(cluster, song):
    """What the song takes from the first chunk begun to the last one done, when nothing happens."""
    return cluster.server.upload(song, "identity").wait().makespan


def strike_workers(bench, number, settings, chunks, times):
    cluster = stage(bench, settings)
    song = bench.song(chunks, "identity")
    usual, struck = undisturbed(cluster, song), []
    room = Room(cluster.server)
    try:
        for _ in range(times):
            cluster.all_here(WORKERS)
            time.sleep(0.5)
            struck.append(strike(cluster, room, song, chunks, number, usual))
    finally:
        room.close()
        cluster.stop()
    return struck


def strike(cluster, room, song, chunks, number, usual):
    pids = {w["id"]: w["pid"] for w in cluster.server.workers() if w["health"] == "alive"}
    track = cluster.server.upload(song, "identity")
    track.done_chunks(8 if chunks > 8 else 0)
    # At any time in a chunk, but not where it may be over before the blow has fallen.
    victim, (chunk, begun) = until("a worker begins with a chunk", lambda: fresh(room, track), 30, 0.005)
    time.sleep(max(begun + random.uniform(0.1, 0.7) - time.time(), 0))
    blow = time.time()
    os.kill(pids[victim], number)
    again = room.wait_for(blow, "began", track=track.id, chunk=chunk)
    story = track.wait()
    if number == signal.SIGSTOP:
        # Announcements a minute apart are not missed within a run.
        looks = cluster.for_server.get("broker.presence_s", 2) < 60
        known = room.wait_for(blow, "suspect", worker=victim) if looks else None
        os.kill(pids[victim], signal.SIGKILL)
    else:
        known = room.wait_for(blow, "crashed", worker=victim)
    copy = room.find(blow, "resent", "spare", track=track.id, chunk=chunk)
    room.wait_for(blow, "joined", worker=victim)
    since = lambda at: None if at is None else at - blow
    return {"known": since(known), "copy": since(copy), "again": since(again), "longer": story.makespan - usual}


def fresh(room, track):
    """A worker, and the chunk that it has just begun with."""
    hands = [(worker, hand) for worker, hand in room.in_hand(track).items() if time.time() - hand[1] < 0.5]
    return random.choice(hands) if hands else None


def broker_dies(bench, times):
    """The broker is killed and started again at once: from the blow until it answers again; from then until a chunk
    is begun, and until one is done; and from the blow until one is done, with what the song takes longer."""
    broker = bench.keep(Broker(bench.work / "mortal"))
    cluster = stage(bench, {}, broker)
    song = bench.song(BUSY, "identity")
    usual, room, rows = undisturbed(cluster, song), Room(cluster.server), []
    table = Table("broker: runs", "away for", "back to begun", "back to done", "outage in all", "song takes longer")
    for _ in range(times):
        cluster.all_here(WORKERS)
        track = cluster.server.upload(song, "identity")
        track.done_chunks(random.randint(8, 16))
        blow = time.time()
        broker.ask("kill")
        broker.ask("start")
        back = time.time()
        begun = room.wait_for(back, "began", track=track.id)
        done = room.wait_for(back, "done", track=track.id)
        rows.append((back - blow, begun - back, done - back, done - blow, track.wait().makespan - usual))
    table.row(len(rows), *(mean_and_worst(column) for column in zip(*rows)))
    print()
    room.close()
    cluster.stop()
    bench.forget(broker)
    broker.stop()


def server_dies(bench, times):
    """The server is killed and started again at once: from the blow until it answers, until it is told of a chunk
    begun, and until one is done."""
    cluster = stage(bench, {})
    song = bench.song(BUSY, "identity")
    usual, room, rows = undisturbed(cluster, song), Room(cluster.server), []
    table = Table("server: runs", "answers after", "chunk begun after", "chunk done after", "song takes longer")
    for _ in range(times):
        cluster.all_here(WORKERS)
        track = cluster.server.upload(song, "identity")
        track.done_chunks(random.randint(8, 16))
        blow = time.time()
        cluster.server.kill()
        cluster.restart_server()
        back = time.time()
        begun = room.wait_for(blow, "began", track=track.id)
        done = room.wait_for(back, "done", track=track.id)
        rows.append((back - blow, begun - blow, done - blow, track.wait().makespan - usual))
    table.row(len(rows), *(mean_and_worst(column) for column in zip(*rows)))
    print()
    room.close()
    cluster.stop()


# ---- capacity -------------------------------------------------------------------------------------------------


def capacity(bench):
    """Identity without any waiting, several songs at once, chunks as large as messages may be: seconds of audio a
    second of wall time, from the first upload to the last song done (`whole`) and from the first chunk begun to the
    last one done (`routed`); CPU seconds for an hour of audio, by process."""
    arguments = bench.arguments
    tracks, seconds = (2, 120) if arguments.quick else (arguments.tracks, arguments.seconds)
    counts = [1, 2] if arguments.quick else arguments.workers
    song = bench.song_of(seconds)
    memory = None
    if os.access("/dev/shm", os.W_OK):
        memory = pathlib.Path(bench.keep(Folder("/dev/shm")).path)
    places = [("disk", bench.work, bench.broker())]
    if memory:
        places += [("store in memory", memory, bench.broker()),
                   ("all in memory", memory, bench.keep(Broker(memory / "broker")))]
    print(f"{tracks} songs of {seconds} s; 4 MB are written and synced within {sync_ms(bench.work):.1f} ms on this disk"
          + (f", {sync_ms(memory):.1f} ms in memory" if memory else "") + f"; {CORES} cores")
    table = Table("place", "workers", "whole", "routed", "MB/s of messages", "CPU s an hour: server", "broker",
                  "workers", "bench", "machine: ours", "others", "disk wait")
    for place, folder, broker in places:
        for count in counts if place == "disk" else counts[-1:]:
            cluster = Cluster(bench, count, {"models.default": "identity"}, folder, broker)
            cluster.warm_up(7 * count, "identity")
            meter = Meter(cluster.processes())
            began = time.time()
            living = [cluster.server.upload(song, "identity") for _ in range(tracks)]
            stories = [track.wait() for track in living]
            meter.read()
            cluster.stop()
            audio = tracks * seconds
            whole = max(story.done for story in stories) - began
            routed = max(story.last for story in stories) - min(story.first for story in stories)
            # Seven windows of float stereo there, overlapping, and back, whole.
            step, window = STEPS["identity"][0], 65_536
            messages = audio * RATE / (7 * step) * (6 * step + window + 7 * window) * 8 / 1e6
            hour = audio / 3600
            table.row(place, count, f"{audio / whole:.0f}", f"{audio / routed:.0f}", f"{messages / routed:.0f}",
                      *(f"{meter.used[name] / hour:.1f}" for name in ("server", "broker", "workers", "bench")),
                      percent(meter.ours), percent(meter.others), percent(meter.iowait))


class Folder:
    """A temporary folder elsewhere."""

    def __init__(self, where):
        self.folder = tempfile.TemporaryDirectory(dir=where, prefix="karaoke-bench-")
        self.path = self.folder.name

    def stop(self):
        self.folder.cleanup()


# ---- command line ---------------------------------------------------------------------------------------------


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=pathlib.Path, help="where the programs' logs go (discarded unless one fails)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    made = {}
    for command in (efficiency, scaling, failover, capacity):
        made[command] = commands.add_parser(command.__name__, description=command.__doc__,
                                            help=command.__doc__.split(":")[0].split(".")[0].replace("\n", " "))
        made[command].add_argument("--quick", action="store_true", help="a short run, to see that it works")
        made[command].set_defaults(run=command)
    made[efficiency].add_argument("--kind", choices=["both", "real", "waits"], default="both")
    made[efficiency].add_argument("--rounds", type=int, default=3, help="runs of each, in turns (3)")
    made[efficiency].add_argument("--windows", type=int, default=0, help="length of the song (real 24, waits 60)")
    made[scaling].add_argument("--workers", type=int, nargs="+", help="(1 2 4 8 16 32)")
    made[scaling].add_argument("--window-seconds", type=float, default=1.0, help="seconds a chunk (1)")
    made[scaling].add_argument("--chunk-rounds", type=int, default=16, help="chunks a worker (16)")
    made[scaling].add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                               help="another setting, as broker.prefetch=1")
    made[failover].add_argument("--runs", type=int, default=5,
                                help="runs of a worker's kill; half as many of what takes longer (5)")
    made[failover].add_argument("--only", nargs="+", choices=["kill", "freeze", "broker", "server"])
    made[capacity].add_argument("--tracks", type=int, default=4, help="songs at once (4)")
    made[capacity].add_argument("--seconds", type=int, default=600, help="length of each (600)")
    made[capacity].add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="(1 2 4)")
    return parser.parse_args()


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET, prefix="bench-") as folder:
        work = pathlib.Path(folder)
        path = arguments.log or work / "log"
        with open(path, "w") as log:
            bench = Bench(arguments, work, log)
            print(f"{arguments.run.__doc__}\n\nload before: {load()}\n".replace("\n    ", "\n"))
            try:
                arguments.run(bench)
            except BaseException as error:
                if not isinstance(error, KeyboardInterrupt) and not arguments.log:
                    print("".join(path.read_text(errors="replace").splitlines(True)[-20:]), file=sys.stderr)
                raise
            finally:
                bench.stop()
            print(f"\nload after: {load()}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
