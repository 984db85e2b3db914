#!/usr/bin/env python3
"""Measures a server and workers around RabbitMQ on this machine: what the broker costs, scaling, failover, capacity, memory.

  efficiency  two workers through RabbitMQ against the same two in one process, in turns
  scaling     1 to 32 workers that only wait: how near the song's time comes to the ideal
  failover    a worker, the broker, the server are killed or frozen: how long until work goes on
  capacity    how much audio one server and one broker move when nobody computes
  memory      what a pool of workers with a large model takes, in one process and in one each

Needs `make build` and RabbitMQ (`make broker` installs it; a broker of the bench's own is started). Other work on
the machine makes the figures worse: every table says how much of the machine others took meanwhile.
"""

import argparse
import math
import os
import pathlib
import random
import signal
import statistics
import sys
import time

import pipeline
import harness
from machine import CORES, Meter, Table, load, mean_and_worst, peak_mb, percent, proportional_mb, sync_ms
from pipeline import ROOT
from harness import RATE, STEPS, Broker, Cluster, Folder, Server
from history import WorkerEvents, until


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
            history = server.upload(song, model).wait()
            meter.read()
            separating, whole = history.done - history.planned, history.done - history.sent
            times[where].append((separating, whole))
            cpu[where].append(sum(used for name, used in meter.used.items() if name != "bench"))
            chunk = statistics.mean(chunk["seconds"] for chunk in history.views)
            used = [f"{meter.used[name]:.1f}" if name in meter.used else "" for name in ("server", "broker", "workers")]
            table.row(where, f"{separating:.2f}", f"{whole:.2f}", f"{chunk:.3f}",
                      f"{separating - math.ceil(windows / 2) * chunk:.2f}", *used, percent(meter.others))
    cluster.stop()
    bench.forget(alone)
    alone.stop()
    for index, what in enumerate(("separating", "whole")):
        pairs = [b[index] / a[index] for a, b in zip(times["process"], times["broker"])]
        ratios = ", ".join(f"{pair:.3f}" for pair in pairs)
        print(f"{what}: broker / process = {ratios}; median {statistics.median(pairs):.3f}")
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
        history = cluster.server.upload(bench.song(chunks, "identity"), "identity").wait()
        meter.read()
        cluster.stop()
        ideal = history.chunks * wait / count
        whole = math.ceil(history.chunks / count) * wait
        shares, lost = history.shares(), history.losses(wait)
        copies = sum(chunk["attempt"] - 1 for chunk in history.views)
        table.row(count, history.chunks, f"{ideal:.1f}", f"{whole:.1f}", f"{history.makespan:.2f}",
                  f"{ideal / history.makespan:.3f}", f"{whole / history.makespan:.3f}", f"{shares[0]} to {shares[-1]}",
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
                "worker.processes": WORKERS, **settings}
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
    worker_events = WorkerEvents(cluster.server)
    try:
        for _ in range(times):
            cluster.all_here(WORKERS)
            time.sleep(0.5)
            struck.append(strike(cluster, worker_events, song, chunks, number, usual))
    finally:
        worker_events.close()
        cluster.stop()
    return struck


def strike(cluster, worker_events, song, chunks, number, usual):
    pids = {w["id"]: w["pid"] for w in cluster.server.workers() if w["health"] == "alive"}
    track = cluster.server.upload(song, "identity")
    track.done_chunks(8 if chunks > 8 else 0)
    # At any time in a chunk, but not where it may be over before the blow has fallen.
    victim, (chunk, begun) = until("a worker begins with a chunk", lambda: fresh(worker_events, track), 30, 0.005)
    time.sleep(max(begun + random.uniform(0.1, 0.7) - time.time(), 0))
    blow = time.time()
    os.kill(pids[victim], number)
    again = worker_events.wait_for(blow, "began", track=track.id, chunk=chunk)
    history = track.wait()
    if number == signal.SIGSTOP:
        # Announcements a minute apart are not missed within a run.
        looks = cluster.for_server.get("broker.presence_s", 2) < 60
        known = worker_events.wait_for(blow, "suspect", worker=victim) if looks else None
        os.kill(pids[victim], signal.SIGKILL)
    else:
        known = worker_events.wait_for(blow, "crashed", worker=victim)
    copy = worker_events.find(blow, "resent", "spare", track=track.id, chunk=chunk)
    worker_events.wait_for(blow, "joined", worker=victim)
    since = lambda at: None if at is None else at - blow
    return {"known": since(known), "copy": since(copy), "again": since(again), "longer": history.makespan - usual}


def fresh(worker_events, track):
    """A worker, and the chunk that it has just begun with."""
    hands = [(worker, hand) for worker, hand in worker_events.in_hand(track).items() if time.time() - hand[1] < 0.5]
    return random.choice(hands) if hands else None


