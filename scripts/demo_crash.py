#!/usr/bin/env python3
"""Shows that a song is finished whatever crashes: a broker, a server, healthy workers and crashing ones.

Starts all of it, uploads a song, and prints what happens with times: who began with which chunk, who crashed, which
chunk came back, who took it, how far the song is. The page of the server shows the same, live.
"""

import argparse
import array
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
import wave

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Log:
    """Prints lines with the seconds since the song was handed in."""

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.lock = threading.Lock()
        self.counts = {}

    def restart(self) -> None:
        self.begin = time.monotonic()

    def line(self, text: str) -> None:
        with self.lock:
            print(f"{time.monotonic() - self.begin:7.1f} s  {text}", flush=True)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


def make_song(path: pathlib.Path, seconds: int) -> None:
    """A chord that beats, in stereo: something to separate when no song is given."""
    rate = 44100
    notes = [(220.0, 0.3, 0.1), (277.2, 0.2, 0.2), (329.6, 0.1, 0.3), (440.5, 0.2, 0.2)]
    second = array.array("h")
    for i in range(rate):
        t = i / rate
        left = sum(a * math.sin(2 * math.pi * round(f) * t) for f, a, _ in notes)
        right = sum(a * math.sin(2 * math.pi * round(f) * t + 1) for f, _, a in notes)
        second.extend((int(20000 * left), int(20000 * right)))
    with wave.open(str(path), "wb") as out:
        out.setparams((2, 2, rate, 0, "NONE", ""))
        for _ in range(seconds):
            out.writeframes(second.tobytes())


def events(url: str, passcode: str = ""):
    """The server-sent events at an address, as (name, data)."""
    request = urllib.request.Request(url, headers={"X-Track-Passcode": passcode})
    with urllib.request.urlopen(request) as answer:
        name, data = "", ""
        for line in answer:
            text = line.decode().rstrip("\r\n")
            if text.startswith("event:"):
                name = text[6:].strip()
            elif text.startswith("data:"):
                data += text[5:].strip()
            elif not text:
                if data:
                    yield name, json.loads(data)
                name, data = "", ""


