#!/usr/bin/env python3
"""Tells where the time goes: wall and CPU seconds of every stage of a song, absolute, per hour of audio, as shares.

  separate  `karaoke separate`, the whole process: its start and the opening of the model are in it
  up        one process with workers of its own: a song, after another has loaded the model, and its downloads
  broker    `karaoke server` and `karaoke worker` with RabbitMQ between them: the same

Needs `make build`; `broker` needs RabbitMQ too (`make broker`). Wall seconds are added up over threads; of futures
they are the time in which they run, not that in which they wait. `rest` is what no stage explains: the CPU seconds of
the process less those of its stages. Measuring costs about a microsecond a stage entered.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.request

import stage_reports
import pipeline
import harness
from machine import Meter, Table, percent
from pipeline import KARAOKE, ROOT

FORMATS = ("wav", "flac", "mp3")


def stages(bench):
    arguments = bench.arguments
    if arguments.model == "mdx2048":
        bench.settings["models.dir"] = pipeline.random_models(bench.work)
    bench.settings.update({"models.default": arguments.model, "worker.cache": bench.work / "cache",
                           "worker.workers": arguments.workers})
    kept = stage_reports.Books(bench.work)
    ways = {"separate": separate, "up": up, "broker": broker}
    measured = [report(bench, way, ways[way](bench, kept)) for way in arguments.way]
    if arguments.json:
        arguments.json.write_text(json.dumps(measured, indent=1) + "\n")


def song(bench):
    """The song, at another rate than the model's if that is wanted."""
    arguments = bench.arguments
    clip = pipeline.song(bench.work / "song.wav", arguments.seconds, arguments.rate)
    if not arguments.mp3:
        return clip
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", clip, "-b:a", "192k", clip.with_suffix(".mp3")], check=True)
    return clip.with_suffix(".mp3")