def broker_dies(bench, times):
    """The broker is killed and started again at once: from the blow until it answers again; from then until a chunk
    is begun, and until one is done; and from the blow until one is done, with what the song takes longer."""
    broker = bench.keep(Broker(bench.work / "mortal"))
    cluster = stage(bench, {}, broker)
    song = bench.song(BUSY, "identity")
    usual, worker_events, rows = undisturbed(cluster, song), WorkerEvents(cluster.server), []
    table = Table("broker: runs", "away for", "back to begun", "back to done", "outage in all", "song takes longer")
    for _ in range(times):
        cluster.all_here(WORKERS)
        track = cluster.server.upload(song, "identity")
        track.done_chunks(random.randint(8, 16))
        blow = time.time()
        broker.ask("kill")
        broker.ask("start")
        back = time.time()
        begun = worker_events.wait_for(back, "began", track=track.id)
        done = worker_events.wait_for(back, "done", track=track.id)
        rows.append((back - blow, begun - back, done - back, done - blow, track.wait().makespan - usual))
    table.row(len(rows), *(mean_and_worst(column) for column in zip(*rows)))
    print()
    worker_events.close()
    cluster.stop()
    bench.forget(broker)
    broker.stop()


def server_dies(bench, times):
    """The server is killed and started again at once: from the blow until it answers, until it is told of a chunk
    begun, and until one is done."""
    cluster = stage(bench, {})
    song = bench.song(BUSY, "identity")
    usual, worker_events, rows = undisturbed(cluster, song), WorkerEvents(cluster.server), []
    table = Table("server: runs", "answers after", "chunk begun after", "chunk done after", "song takes longer")
    for _ in range(times):
        cluster.all_here(WORKERS)
        track = cluster.server.upload(song, "identity")
        track.done_chunks(random.randint(8, 16))
        blow = time.time()
        cluster.server.kill()
        cluster.restart_server()
        back = time.time()
        begun = worker_events.wait_for(blow, "began", track=track.id)
        done = worker_events.wait_for(back, "done", track=track.id)
        rows.append((back - blow, begun - blow, done - blow, track.wait().makespan - usual))
    table.row(len(rows), *(mean_and_worst(column) for column in zip(*rows)))
    print()
    worker_events.close()
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
            histories = [track.wait() for track in living]
            meter.read()
            cluster.stop()
            audio = tracks * seconds
            whole = max(history.done for history in histories) - began
            routed = max(history.last for history in histories) - min(history.first for history in histories)
            # Seven windows of float stereo there, overlapping, and back, whole.
            step, window = STEPS["identity"][0], 65_536
            messages = audio * RATE / (7 * step) * (6 * step + window + 7 * window) * 8 / 1e6
            hour = audio / 3600
            table.row(place, count, f"{audio / whole:.0f}", f"{audio / routed:.0f}", f"{messages / routed:.0f}",
                      *(f"{meter.used[name] / hour:.1f}" for name in ("server", "broker", "workers", "bench")),
                      percent(meter.ours), percent(meter.others), percent(meter.iowait))


def memory(bench):
    """A pool with a large model, its workers in one process and in one each: memory of the whole pool, now (what
    processes share counted once) and the sum of the peaks, after every worker has done three windows; and the time."""
    bench.settings["models.dir"] = pipeline.random_models(bench.work)
    settings = {"chunking.windows_per_chunk": 1, "models.default": "mdx2048", "worker.cache": bench.work / "cache"}
    table = Table("workers", "processes", "memory MB", "peaks MB", "song s")
    most = bench.arguments.workers
    for workers, processes in ((1, 1), (most, 1), (most, most)):
        cluster = Cluster(bench, workers, {**settings, "worker.processes": processes})
        track = cluster.server.upload(bench.song(3 * most, "mdx2048"), "mdx2048").wait()
        pids = cluster.processes()["workers"]
        table.row(workers, processes, f"{sum(proportional_mb(pid) for pid in pids):.0f}",
                  f"{sum(peak_mb(pid) for pid in pids):.0f}", f"{track.makespan:.1f}")
        cluster.stop()


# ---- command line ---------------------------------------------------------------------------------------------


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=pathlib.Path, help="where the programs' logs go (discarded unless one fails)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    made = {}
    for command in (efficiency, scaling, failover, capacity, memory):
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
    made[memory].add_argument("--workers", type=int, default=8, help="workers of the large pool (8)")
    made[memory].add_argument("--provider", default="auto", help="as in worker.provider (auto)")
    made[capacity].add_argument("--tracks", type=int, default=4, help="songs at once (4)")
    made[capacity].add_argument("--seconds", type=int, default=600, help="length of each (600)")
    made[capacity].add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="(1 2 4)")
    return parser.parse_args()


def main():
    arguments = parse()
    harness.run(arguments, f"{arguments.run.__doc__}\n\nload before: {load()}\n\n".replace("\n    ", "\n"))
    print(f"\nload after: {load()}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
