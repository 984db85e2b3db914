#!/usr/bin/env python3
"""Measures the whole program on this machine: overhead, first sound, memory.

  overhead     wall time of `karaoke separate` against the bare sum of its window inferences, in turns
  first-sound  from the end of an upload to the first playable second
  start        from the start of the server to the first playable second, with nothing found out before and with all
  memory       peak of the server for a short and a long file

Needs `make build`; `overhead --model mdx2048` also makes an environment with numpy and onnx.
"""

import argparse
import http.client
import json
import math
import os
import pathlib
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import venv

from machine import peak_mb

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
KARAOKE = TARGET / "release" / "karaoke"


def song(path, seconds, rate=44_100):
    """Writes a 16-bit stereo WAV of that length, one second at a time: a chord, a voice, a beat."""
    second = bytearray()
    for i in range(rate):
        t = i / rate
        voice = sum(math.sin(2 * math.pi * 220 * h * t) / h for h in range(1, 8)) * (0.5 + 0.5 * math.sin(6 * t))
        beat = math.sin(2 * math.pi * 55 * t) * math.exp(-8 * (t * 2 % 1))
        chord = math.sin(2 * math.pi * 330 * t)
        frame = [0.15 * voice + 0.2 * beat + side * 0.2 * chord for side in (1, -0.6)]
        second += struct.pack("<hh", *(int(32767 * x) for x in frame))
    size = len(second) * seconds
    with open(path, "wb") as out:
        out.write(b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt ")
        out.write(struct.pack("<IHHIIHH", 16, 1, 2, rate, rate * 4, 4, 16) + b"data" + struct.pack("<I", size))
        for _ in range(seconds):
            out.write(second)
    return path


def environment(models, work, provider="cpu"):
    """Settings of a program that is started in the repository's folder, where it finds the provider's runtime."""
    return {**os.environ, "KARAOKE__MODELS__DIR": str(models), "KARAOKE__STORE__DIR": str(work / "store"),
            "KARAOKE__WORKER__PROVIDER": provider}


def random_models(work):
    """A folder with an MDX-Net of full size and random weights."""
    python = TARGET / "bench-venv" / "bin" / "python"
    if not python.exists():
        venv.create(python.parent.parent, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "torch", "onnx", "onnxruntime"], check=True)
    models = work / "models"
    subprocess.run([python, ROOT / "models" / "random_mdx.py", "--out", models / "mdx2048.onnx", "--manifest"], check=True)
    return models


