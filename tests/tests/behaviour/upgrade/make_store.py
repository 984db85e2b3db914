#!/usr/bin/env python3
"""Makes the store of an older version that the upgrade test starts with.

    git archive d6890de | tar x -C OLD; (cd OLD; cargo build -p karaoke)          # 0.1.0
    make_store.py OLD 0.1.0 --runtime .runtime/onnxruntime

That version separates one song (identity model), fails with one of each model, and is killed in the middle of another
song and of an upload. Written beside this file: its database as text (VERSION.sql), the files (VERSION.zip), and the
tracks' passcodes and the upload's address (VERSION.json).
"""

import argparse
import base64
import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import struct
import subprocess
import tempfile
import time
import urllib.request
import zipfile

RATE = 44_100
HERE = pathlib.Path(__file__).parent


def song(frames: int) -> bytes:
    """A WAV file of 16 bits: a saw on the left, on the right the same turned round, louder every quarter of a second."""
    samples = bytearray()
    for i in range(frames):
        left = (i % 147 - 73) * 60 * (1 + i // 11025 % 7)
        samples += struct.pack("<hh", left, -left)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, RATE, RATE * 4, 4, 16)
    data = struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(data), b"WAVE") + form + data


class Server:
    """The old program on a store; killed without a warning at the end."""

    def __init__(self, old: pathlib.Path, runtime: pathlib.Path, store: pathlib.Path, **settings: object) -> None:
        environment = {
            **os.environ, "KARAOKE__STORE__DIR": str(store), "KARAOKE__MODELS__DIR": str(old / "models"),
            "ORT_DYLIB_PATH": str(runtime), "KARAOKE__WORKER__WORKERS": "1",
            "KARAOKE__CHUNKING__WINDOWS_PER_CHUNK": "1", "KARAOKE__WORKER__PROVIDER": "cpu",
            **{f"KARAOKE__{key.upper()}": str(value) for key, value in settings.items()},
        }
        command = [str(old / "target/debug/karaoke"), "up", "--port", "0"]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=store.parent)
        line = self.process.stdout.readline()
        self.url = next(word for word in line.split() if word.startswith("http://"))

    def ask(self, path: str, passcode: str = "", body: bytes | None = None) -> dict:
        """Sends a request and reads JSON."""
        request = urllib.request.Request(self.url + path, data=body, headers={"X-Track-Passcode": passcode})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def upload(self, name: str, frames: int, model: str = "identity") -> dict:
        """A new track: its id and passcode."""
        answer = self.ask(f"/api/v1/tracks?name={name}&model={model}", body=song(frames))
        return {"id": answer["id"], "passcode": answer["passcode"]}

    def upload_half(self, name: str, frames: int) -> str:
        """Half of an upload that can go on: its address."""
        whole = song(frames)
        words = [base64.b64encode(word.encode()).decode() for word in (name, "identity")]
        metadata = f"filename {words[0]},model {words[1]}"
        address = self.tus("POST", "/api/v1/uploads", {"Upload-Length": len(whole), "Upload-Metadata": metadata})
        kind = "application/offset+octet-stream"
        self.tus("PATCH", address, {"Upload-Offset": 0, "Content-Type": kind}, whole[: len(whole) // 2])
        return address

    def tus(self, method: str, path: str, headers: dict, body: bytes | None = None) -> str:
        """Sends a request of an upload: the address that the answer gives, if any."""
        headers = {"Tus-Resumable": "1.0.0", **{name: str(value) for name, value in headers.items()}}
        request = urllib.request.Request(self.url + path, method=method, data=body, headers=headers)
        with urllib.request.urlopen(request) as answer:
            return answer.headers.get("Location", "")

    def wait(self, track: dict, wanted: str, chunks: int = 0) -> None:
        """Until the track is in that state, with so many chunks done."""
        for _ in range(2000):
            view = self.ask(f"/api/v1/tracks/{track['id']}", track["passcode"])
            if view["state"] == wanted and view["chunks_done"] >= chunks:
                return
            time.sleep(0.01)
        raise SystemExit(f"not {wanted}: {view}")

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def work(old: pathlib.Path, runtime: pathlib.Path, store: pathlib.Path) -> dict:
    """Lets the old program do everything; returns the tracks and the upload."""
    with Server(old, runtime, store) as server:
        done = server.upload("done.wav", RATE)
        server.wait(done, "done")
    faults = {"simulation__workers_unhealthy": 1, "simulation__fault": "nack", "simulation__simulate_crash_after": 0}
    with Server(old, runtime, store, **faults, dispatch__max_attempts=1) as server:
        failed = {}
        for model in ("identity", "centre", "builtin"):
            failed[model] = server.upload(f"{model}.wav", RATE, model)
            server.wait(failed[model], "failed")
    with Server(old, runtime, store, simulation__window_seconds=1) as server:
        upload = server.upload_half("upload.wav", RATE)
        half = server.upload("half.wav", 4 * RATE)
        server.wait(half, "separating", chunks=2)
    return {"done": done, "failed": failed, "half": half, "upload": upload}


def main() -> None:
    """Makes the three files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=pathlib.Path, help="folder of the old version, built")
    parser.add_argument("version")
    parser.add_argument("--runtime", type=pathlib.Path, required=True, help="folder of ONNX Runtime")
    arguments = parser.parse_args()
    target = HERE / arguments.version
    with tempfile.TemporaryDirectory() as folder:
        store = pathlib.Path(folder) / "store"
        tracks = work(arguments.old.resolve(), arguments.runtime.resolve(), store)
        with contextlib.closing(sqlite3.connect(store / "karaoke.sqlite")) as database:
            target.with_name(f"{target.name}.sql").write_text("\n".join(database.iterdump()) + "\n", encoding="utf-8")
        with zipfile.ZipFile(f"{target}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for path in sorted([*(store / "tracks").rglob("*"), *(store / "partial").iterdir()]):
                if path.is_file():
                    name = zipfile.ZipInfo(str(path.relative_to(store)), (2026, 1, 1, 0, 0, 0))
                    name.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(name, path.read_bytes(), compresslevel=9)
    pathlib.Path(f"{target}.json").write_text(json.dumps(tracks, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
