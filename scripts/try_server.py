#!/usr/bin/env python3
"""Tries a server as a user does: the page, a song, its karaoke track: try_server.py URL [PID].

Waits until the server answers, for as long as process PID lives. Uses nothing but Python's own library.
"""

import io
import json
import math
import os
import struct
import sys
import time
import urllib.error
import urllib.request
import wave

RATE, SECONDS = 44_100, 12
PATIENCE_S = 3600


def song() -> bytes:
    """A chord with a beat, 16 bits, stereo."""
    frames = bytearray()
    for i in range(RATE * SECONDS):
        t = i / RATE
        beat = math.exp(-4 * (t % 0.5))
        left = 9000 * beat * math.sin(math.tau * 220 * t) + 4000 * math.sin(math.tau * 440 * t)
        right = 9000 * beat * math.sin(math.tau * 277 * t) + 4000 * math.sin(math.tau * 440 * t)
        frames += struct.pack("<hh", int(left), int(right))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        file.writeframes(bytes(frames))
    return out.getvalue()


def get(url: str, passcode: str = "") -> bytes:
    """A resource; an error is an exception."""
    with urllib.request.urlopen(urllib.request.Request(url, headers={"X-Track-Passcode": passcode})) as answer:
        return answer.read()


def until_it_answers(url: str, pid: int | None) -> None:
    """Waits for the server."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            get(f"{url}/readyz")
            return
        except (urllib.error.URLError, OSError):
            if pid is not None and not os.path.exists(f"/proc/{pid}"):
                raise SystemExit("the program ended before it served") from None
            time.sleep(1)
    raise SystemExit("the server never answered")


def karaoke(url: str) -> str:
    """Has the song separated, and checks that its stems add up to it; the model that did it."""
    given = song()
    request = urllib.request.Request(f"{url}/api/v1/tracks?name=Fresh.wav", data=given, method="POST")
    with urllib.request.urlopen(request) as answer:
        track = json.load(answer)
    address, passcode = f"{url}/api/v1/tracks/{track['id']}", track["passcode"]
    deadline = time.monotonic() + 300
    while (view := json.loads(get(address, passcode)))["state"] != "done":
        assert view["state"] not in ("failed", "cancelled"), view
        assert time.monotonic() < deadline, f"not done in time: {view}"
        time.sleep(0.5)
    stems = [wave.open(io.BytesIO(get(f"{address}/stems/{stem}.wav", passcode))) for stem in ("instrumental", "vocals")]
    own = wave.open(io.BytesIO(given))
    sums = zip(*(struct.unpack(f"<{f.getnframes() * 2}h", f.readframes(f.getnframes())) for f in [own, *stems]), strict=True)
    assert all(a == b + c for a, b, c in sums), "the stems do not add up to the song"
    return view["model"]


def until_fetched(url: str) -> float:
    """Waits for what the server fetches beside its work; megabytes of it."""
    megabytes, deadline = 0.0, time.monotonic() + PATIENCE_S
    while fetching := json.loads(get(f"{url}/api/v1/models"))["fetching"]:
        megabytes = max(megabytes, sum(fetch["total"] or 0 for fetch in fetching) / 1e6)
        waiting = [f"{fetch['name']}: {fetch['waiting']}" for fetch in fetching if fetch["waiting"]]
        if waiting:
            print(f"not fetched, and tried again later: {'; '.join(waiting)}")
            break
        assert time.monotonic() < deadline, f"not fetched in time: {fetching}"
        time.sleep(0.5)
    return megabytes


def main() -> None:
    url, pid = sys.argv[1].rstrip("/"), int(sys.argv[2]) if len(sys.argv) > 2 else None
    began = time.monotonic()
    until_it_answers(url, pid)
    passed = lambda: f"{time.monotonic() - began:.0f} s"
    print(f"the server answers after {passed()}")
    page = get(url).decode()
    assert "<title>" in page and "/js/main.js" in page, "the page is not there"
    assert len(get(f"{url}/lib/signalsmith-stretch.mjs")) > 1000, "the library of the page is missing"
    coming = sum(fetch["total"] or 0 for fetch in json.loads(get(f"{url}/api/v1/models"))["fetching"]) / 1e6
    first = karaoke(url)
    print(f"a song of {SECONDS} s was separated with {first} after {passed()}; its stems add up to it to the bit")
    megabytes, deadline = max(coming, until_fetched(url)), time.monotonic() + 20
    default = lambda: json.loads(get(f"{url}/api/v1/models"))["default"]
    # Workers look for new models every few seconds.
    while megabytes and default() == first and time.monotonic() < deadline:
        time.sleep(0.5)
    if default() != first:
        print(f"and with {karaoke(url)} after {passed()}, {megabytes:.0f} MB later")


if __name__ == "__main__":
    main()