def overhead(arguments, work):
    """Whole program against bare inferences on the sessions, threads, provider and precision that it uses itself: what
    was found out about the machine is in one cache for both, filled before the first round."""
    models = random_models(work) if arguments.model == "mdx2048" else ROOT / "models"
    clip = song(work / "song.wav", arguments.seconds)
    workers = arguments.sessions or len(os.sched_getaffinity(0))
    subprocess.run(["cargo", "build", "--quiet", "--release", "-p", "karaoke-worker", "--example", "bare_windows"],
                   cwd=ROOT, check=True)
    for provider in arguments.provider:
        cache = work / f"cache-{provider}"
        settings = {**environment(models, work, provider), "KARAOKE__MODELS__DEFAULT": arguments.model,
                    "KARAOKE__WORKER__WORKERS": str(workers), "KARAOKE__WORKER__CACHE": str(cache)}
        bare = [TARGET / "release" / "examples" / "bare_windows", models, arguments.model, str(arguments.seconds), str(workers),
                provider, cache]
        whole = [KARAOKE.resolve(), "separate", clip, "-o", work / "out", "--quiet", "--force", "--bits", "16"]
        # The program itself finds out how the model runs best, with a song of two windows.
        first = [*whole[:2], song(work / "first.wav", 9), *whole[3:]]
        subprocess.run(first, env=settings, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        ratios = [round_of(number, bare, whole, settings, arguments.seconds) for number in range(arguments.rounds)]
        division = next(iter(json.loads((cache / "sessions.json").read_text()).values()))["division"]
        print(f"{arguments.model}, {provider}, {arguments.seconds} s, {ratios[0][2]:.0f} windows, {workers} workers on "
              f"{division['sessions']} sessions of {division['threads']} threads: median ratio "
              f"{statistics.median(r[0] for r in ratios):.3f}, of CPU time {statistics.median(r[1] for r in ratios):.3f}",
              flush=True)


def round_of(number, bare, whole, settings, seconds):
    """Bare, whole, bare: ratios of the whole program, its start and the opening of the model included, by the clock and
    of processor time, which other work on the machine makes hardly longer."""
    def timed():
        said = subprocess.run(bare, env=settings, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        return [float(word) for word in said.split()]
    before = timed()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run(whole, env=settings, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    wall = time.monotonic() - began
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    after = timed()
    ratios = [2 * mine / (a + b) for mine, a, b in zip((wall, cpu), before, after)] + [before[2]]
    print(f"round {number + 1}: bare {before[0]:.2f} and {after[0]:.2f} s, whole {wall:.2f} s, ratio {ratios[0]:.3f}; "
          f"CPU bare {before[1]:.2f} and {after[1]:.2f} s, whole {cpu:.2f} s, ratio {ratios[1]:.3f}; "
          f"{seconds / wall:.1f} x realtime", flush=True)
    return ratios


class Server:
    def __init__(self, settings, stderr=None):
        self.process = subprocess.Popen([KARAOKE.resolve(), "up", "--port", "0"], cwd=ROOT, stderr=stderr,
                                        env={**settings, "RUST_LOG": "warn"}, stdout=subprocess.PIPE, text=True)
        address = self.process.stdout.readline().split()[3]
        self.connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=7200)

    def upload(self, path, model):
        with open(path, "rb") as body:
            self.connection.request("POST", f"/api/v1/tracks?name={path.name}&model={model}", body,
                                    {"Content-Length": str(path.stat().st_size)})
            self.sent = time.monotonic()
            answer = self.connection.getresponse()
            track = json.load(answer)
        if answer.status != 202:
            sys.exit(f"refused: {track}")
        return track

    def get(self, track, path="", headers=None):
        headers = {"X-Track-Passcode": track["passcode"], **(headers or {})}
        self.connection.request("GET", f"/api/v1/tracks/{track['id']}{path}", headers=headers)
        return self.connection.getresponse().read()

    def wait(self, track):
        while True:
            view = json.loads(self.get(track))
            if view["state"] in ("done", "failed", "cancelled"):
                return view
            time.sleep(0.2)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def first_sound(arguments, work):
    clip = song(work / "song.wav", arguments.seconds)
    if arguments.mp3:
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", clip, "-b:a", "192k", work / "song.mp3"], check=True)
        clip = work / "song.mp3"
    server = Server(environment(ROOT / "models", work))
    times = []
    for _ in range(arguments.rounds):
        track = server.upload(clip, arguments.model)
        server.get(track, "/stems/instrumental.wav", {"Range": f"bytes=0-{44 + 44_100 * 4 - 1}"})
        times.append(time.monotonic() - server.sent)
        server.wait(track)
        whole = time.monotonic() - server.sent
        print(f"first second after {times[-1]:.2f} s, whole song after {whole:.2f} s", flush=True)
    server.stop()
    print(f"{arguments.model}, {clip.name}, {arguments.seconds} s: first sound, median {statistics.median(times):.2f} s")


def start(arguments, work):
    """A song handed in as soon as the server answers, and one handed in when the default model has been loaded."""
    models = random_models(work) if arguments.model == "mdx2048" else ROOT / "models"
    clip = song(work / "song.wav", arguments.seconds)
    settings = {**environment(models, work, arguments.provider), "KARAOKE__MODELS__DEFAULT": arguments.model,
                "KARAOKE__MODELS__FETCH": "[]"}
    for number in range(arguments.rounds):
        for cache in ("empty", "full"):
            settings["KARAOKE__WORKER__CACHE"] = str(work / f"cache{number}")
            for idle in (0, arguments.idle):
                if cache == "empty" and idle:
                    settings["KARAOKE__WORKER__CACHE"] = str(work / f"cache{number}-idle")
                # What the last one left unfinished is not this one's.
                settings["KARAOKE__STORE__DIR"] = tempfile.mkdtemp(dir=work)
                began = time.monotonic()
                server = Server(settings, stderr=subprocess.DEVNULL)
                answers = time.monotonic() - began
                time.sleep(idle)
                track = server.upload(clip, arguments.model)
                server.get(track, "/stems/instrumental.wav", {"Range": f"bytes=0-{44 + 44_100 * 4 - 1}"})
                now = time.monotonic()
                print(f"{arguments.model}, cache {cache}, idle for {idle} s: answers after {answers:.2f} s, first second "
                      f"{now - began - idle:.2f} s after the start, {now - server.sent:.2f} s after the upload", flush=True)
                server.stop()


def memory(arguments, work):
    peaks = []
    for seconds in (arguments.short, arguments.long):
        clip = song(work / "song.wav", seconds, arguments.rate)
        server = Server(environment(ROOT / "models", work / str(seconds)))
        began = time.monotonic()
        track = server.upload(clip, arguments.model)
        view = server.wait(track)
        server.get(track, "/stems/vocals.wav", {"Range": "bytes=0-1000000"})
        peaks.append(peak_mb(server.process.pid))
        print(f"{seconds} s at {arguments.rate} Hz: {view['state']} after {time.monotonic() - began:.0f} s, "
              f"peak {peaks[-1]:.1f} MB", flush=True)
        server.stop()
        clip.unlink()
    print(f"{arguments.model}: the long file takes {peaks[1] - peaks[0]:+.1f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("overhead")
    one.add_argument("--model", default="centre", help="centre, identity or mdx2048 (random weights)")
    one.add_argument("--seconds", type=int, default=180)
    one.add_argument("--sessions", type=int, default=0, help="workers; 0: one a core")
    one.add_argument("--provider", nargs="+", default=["cpu"], choices=["auto", "cpu", "openvino", "cuda"])
    one.add_argument("--rounds", type=int, default=3)
    one.set_defaults(run=overhead)
    two = commands.add_parser("first-sound")
    two.add_argument("--model", default="centre")
    two.add_argument("--seconds", type=int, default=180)
    two.add_argument("--rounds", type=int, default=3)
    two.add_argument("--mp3", action="store_true", help="upload an MP3 (needs ffmpeg)")
    two.set_defaults(run=first_sound)
    three = commands.add_parser("memory")
    three.add_argument("--model", default="centre")
    three.add_argument("--short", type=int, default=180)
    three.add_argument("--long", type=int, default=10_800)
    three.add_argument("--rate", type=int, default=44_100)
    three.set_defaults(run=memory)
    four = commands.add_parser("start")
    four.set_defaults(run=start)
    four.add_argument("--model", default="builtin")
    four.add_argument("--provider", default="auto")
    four.add_argument("--seconds", type=int, default=180)
    four.add_argument("--rounds", type=int, default=1)
    four.add_argument("--idle", type=float, default=8)
    arguments = parser.parse_args()
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET, prefix="bench-") as work:
        pathlib.Path(work, "store").mkdir()
        arguments.run(arguments, pathlib.Path(work))


if __name__ == "__main__":
    main()
