"""What happens to songs, chunks and workers, as the server tells it."""

import calendar
import http.client
import pathlib
import sys
import threading
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "scripts"))
from demo_crash import events  # noqa: E402

PATIENCE = 900


def until(what, found, patience=PATIENCE, every=0.02):
    """Asks again and again; returns the first answer that is not None."""
    end = time.monotonic() + patience
    while True:
        answer = found()
        if answer is not None:
            return answer
        if time.monotonic() > end:
            sys.exit(f"waited in vain until {what}")
        time.sleep(every)


class Feed:
    """A stream of server-sent events, each with the time at which it came; follows a server that is restarted."""

    def __init__(self, url, passcode="", endless=False):
        self.url, self.passcode, self.endless = url, passcode, endless
        self.seen, self.news, self.open = [], threading.Condition(), True
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while self.open:
            try:
                for name, data in events(self.url, self.passcode):
                    now = time.time()
                    with self.news:
                        self.seen.append((now, name, data))
                        self.news.notify_all()
                    if not self.open or (name == "end" and not self.endless):
                        return
            except (OSError, ValueError, http.client.HTTPException):  # The server is away, or was cut off.
                time.sleep(0.02)

    def until(self, what, found, patience=PATIENCE):
        """Waits until `found(events)` is not None, and returns it."""
        end = time.monotonic() + patience
        with self.news:
            while True:
                answer = found(self.seen)
                if answer is not None:
                    return answer
                if not self.news.wait(timeout=max(end - time.monotonic(), 0.01)) and time.monotonic() > end:
                    sys.exit(f"waited in vain until {what}")


class Track:
    """A song on its way, and when what happened to it."""

    def __init__(self, server, answer, sent):
        self.server, self.id, self.passcode, self.sent = server, answer["id"], answer["passcode"], sent
        self.path = f"/api/v1/tracks/{self.id}"
        self.feed = Feed(f"{server.url}{self.path}/events", self.passcode)

    def views(self, seen):
        """The track as it was reported at each time."""
        for at, name, data in seen:
            if name == "snapshot":
                yield at, data["track"]
            elif name == "track":
                yield at, data

    def done_chunks(self, count):
        """Waits until so many chunks are done; returns when."""
        return self.feed.until(f"{count} chunks are done", lambda seen: next(
            (at for at, view in self.views(seen) if view["chunks_done"] >= count), None))

    def wait(self):
        """Waits until it is done; returns its history."""
        def ended(seen):
            last = seen and list(self.views(seen[-3:]))
            return last[-1][1] if last and last[-1][1]["state"] in ("done", "failed", "cancelled") else None
        view = self.feed.until("the song is done", ended)
        self.feed.open = False
        if view["state"] != "done":
            sys.exit(f"the song {view['state']}: {view['error']}")
        return History(self, view)


class History:
    """A song that is done: `sent`, `planned`, `first` chunk begun, `last` chunk done, `done`."""

    def __init__(self, track, view):
        seen = track.feed.seen
        at = lambda wanted: next(at for at, view in track.views(seen) if wanted(view))
        self.sent, self.chunks = track.sent, view["chunks_total"]
        self.planned = at(lambda v: v["state"] in ("separating", "finishing", "done"))
        self.last = at(lambda v: v["chunks_total"] and v["chunks_done"] == v["chunks_total"])
        self.done = at(lambda v: v["state"] == "done")
        self.begun = {}
        for when, chunk in self.chunk_events(seen):
            if chunk["state"] in ("working", "done"):
                self.begun.setdefault(chunk["index"], (when, chunk["worker"]))
        self.first = min(when for when, _ in self.begun.values())
        self.views = track.server.get(f"{track.path}/chunks", track.passcode)["chunks"]

    @staticmethod
    def chunk_events(seen):
        for when, name, data in seen:
            if name == "chunk":
                yield when, data
            elif name == "snapshot":
                for chunk in data["chunks"]:
                    yield when, chunk

    @property
    def makespan(self):
        return self.last - self.first

    def losses(self, seconds):
        """Mean seconds of a worker, by cause: chunks that took longer than they should, pauses between two chunks,
        the wait for the first and the wait after its last."""
        per_worker = {}
        for chunk in self.views:
            per_worker.setdefault(chunk["worker"], []).append((self.begun[chunk["index"]][0], chunk["seconds"]))
        lost = {"longer": 0.0, "pauses": 0.0, "head": 0.0, "tail": 0.0}
        for mine in per_worker.values():
            mine.sort()
            lost["longer"] += sum(took - seconds for _, took in mine)
            lost["pauses"] += sum(max(b - (a + took), 0) for (a, took), (b, _) in zip(mine, mine[1:]))
            lost["head"] += mine[0][0] - self.first
            lost["tail"] += self.last - mine[-1][0] - mine[-1][1]
        return {cause: value / len(per_worker) for cause, value in lost.items()}

    def shares(self):
        """How many chunks each worker did."""
        counts = {}
        for chunk in self.views:
            counts[chunk["worker"]] = counts.get(chunk["worker"], 0) + 1
        return sorted(counts.values())


class WorkerEvents:
    """What happens to workers and chunks, with the server's own times."""

    def __init__(self, server):
        self.feed = Feed(f"{server.url}/api/v1/workers/events", endless=True)

    def happenings(self, seen):
        seen = set()
        for _, name, data in seen:
            for h in data["story"] if name == "snapshot" else [data] if name == "happening" else []:
                key = (h["at"], h["what"], h["worker"], h["track"], h["chunk"])
                if key not in seen:
                    seen.add(key)
                    yield unix(h["at"]), h

    def find(self, after, *whats, track=None, chunk=None, worker=None):
        """When something of that kind first happened; None: not yet."""
        for at, h in self.happenings(self.feed.seen):
            if at >= after and h["what"] in whats and track in (None, h["track"]) and chunk in (None, h["chunk"]):
                if worker in (None, h["worker"]):
                    return at
        return None

    def wait_for(self, after, *whats, **who):
        return self.feed.until(f"{whats} {who}", lambda _: self.find(after, *whats, **who))

    def in_hand(self, track):
        """The chunks of a track that are begun and not done: worker to (chunk, when it was begun)."""
        hands = {}
        with self.feed.news:
            for at, h in self.happenings(self.feed.seen):
                if h["track"] == track.id and h["what"] == "began":
                    hands[h["worker"]] = (h["chunk"], at)
                elif h["track"] == track.id and h["what"] == "done":
                    hands = {w: hand for w, hand in hands.items() if hand[0] != h["chunk"]}
        return hands

    def close(self):
        self.feed.open = False


def unix(text):
    """RFC 3339 in UTC, to the millisecond or less, as seconds."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")