def separate(bench, kept):
    """Finds out first how the model runs best, in a process that does not count."""
    keys = {"KARAOKE__" + key.upper().replace(".", "__"): str(value) for key, value in bench.settings.items()}
    form = (bench.arguments.format or FORMATS)[0]
    command = [KARAOKE.resolve(), "separate", "--quiet", "-f", form, "-o", bench.work / "out"]
    for clip in (bench.song_of(9), song(bench)):
        shutil.rmtree(kept.folder, ignore_errors=True)
        meter = Meter({})
        subprocess.run([*command, clip], env={**os.environ, **keys}, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        meter.read()
    reports = kept.all()
    ours = sum(report["cpu_s"] for report in reports) / meter.wall / os.cpu_count()
    return {"reports": reports, "wall": meter.wall, "formats": [form], "others": max(meter.others - ours, 0)}


def up(bench, kept):
    server = bench.keep(harness.Server({**bench.settings, "store.dir": bench.work / "up"}, bench.log, "up"))
    server.upload(bench.song_of(30), bench.arguments.model).wait()
    measured = between(bench, kept, server, {"server": [server.pid]})
    bench.forget(server)
    server.stop()
    return measured


def broker(bench, kept):
    workers = bench.arguments.workers or len(os.sched_getaffinity(0))
    cluster = harness.Cluster(bench, workers)
    cluster.warm_up(4 * workers, bench.arguments.model)
    measured = between(bench, kept, cluster.server, cluster.processes())
    cluster.stop()
    return measured


def between(bench, kept, server, processes):
    """A song from its upload to its downloads: what the processes have spent meanwhile."""
    pids = [pid for name, pids in processes.items() if name != "broker" for pid in pids]
    clip, before, meter = song(bench), kept.ask(pids), Meter(processes)
    track = server.upload(clip, bench.arguments.model)
    track.wait()
    stems = [stem["name"] for stem in server.get(track.path, track.passcode)["stems"]]
    for name in [f"{stem}.{form}" for form in bench.arguments.format for stem in stems]:
        fetch(server, track, name)
    meter.read()
    reports = stage_reports.difference(before, kept.ask(pids))
    return {"reports": reports, "wall": meter.wall, "formats": bench.arguments.format,
            "broker": meter.used.get("broker"), "others": meter.others}


def fetch(server, track, name):
    address = f"{server.url}{track.path}/stems/{name}"
    request = urllib.request.Request(address, headers={"X-Track-Passcode": track.passcode})
    with urllib.request.urlopen(request, timeout=600) as answer:
        while answer.read(1 << 20):
            pass


def report(bench, way, measured):
    """Prints the table of one way; returns it as numbers."""
    arguments, hour = bench.arguments, bench.arguments.seconds / 3600
    spent, rest, threads = stage_reports.split(measured["reports"])
    sums = {side: sum(cpu for _, cpu in spent[side].values()) + rest[side] for side in stage_reports.SIDES}
    whole = sum(sums.values())
    print(f"\n### {way}: {arguments.model}, {arguments.provider}, {arguments.seconds} s at {arguments.rate} Hz, "
          f"stems as {' and '.join(measured['formats']) or 'nothing'}: {measured['wall']:.2f} s wall, {whole:.2f} s CPU; "
          f"others took {percent(measured['others'])} of the machine")
    table = Table("stage".ljust(14), *(f"{side}: {what}" for side in stage_reports.SIDES
                                       for what in ("wall s", "CPU s", "CPU s an hour", "of all CPU")))
    cells = lambda wall, cpu: ["" if wall is None else f"{wall:.3f}", f"{cpu:.3f}", f"{cpu / hour:.2f}",
                               f"{100 * cpu / whole:.1f} %"]
    for stage in stage_reports.STAGES:
        if any(spent[side][stage][0] or spent[side][stage][1] for side in stage_reports.SIDES):
            table.row(stage, *(cell for side in stage_reports.SIDES for cell in cells(*spent[side][stage])))
    table.row("rest", *(cell for side in stage_reports.SIDES for cell in cells(None, rest[side])))
    table.row("sum", *(cell for side in stage_reports.SIDES for cell in cells(None, sums[side])))
    if measured.get("broker") is not None:
        print(f"broker: {measured['broker']:.2f} s CPU, {measured['broker'] / hour:.1f} an hour")
    for side in stage_reports.SIDES:
        if sums[side]:
            parts = ", ".join(f"{name} {s:.3f}" for name, s in sorted(threads[side].items(), key=lambda t: -t[1]) if s > 0.0005)
            print(f"rest of {side}, {100 * rest[side] / sums[side]:.1f} % of its CPU: {parts}")
    print(f"server without inference: {sums['server'] / hour:.1f} CPU s an hour of audio; "
          f"stages explain {100 * (1 - sum(rest.values()) / whole):.1f} % of all CPU time", flush=True)
    sided = {side: {**{stage: dict(zip(("wall_s", "cpu_s"), spent[side][stage])) for stage in stage_reports.STAGES},
                    "rest": {"cpu_s": rest[side], "threads": threads[side]}} for side in stage_reports.SIDES}
    return {"way": way, "model": arguments.model, "provider": arguments.provider, "audio_s": arguments.seconds,
            "rate": arguments.rate, "formats": list(measured["formats"]), "wall_s": measured["wall"], "cpu_s": whole,
            "broker_cpu_s": measured.get("broker"), **sided}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", nargs="*", default=["separate", "up", "broker"], help="separate, up, broker (all)")
    parser.add_argument("--model", choices=list(harness.STEPS), default="centre")
    parser.add_argument("--provider", default="cpu", help="worker.provider (cpu)")
    parser.add_argument("--workers", type=int, default=0, help="0: one a core")
    parser.add_argument("--seconds", type=int, default=600, help="length of the song (600)")
    parser.add_argument("--rate", type=int, default=44_100, help="its sample rate; the models' is 44100")
    parser.add_argument("--mp3", action="store_true", help="the song is an MP3 (needs ffmpeg)")
    parser.add_argument("--format", nargs="*", choices=FORMATS, default=["wav"],
                        help="what is downloaded (wav); nothing behind it: nothing")
    parser.add_argument("--json", type=pathlib.Path, help="writes the numbers there")
    parser.add_argument("--log", type=pathlib.Path, help="where the programs' logs go (discarded unless one fails)")
    parser.set_defaults(run=stages)
    arguments = parser.parse_args()
    if unknown := set(arguments.way) - {"separate", "up", "broker"}:
        parser.error(f"there is no way {', '.join(sorted(unknown))}")
    return arguments


if __name__ == "__main__":
    try:
        harness.run(parse())
    except KeyboardInterrupt:
        sys.exit(130)
