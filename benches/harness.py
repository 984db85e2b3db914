"""A broker, a server and workers of a bench's own, which end with it."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import pipeline
from pipeline import KARAOKE, ROOT, TARGET
from history import PATIENCE, Track, until

RATE = 44_100
# Frames from one window to the next, and silence before the first, with the models' own overlap.
STEPS = {"identity": (49_152, 0), "mdx2048": (195_840, 3072),
         **dict.fromkeys(("centre", "builtin", "spleeter"), (195_840, 2048))}


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
        answer = json.loads(line) if line else {"error": "it ended"}
        if "error" in answer:
            sys.exit(f"broker: {answer['error']}")
        return answer["ok"]

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
        settings = {"models.default": "builtin", "models.fetch": "[]", **settings}
        keys = {"KARAOKE__" + key.upper().replace(".", "__"): str(value) for key, value in settings.items()}
        level = {"RUST_LOG": os.environ.get("RUST_LOG", "info")}
        self.process = subprocess.Popen(
            [KARAOKE.resolve(), *arguments], env={**os.environ, **level, **keys}, cwd=ROOT, stderr=log, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
        self.pid = self.process.pid
        self.first_line = self.process.stdout.readline()
        if not self.first_line:
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
        self.url = next(word for word in self.first_line.split() if word.startswith("http://"))

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
        workers = {self.pool.pid, *(w["pid"] for w in self.server.workers())}
        return {"server": [self.server.pid], "broker": [self.broker.pid()], "workers": sorted(workers)}

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
        # Workers find the models wherever the bench is called from; the runtime they find themselves.
        models = getattr(arguments, "models", ROOT / "models")
        self.settings = {"models.dir": models, "limits.decode_wait_s": 0,
                         "worker.provider": getattr(arguments, "provider", "cpu")}
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


class Folder:
    """A temporary folder elsewhere."""

    def __init__(self, where):
        self.folder = tempfile.TemporaryDirectory(dir=where, prefix="karaoke-bench-")
        self.path = self.folder.name

    def stop(self):
        self.folder.cleanup()


def run(arguments, before=""):
    """Runs the command `arguments.run` with a bench, whose processes and files go away with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET, prefix="bench-") as folder:
        work = pathlib.Path(folder)
        path = arguments.log or work / "log"
        with open(path, "w") as log:
            bench = Bench(arguments, work, log)
            print(before, end="", flush=True)
            try:
                arguments.run(bench)
            except BaseException as error:
                if not isinstance(error, KeyboardInterrupt) and not arguments.log:
                    print("".join(path.read_text(errors="replace").splitlines(True)[-20:]), file=sys.stderr)
                raise
            finally:
                bench.stop()
