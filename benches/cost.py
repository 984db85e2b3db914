#!/usr/bin/env python3
"""Measures what an hour of audio costs as songs get longer and as workers are added, through RabbitMQ.

  lengths  songs of 1, 4, 15 and 60 minutes: CPU seconds an hour of audio, peak memory, time as a share of the length
  workers  1, 2, 4 and 8 workers: the same, and how much sooner the song is done

Each row has a server, a broker's virtual host and workers of its own, which have loaded the model before. Ratios are
to the first row: 1.00 everywhere is perfect. Needs `make build` and RabbitMQ (`make broker`).
"""

import argparse
import math
import pathlib
import sys

import pipeline
import harness
from machine import CORES, Meter, Table, load, peak_mb, percent

# How a model is run: the real ones as fast as they can, the others with workers that only wait.
KINDS = {"real": ("centre", {}), "waits": ("identity", {"simulation.window_seconds": 0.5, "chunking.windows_per_chunk": 1})}


def measure(bench, workers, seconds, model, settings):
    """One song through a cluster of its own: what it took of everything."""
    cluster = harness.Cluster(bench, workers, {"models.default": model, **settings})
    cluster.warm_up(2 * workers, model)
    meter = Meter(cluster.processes())
    history = cluster.server.upload(bench.song_of(seconds), model).wait()
    meter.read()
    hour = seconds / 3600
    pids = cluster.processes()
    row = {"wall": history.done - history.sent, "separating": history.last - history.first,
           **{name: meter.used[name] / hour for name in ("server", "broker", "workers")},
           "peak": peak_mb(cluster.server.pid), "worker peak": max(peak_mb(pid) for pid in pids["workers"]),
           "others": meter.others, "chunks": history.chunks}
    cluster.stop()
    return row


def ratio(row, first, *keys):
    return [f"{row[key] / first[key]:.2f}" if first[key] else "–" for key in keys]


def lengths(bench):
    arguments = bench.arguments
    model = arguments.model
    if model == "mdx2048":
        bench.settings["models.dir"] = pipeline.random_models(bench.work)
    count = arguments.workers or CORES
    print(f"{model}, {arguments.provider}, {count} workers; {CORES} cores")
    costs = ("server", "broker", "workers", "peak", "worker peak")
    table = Table("minutes", "chunks", "time / length", "CPU s an hour: server", "broker", "workers",
                  "peak MB: server", "worker", "ratios: time", "server", "broker", "workers", "peak", "worker", "others")
    first = None
    for minutes in arguments.minutes:
        row = measure(bench, count, round(60 * minutes), model, {})
        row["share"] = row["wall"] / (60 * minutes)
        first = first or row
        table.row(f"{minutes:g}", row["chunks"], f"{row['share']:.4f}", *(f"{row[key]:.1f}" for key in costs),
                  *ratio(row, first, "share", *costs), percent(row["others"]))


def workers(bench):
    arguments = bench.arguments
    costs = ("server", "broker", "workers", "peak")
    for kind in arguments.kind:
        model, settings = KINDS[kind]
        print(f"\n### {kind}: {model}, {arguments.seconds} s of audio; {CORES} cores")
        table = Table("workers", "chunks", "separating s", "CPU s an hour: server", "broker", "workers", "peak MB: server",
                      "times as fast", "of the ideal", "ratios: server", "broker", "workers", "peak", "others")
        first = None
        for count in arguments.workers:
            row = measure(bench, count, arguments.seconds, model, settings)
            first = first or {**row, "count": count}
            faster = first["separating"] / row["separating"]
            # Workers that compute share the cores; those that wait are held up by whole rounds alone.
            if kind == "real":
                ideal = min(count, CORES) / min(first["count"], CORES)
            else:
                ideal = math.ceil(row["chunks"] / first["count"]) / math.ceil(row["chunks"] / count)
            table.row(count, row["chunks"], f"{row['separating']:.2f}", *(f"{row[key]:.1f}" for key in costs),
                      f"{faster:.2f}", f"{faster / ideal:.3f}", *ratio(row, first, *costs), percent(row["others"]))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=pathlib.Path, help="where the programs' logs go (discarded unless one fails)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("lengths", help="as songs get longer")
    one.add_argument("--minutes", type=float, nargs="+", default=[1, 4, 15, 60], help="(1 4 15 60)")
    one.add_argument("--model", choices=list(harness.STEPS), default="centre")
    one.add_argument("--provider", default="cpu", help="worker.provider (cpu)")
    one.add_argument("--workers", type=int, default=0, help="0: one a core")
    one.set_defaults(run=lengths)
    two = commands.add_parser("workers", help="as workers are added")
    two.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8], help="(1 2 4 8)")
    two.add_argument("--seconds", type=int, default=180, help="length of the song (180)")
    two.add_argument("--kind", nargs="+", choices=list(KINDS), default=list(KINDS), help="real, waits (both)")
    two.set_defaults(run=workers)
    return parser.parse_args()


if __name__ == "__main__":
    try:
        harness.run(parse(), f"load before: {load()}\n")
        print(f"load after: {load()}")
    except KeyboardInterrupt:
        sys.exit(130)
