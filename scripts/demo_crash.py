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
import socket
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
        # Workers that have shown their fault.
        self.struck = set()
        self.is_over = False

    def restart(self) -> None:
        self.begin = time.monotonic()

    def line(self, text: str) -> None:
        with self.lock:
            if self.is_over:
                return
            print(f"{time.monotonic() - self.begin:7.1f} s  {text}", flush=True)

    def count(self, what: str, worker: str | None) -> None:
        """Counts an event; a worker that shows its fault is noted."""
        self.counts[what] = self.counts.get(what, 0) + 1
        if worker and what in ("crashed", "suspect", "returned", "refused"):
            self.struck.add(worker)


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
                log.count(data["what"], data.get("worker"))
                if data["what"] != "joined":
                    log.line(data["text"])
    except OSError:
        pass  # The server has been stopped: there is nothing more to follow.


def follow_track(url: str, track: dict, log: Log, needed: int) -> str:
    """Prints the track's progress until it ends; returns the state in which it does."""
    printed, state, warned = -1, "?", False
    for name, data in events(f"{url}/api/v1/tracks/{track['id']}/events", track["passcode"]):
        view = data.get("track") if name == "snapshot" else data if name == "track" else None
        if view:
            state, percent = view["state"], int(view["progress"] * 100)
            if percent // 10 > printed // 10 and state == "separating":
                log.line(f"Track {track['id'][:6]}: progress {percent} %")
                printed = percent
            chunks = len(data.get("chunks", []))
            if name == "snapshot" and 0 < chunks < needed and not warned:
                log.line(f"the song has {chunks} chunks; so that every unhealthy worker has one in hand when its time comes, "
                         f"{needed} would be needed")
                warned = True
            if view.get("error"):
                log.line(view["error"]["detail"])
        if name == "end":
            break
    return state


class Program:
    """A program whose log goes into a file, so that it can be shown when the program dies."""

    def __init__(self, name: str, command: list, env: dict, log: pathlib.Path) -> None:
        self.name, self.log = name, log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=out, text=True, cwd=ROOT)

    def wait_for(self, word: str) -> str:
        """Reads its output up to the line with a word, and goes on emptying it in the background."""
        for line in self.process.stdout:
            if word in line:
                threading.Thread(target=lambda: [None for _ in self.process.stdout], daemon=True).start()
                return line.strip()
        raise SystemExit(f"karaoke {self.name} did not start. The end of its log ({self.log}):\n{self.tail()}")

    def tail(self, lines: int = 12) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """Asks it to end, and waits until it has."""
        self.process.terminate()
        self.process.wait(timeout=30)


