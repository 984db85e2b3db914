"""Uploads a song and downloads a stem with the client that was generated: client.py URL SONG STEM_FILE.

The generated package is `karaoke_client`; it lies where PYTHONPATH says.
"""

import io
import pathlib
import sys
import time

from karaoke_client import Client
from karaoke_client.api.stems import get_stem
from karaoke_client.api.tracks import get_track, upload_track
from karaoke_client.models import Accepted, TrackState, TrackView, UploadForm
from karaoke_client.types import File

DEADLINE_S = 90


def main() -> None:
    url, song, stem = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    # Proxies that others have set are not on the way to this machine.
    direct = {"trust_env": False}
    client = Client(base_url=url, httpx_args=direct)
    form = UploadForm(file=File(payload=io.BytesIO(song.read_bytes()), file_name=song.name), model="identity")
    accepted = upload_track.sync(client=client, body=form)
    assert isinstance(accepted, Accepted), accepted

    owner = Client(base_url=url, headers={"X-Track-Passcode": accepted.passcode}, httpx_args=direct)
    until = time.monotonic() + DEADLINE_S
    while True:
        track = get_track.sync(accepted.id, client=owner)
        assert isinstance(track, TrackView), track
        if track.state == TrackState.DONE:
            break
        assert track.state not in (TrackState.FAILED, TrackState.CANCELLED), track
        assert time.monotonic() < until, track
        time.sleep(0.02)

    file = get_stem.sync(accepted.id, "instrumental.wav", client=owner, bits="float")
    assert isinstance(file, File), file
    stem.write_bytes(file.payload.read())


if __name__ == "__main__":
    main()