def upload(url: str, song: pathlib.Path, model: str) -> dict:
    query = urllib.parse.urlencode({"name": song.name, "model": model})
    request = urllib.request.Request(
        f"{url}/api/v1/tracks?{query}", data=song.read_bytes(), method="POST",
        headers={"Content-Type": "application/octet-stream"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def follow_workers(url: str, log: Log) -> None:
    try:
        for name, data in events(f"{url}/api/v1/workers/events"):
            if name == "happening":
                log.count(data["what"])
                if data["what"] != "joined":
                    log.line(data["text"])
    except OSError:
        pass  # The server has been stopped: there is nothing more to follow.


def follow_track(url: str, track: dict, log: Log) -> str:
    """Tells of the track's progress until it ends; returns the state in which it does."""
    told, state = -1, "?"
    for name, data in events(f"{url}/api/v1/tracks/{track['id']}/events", track["passcode"]):
        view = data.get("track") if name == "snapshot" else data if name == "track" else None
        if view:
            state, percent = view["state"], int(view["progress"] * 100)
            if percent // 10 > told // 10 and state == "separating":
                log.line(f"Track {track['id'][:6]}: progress {percent} %")
                told = percent
            if view.get("error"):
                log.line(view["error"]["detail"])
        if name == "end":
            break
    return state


def wait_for(process: subprocess.Popen, word: str) -> str:
    """Reads a process's output up to the line with a word, and goes on emptying it in the background."""
    for line in process.stdout:
        if word in line:
            threading.Thread(target=lambda: [None for _ in process.stdout], daemon=True).start()
            return line.strip()
    raise SystemExit(f"{process.args[1]} did not start; see the log above")


def start(command: list, env: dict, log) -> subprocess.Popen:
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT)


def settings(args: argparse.Namespace, broker: str, store: str) -> dict:
    set_to = {
        "BROKER__URL": broker,
        "STORE__DIR": store,
        "CHUNKING__WINDOWS_PER_CHUNK": args.windows_per_chunk,
        "SIMULATION__WINDOW_SECONDS": args.window_seconds,
    }
    return {**os.environ, **{f"KARAOKE__{key}": str(value) for key, value in set_to.items()}}


def unhealthy(args: argparse.Namespace) -> dict:
    set_to = {
        "WORKERS_HEALTHY": args.healthy,
        "WORKERS_UNHEALTHY": args.crashing,
        "SIMULATE_CRASH_AFTER": args.crash_after,
        "FAULT": args.fault,
    }
    return {f"KARAOKE__SIMULATION__{key}": str(value) for key, value in set_to.items()}


def start_broker(folder: pathlib.Path, ports: int) -> str:
    command = [sys.executable, ROOT / "scripts/broker.py", "--dir", folder, "start", "--ports-from", str(ports)]
    started = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return next(word for word in started.stdout.split() if word.startswith("stomp://"))


def demonstrate(args: argparse.Namespace, folder: pathlib.Path, log) -> int:
    log, processes = Log(), []
    broker_dir = folder / "broker"
    try:
        env = settings(args, start_broker(broker_dir, args.ports_from), str(folder / "store"))
        log.line("the broker is up")
        server = start([args.karaoke, "server", "--port", str(args.port)], env, log)
        processes.append(server)
        url = next(w for w in wait_for(server, "http://").split() if w.startswith("http://"))
        log.line(f"the server is up; watch it all at {url}")
        pool = start([args.karaoke, "worker", "--id", "demo"], {**env, **unhealthy(args)}, log)
        processes.append(pool)
        wait_for(pool, "are ready")
        log.line(f"{args.healthy} healthy and {args.crashing} crashing workers are ready; "
                   f"the crashing ones {args.fault} {args.crash_after:g} s after their start")
        song = args.song or folder / "song.wav"
        if not args.song:
            make_song(song, args.seconds)
        threading.Thread(target=follow_workers, args=(url, log), daemon=True).start()
        log.restart()
        track = upload(url, song, args.model)
        log.line(f"{song.name} is handed in as track {track['id']}")
        state = follow_track(url, track, log)
        log.line(f"the song is {state}, after {time.monotonic() - log.begin:.1f} s")
        words = {"began": "chunks begun", "done": "done", "crashed": "workers crashed", "lost": "came back", "returned": "handed back",
                "refused": "corrupt replies refused", "resent": "sent again", "spare": "spare copies"}
        print("\n" + ", ".join(f"{log.counts[what]} {text}" for what, text in words.items() if what in log.counts))
        if args.stay and state == "done" and sys.stdin.isatty():
            input(f"\nThe page is at {url}. Enter ends the demonstration. ")
        return 0 if state == "done" else 1
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(timeout=30)
        subprocess.run([sys.executable, ROOT / "scripts/broker.py", "--dir", broker_dir, "stop"], check=False,
                       stdout=subprocess.DEVNULL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--song", type=pathlib.Path, help="a song; without it, one is made")
    parser.add_argument("--seconds", type=int, default=240, help="length of the song that is made (240)")
    parser.add_argument("--model", default="builtin", help="the model (builtin)")
    parser.add_argument("--healthy", type=int, default=10, help="healthy workers (10)")
    parser.add_argument("--crashing", type=int, default=2, help="crashing workers (2)")
    parser.add_argument("--crash-after", type=float, default=8, help="seconds until they crash (8)")
    parser.add_argument("--fault", default="kill", choices=["kill", "hang", "nack", "corrupt", "slow"])
    parser.add_argument("--window-seconds", type=float, default=2, help="a window takes at least so long (2)")
    parser.add_argument("--windows-per-chunk", type=int, default=1, help="windows in a chunk (1)")
    parser.add_argument("--karaoke", default=str(ROOT / "target/release/karaoke"), help="the program")
    parser.add_argument("--port", type=int, default=8080, help="the server's port (8080; 0: any free one)")
    parser.add_argument("--ports-from", type=int, default=25800, help="the first of the broker's ports (25800)")
    parser.add_argument("--stay", action="store_true", help="go on serving until Enter is pressed")
    parser.add_argument("--log", type=pathlib.Path, help="where the programs' logs go (discarded)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="karaoke-demo-") as folder, open(args.log or os.devnull, "w") as log:
        return demonstrate(args, pathlib.Path(folder), log)


if __name__ == "__main__":
    sys.exit(main())