def free_port(wanted: int) -> int:
    """The port that is wanted, or any free one when another program has it."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return probe.getsockname()[1]
            except OSError:
                continue
    raise SystemExit("no port is free")


def settings(args: argparse.Namespace, broker: str, store: str) -> dict:
    set_to = {
        "BROKER__URL": broker,
        "STORE__DIR": store,
        "CHUNKING__WINDOWS_PER_CHUNK": args.windows_per_chunk,
        "SIMULATION__WINDOW_SECONDS": args.window_seconds,
        # The demonstration is about crashes: no worker is to leave because a better model has come.
        "MODELS__FETCH": "[]",
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


def needed_chunks(args: argparse.Namespace) -> int:
    """Chunks that keep every worker busy until the unhealthy ones have had their fault."""
    chunk_s = max(0.5, args.window_seconds * args.windows_per_chunk)
    return (args.healthy + args.crashing) * (math.ceil(args.crash_after / chunk_s) + 2)


def start_broker(folder: pathlib.Path, ports: int) -> str:
    command = [sys.executable, ROOT / "scripts/broker.py", "--dir", folder, "start", "--ports-from", str(ports)]
    # What goes wrong it says itself, on standard error.
    started = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if started.returncode:
        raise SystemExit("the broker did not start")
    return next(word for word in started.stdout.split() if word.startswith("stomp://"))


def summary(args: argparse.Namespace, log: Log) -> tuple[str, bool]:
    """What the unhealthy workers were to do and did, in a sentence, and whether all of them did it."""
    struck, count = len(log.struck), log.counts.get
    back = {"kill": "lost", "hang": "spare", "nack": "returned", "corrupt": "refused"}.get(args.fault, "spare")
    verbs = {"kill": "crash", "hang": "freeze", "nack": "hand back", "corrupt": "send damaged replies", "slow": "be slow"}
    words = {"lost": "came back and were done by others", "spare": "were sent to others as well",
             "returned": "were handed back", "refused": "were refused and asked for again"}
    sentence = f"{args.crashing} workers were to {verbs[args.fault]}"
    if args.fault == "slow":
        return f"{sentence}; {count('spare', 0)} chunks {words['spare']}.", True
    return f"{sentence}, {struck} did; {count(back, 0)} chunks {words[back]}.", struck >= args.crashing


def demonstrate(args: argparse.Namespace, folder: pathlib.Path, logs: pathlib.Path) -> int:
    log, programs = Log(), []
    broker_dir = folder / "broker"
    try:
        env = settings(args, start_broker(broker_dir, args.ports_from), str(folder / "store"))
        log.line("the broker is up")
        port = free_port(8080) if args.port is None else args.port
        server = Program("server", [args.karaoke, "server", "--port", str(port)], env, logs / "server.log")
        programs.append(server)
        url = next(w for w in server.wait_for("http://").split() if w.startswith("http://"))
        log.line(f"the server is up; watch it all at {url}")
        song = args.song or folder / "song.wav"
        if not args.song:
            # A chunk of the built-in model advances by 4.4 s for each of its windows.
            make_song(song, args.seconds or max(240, 5 * args.windows_per_chunk * needed_chunks(args)))
        pool = Program("worker", [args.karaoke, "worker", "--id", "demo"], {**env, **unhealthy(args)}, logs / "worker.log")
        programs.append(pool)
        pool.wait_for("are ready")
        log.line(f"{args.healthy} healthy and {args.crashing} unhealthy workers are ready; "
                 f"the fault of those, {args.fault}, shows {args.crash_after:g} s after their start")
        threading.Thread(target=follow_workers, args=(url, log), daemon=True).start()
        log.restart()
        track = upload(url, song, args.model)
        log.line(f"{song.name} is handed in as track {track['id']}")
        state = follow_track(url, track, log, needed_chunks(args))
        log.line(f"the song is {state}, after {time.monotonic() - log.begin:.1f} s")
        # That the workers leave when they are stopped is no news.
        log.is_over = True
        words = {"began": "chunks begun", "done": "done", "crashed": "workers crashed", "lost": "came back", "returned": "handed back",
                 "refused": "corrupt replies refused", "resent": "sent again", "spare": "spare copies"}
        print("\n" + ", ".join(f"{log.counts[what]} {text}" for what, text in words.items() if what in log.counts))
        sentence, complete = summary(args, log)
        print(f"{sentence} The song is {state}.")
        if args.stay and state == "done" and sys.stdin.isatty():
            input(f"\nThe page is at {url}. Enter ends the demonstration. ")
        return 0 if state == "done" and complete else 1
    finally:
        for program in reversed(programs):
            program.stop()
        subprocess.run([sys.executable, ROOT / "scripts/broker.py", "--dir", broker_dir, "stop"], check=False,
                       stdout=subprocess.DEVNULL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--song", type=pathlib.Path, help="a song; without it, one is made")
    parser.add_argument("--seconds", type=int, help="length of the song that is made (long enough for all workers)")
    parser.add_argument("--model", default="builtin", help="the model (builtin)")
    parser.add_argument("--healthy", type=int, default=10, help="healthy workers (10)")
    parser.add_argument("--crashing", type=int, default=2, help="unhealthy workers (2)")
    parser.add_argument("--crash-after", type=float, default=8, help="seconds until their fault shows (8)")
    parser.add_argument("--fault", default="kill", choices=["kill", "hang", "nack", "corrupt", "slow"])
    parser.add_argument("--window-seconds", type=float, default=2, help="a window takes at least so long (2)")
    parser.add_argument("--windows-per-chunk", type=int, default=1, help="windows in a chunk (1)")
    parser.add_argument("--karaoke", default=str(ROOT / "target/release/karaoke"), help="the program")
    parser.add_argument("--port", type=int, help="the server's port (8080, or a free one when that is taken)")
    parser.add_argument("--ports-from", type=int, default=25800, help="the first of the broker's ports (25800)")
    parser.add_argument("--stay", action="store_true", help="go on serving until Enter is pressed")
    parser.add_argument("--logs", type=pathlib.Path, help="a folder for the programs' logs (a temporary one)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="karaoke-demo-") as folder:
        logs = args.logs or pathlib.Path(folder, "logs")
        logs.mkdir(parents=True, exist_ok=True)
        return demonstrate(args, pathlib.Path(folder), logs)


if __name__ == "__main__":
    sys.exit(main())
