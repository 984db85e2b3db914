#!/usr/bin/env python3
"""Measures one server, with its workers in the same process, under more than it was asked for so far.

  crowd  200 listeners and 50 uploads at once: p50 and p99 of status requests, before, during and after; how fast uploads
         beyond the bound are refused; memory; when all songs are done
  songs  340 short songs, ten at a time: memory before, on the way and after, and where it lies

Needs `make build`, or --program.
"""

import argparse
import pathlib
import threading
import time
import urllib.error

import harness
from history import Feed, until
from machine import CORES

ARENA = 64 << 20


def memory(pid):
    """MB in all, at the peak, in the allocator's main heap, and in its arenas for other threads."""
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    kb = {"all": int(status["VmRSS"].split()[0]), "peak": int(status["VmHWM"].split()[0]), "heap": 0, "arenas": 0}
    place = None
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        word = line.split()
        if "-" in word[0] and not word[0].endswith(":"):
            start = int(word[0].split("-")[0], 16)
            # glibc puts what threads allocate into heaps that begin at a multiple of their largest size.
            place = "heap" if line.endswith("[heap]") else "arenas" if len(word) < 6 and start % ARENA == 0 else None
        elif word[0] == "Rss:" and place:
            kb[place] += int(word[1])
    return {name: value / 1024 for name, value in kb.items()}


def say(what, pid):
    now = memory(pid)
    print(f"{what:32} {now['all']:7.0f} MB; main heap {now['heap']:.0f}, arenas {now['arenas']:.0f}, peak {now['peak']:.0f}", flush=True)


class Asker(threading.Thread):
    """Asks for a track's status again and again, and keeps how long each answer took."""

    def __init__(self, server, track):
        super().__init__(daemon=True)
        self.server, self.track, self.took, self.open = server, track, [], True
        self.start()

    def run(self):
        while self.open:
            began = time.monotonic()
            self.server.get(f"/api/v1/tracks/{self.track.id}", self.track.passcode)
            self.took.append((time.monotonic() - began) * 1000)
            time.sleep(0.02)

    def since(self, name):
        took, self.took = sorted(self.took), []
        if took:
            print(f"status requests {name:12} p50 {took[len(took) // 2]:6.1f} ms, p99 {took[len(took) * 99 // 100]:7.1f} ms, {len(took)} asked", flush=True)


def crowd(bench):
    arguments = bench.arguments
    settings = {**bench.settings, "store.dir": bench.work / "store", "limits.active_tracks": arguments.bound,
                "simulation.window_seconds": 0.05}
    server = bench.keep(harness.Server(settings, bench.log, command="up"))
    song = bench.song_of(arguments.seconds)
    first = server.upload(song, "identity")
    first.wait()
    say("one song done", server.pid)
    asker = Asker(server, first)
    time.sleep(5)
    asker.since("alone")
    tracks, refused, lock = [], [], threading.Lock()

    def hand_in():
        began = time.monotonic()
        try:
            track = server.upload(song, "identity")
            with lock:
                tracks.append(track)
        except urllib.error.HTTPError as error:
            with lock:
                refused.append((error.code, (time.monotonic() - began) * 1000))

    began = time.monotonic()
    # `upload` listens to its song; the rest of the listeners follow those that are in.
    senders = [threading.Thread(target=hand_in) for _ in range(arguments.uploads)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    feeds = []
    for number in range(arguments.listeners - len(tracks)):
        track = tracks[number % len(tracks)]
        feeds.append(Feed(f"{server.url}/api/v1/tracks/{track.id}/events", track.passcode))
    print(f"{len(tracks)} songs of {arguments.seconds} s taken in {time.monotonic() - began:.1f} s, {arguments.listeners} listeners; "
          f"{len(refused)} refused ({sorted({code for code, _ in refused})}), the slowest refusal after "
          f"{max((ms for _, ms in refused), default=0):.0f} ms", flush=True)
    say("all of them there", server.pid)
    for track in tracks:
        track.wait()
    asker.since("under load")
    print(f"all done after {time.monotonic() - began:.1f} s", flush=True)
    say("all done", server.pid)
    time.sleep(5)
    asker.since("afterwards")
    asker.open = False
    say("afterwards", server.pid)


def songs(bench):
    arguments = bench.arguments
    settings = {**bench.settings, "store.dir": bench.work / "store"}
    server = bench.keep(harness.Server(settings, bench.log, command="up"))
    song = bench.song_of(arguments.seconds)
    say("started", server.pid)
    for done in range(0, arguments.songs, arguments.at_once):
        tracks = []
        senders = [threading.Thread(target=lambda: tracks.append(server.upload(song, "identity"))) for _ in range(arguments.at_once)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        for track in tracks:
            track.wait()
        if done + arguments.at_once in (10, 100, arguments.songs):
            say(f"{done + arguments.at_once} songs", server.pid)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=pathlib.Path)
    parser.add_argument("--program", type=pathlib.Path, default=harness.KARAOKE)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("crowd")
    command.add_argument("--listeners", type=int, default=200)
    command.add_argument("--uploads", type=int, default=50)
    command.add_argument("--bound", type=int, default=40, help="limits.active_tracks")
    command.add_argument("--seconds", type=int, default=30)
    command.set_defaults(run=crowd)
    command = commands.add_parser("songs")
    command.add_argument("--songs", type=int, default=340)
    command.add_argument("--seconds", type=int, default=5)
    command.add_argument("--at-once", type=int, default=10)
    command.set_defaults(run=songs)
    arguments = parser.parse_args()
    harness.KARAOKE = arguments.program
    harness.run(arguments, f"{CORES} cores\n")


if __name__ == "__main__":
    main()
