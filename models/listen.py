#!/usr/bin/env python3
"""A blind listening test in the browser: which of two models takes the voice out better, of a folder of songs that you own.

  make listen SONGS=~/Music/mine [MODELS="builtin builtin-spleeter"]

Each trial plays the same ten seconds of a song three times: A and B are the instrumentals (or --stem) of two models, in an
order that nobody knows, X is one of them again. You say which of the two X is, and which you would rather sing to. All are
equally loud (RMS of what is played). Answers go to --results (one JSON object a line), and the page shows what they add
up to: how often X was told apart (a coin would be right half of the time), and how often each model was preferred.

Needs numpy and soundfile, and the program (`make build`).
"""

import argparse
import http.server
import json
import math
import random
import secrets
import subprocess
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

import numpy as np
import soundfile

HERE = Path(__file__).resolve().parent
ENDINGS = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".mp4", ".aif", ".aiff"}
RATE, SECONDS, LOUDNESS = 44_100, 10, 0.08


def separate(program, songs, model, stem, folder):
    """{song: sound of the stem}, by the program, all songs in one run."""
    target = folder / model
    command = [program, "separate", *songs, "-m", model, "--stem", stem, "-o", target, "--bits", "float", "--force"]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=HERE.parent).stdout
    return dict(zip(songs, (Path(line) for line in said.splitlines()), strict=True))


def clip(path, start):
    """Ten seconds as a WAV file's bytes (float: louder than full scale is no matter), at one loudness, faded in and out."""
    with soundfile.SoundFile(path) as file:
        file.seek(min(int(start * file.samplerate), max(0, file.frames - SECONDS * file.samplerate)))
        samples, rate = file.read(SECONDS * file.samplerate, dtype="float32", always_2d=True), file.samplerate
    samples *= LOUDNESS / (float(np.sqrt(np.square(samples, dtype=np.float64).mean())) + 1e-9)
    fade = np.linspace(0, 1, rate // 20, dtype=np.float32)[:, None]
    samples[: len(fade)] *= fade
    samples[-len(fade) :] *= fade[::-1]
    out = tempfile.SpooledTemporaryFile(max_size=1 << 24)
    soundfile.write(out, samples, rate, format="WAV", subtype="FLOAT")
    out.seek(0)
    return out.read()


class Trials:
    """The trials of one run, and the answers that were given."""

    def __init__(self, files, results):
        self.files, self.results, self.lock = files, results, threading.Lock()
        self.open = {}
        self.random = random.Random()

    def draw(self):
        """A new trial: its number, and the song's name; what A, B and X are is kept here."""
        models = self.random.sample(sorted(self.files), 2)
        song = self.random.choice(sorted(self.files[models[0]]))
        seconds = min(soundfile.info(self.files[model][song]).duration for model in models)
        start = self.random.uniform(0, max(0.0, seconds - SECONDS))
        trial = {"a": models[0], "b": models[1], "x": self.random.choice("ab"), "song": song, "start": round(start, 2)}
        number = secrets.token_hex(8)
        with self.lock:
            self.open[number] = trial
        return {"trial": number, "song": Path(song).stem, "start": trial["start"]}

    def sound(self, number, which):
        trial = self.open[number]
        side = trial["x"] if which == "x" else which
        return clip(self.files[trial[side]][trial["song"]], trial["start"])

    def answer(self, number, same, preferred):
        with self.lock:
            trial = self.open.pop(number)
            entry = {"time": int(time.time()), **trial, "said": same, "right": same == trial["x"], "preferred": trial.get(preferred)}
            with open(self.results, "a") as file:
                file.write(json.dumps(entry) + "\n")
        return {**entry, "totals": self.totals()}

    def totals(self):
        """What all answers add up to, of this run and of earlier ones."""
        lines = self.results.read_text().splitlines() if self.results.exists() else []
        entries = [json.loads(line) for line in lines]
        right = sum(entry["right"] for entry in entries)
        preferred = {}
        for entry in entries:
            for model in (entry["a"], entry["b"]):
                heard = preferred.setdefault(model, {"preferred": 0, "heard": 0})
                heard["heard"] += 1
                heard["preferred"] += entry["preferred"] == model
        return {"answers": len(entries), "right": right, "chance": chance(right, len(entries)), "models": preferred}


def chance(right, answers):
    """How likely it is to be right so often by throwing a coin."""
    return sum(math.comb(answers, k) for k in range(right, answers + 1)) / 2**answers if answers else 1.0


class Handler(http.server.BaseHTTPRequestHandler):
    """The page, the sounds and the answers."""

    trials = None

    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path).path.strip("/").split("/")
        if parts == [""]:
            self.give((HERE / "listen.html").read_bytes(), "text/html; charset=utf-8")
        elif parts == ["trial"]:
            self.give(json.dumps(self.trials.draw()).encode(), "application/json")
        elif parts == ["totals"]:
            self.give(json.dumps(self.trials.totals()).encode(), "application/json")
        elif len(parts) == 3 and parts[0] == "sound" and parts[1] in self.trials.open and parts[2] in ("a", "b", "x"):
            self.give(self.trials.sound(parts[1], parts[2]), "audio/wav")
        else:
            self.send_error(404)

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        known = said.get("trial") in self.trials.open and said.get("same") in ("a", "b")
        if self.path != "/answer" or not known:
            return self.send_error(400)
        found = self.trials.answer(said["trial"], said["same"], said.get("preferred"))
        return self.give(json.dumps(found).encode(), "application/json")

    def give(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path, help="a folder of songs")
    parser.add_argument("--model", action="append", help="an installed model, at least two (default: builtin, builtin-spleeter)")
    parser.add_argument("--stem", default="instrumental")
    parser.add_argument("--program", type=Path, default=HERE.parent / "target/release/karaoke", help="(default: %(default)s)")
    parser.add_argument("--results", type=Path, default=Path("listening.jsonl"))
    parser.add_argument("--port", type=int, default=8090)
    options = parser.parse_args()
    models = options.model or ["builtin", "builtin-spleeter"]
    songs = sorted(str(p.resolve()) for p in options.songs.rglob("*") if p.suffix.lower() in ENDINGS)
    if not songs or len(set(models)) < 2:
        parser.error("no songs there" if not songs else "two models at least")
    with tempfile.TemporaryDirectory(prefix="karaoke-listen-") as folder:
        files = {model: separate(options.program, songs, model, options.stem, Path(folder)) for model in models}
        Handler.trials = Trials(files, options.results)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
        print(f"listen at http://127.0.0.1:{server.server_port} (Ctrl-C ends it); answers go to {options.results}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(json.dumps(Handler.trials.totals(), indent=1))


if __name__ == "__main__":
    main()
