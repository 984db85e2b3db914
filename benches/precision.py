#!/usr/bin/env python3
"""What bf16 costs in sound: SDR of a model with real weights on real songs, in f32 and as `worker.provider = auto` runs it.

FOLDER holds stems as `models/evaluate.py` takes them; --match picks the files of a song and may be given several times.
Each mix goes through `karaoke separate` twice, to float WAV. The SDR is that of models/evaluate.py, over the whole song;
*difference* is the SDR of the one against the other, so the noise that the precision adds.
Needs `make build`, and a Python with what models/evaluate.py needs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
sys.path.insert(0, str(ROOT / "models"))
import soundfile  # noqa: E402
from evaluate import sdr  # noqa: E402
from songs import RATE, VOCALS, find_songs, read_stems  # noqa: E402

from machine import Table  # noqa: E402


def separated(arguments, mix, work, provider):
    output = work / provider
    environment = {**os.environ, "KARAOKE__WORKER__PROVIDER": provider, "KARAOKE__WORKER__CACHE": str(work / "cache")}
    command = [arguments.karaoke.absolute(), "separate", mix, "-o", output, "-m", arguments.model, "--bits", "float", "-q", "--force"]
    subprocess.run(command, check=True, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    read = lambda stem: soundfile.read(next(output.glob(f"*({stem}).wav")), dtype="float32", always_2d=True)[0].T
    return read("Vocals"), read("Instrumental")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--match", action="append", help="only files with this in their names are a song")
    parser.add_argument("--vocals", default=VOCALS, help=f"beginnings of the names of vocal stems ({VOCALS})")
    parser.add_argument("--model", default="spleeter")
    parser.add_argument("--karaoke", type=Path, default=TARGET / "release" / "karaoke")
    arguments = parser.parse_args()
    table = Table("song".ljust(24), "stem".ljust(12), "SDR f32", "SDR auto", "change", "difference")
    changes = []
    for match in arguments.match or [""]:
        for name, _, place in find_songs(arguments.folder, match):
            vocals, backing = read_stems(place, match, arguments.vocals)
            with tempfile.TemporaryDirectory(dir=TARGET) as work:
                work = Path(work)
                soundfile.write(work / "mix.wav", (vocals + backing).T, RATE, subtype="FLOAT")
                exact, rough = (separated(arguments, work / "mix.wav", work, provider) for provider in ("cpu", "auto"))
            for stem, true, f32, auto in zip(("vocals", "instrumental"), (vocals, backing), exact, rough):
                before, after = sdr(true, f32), sdr(true, auto)
                changes.append(after - before)
                table.row(f"{name} {match}", stem, f"{before:.3f}", f"{after:.3f}", f"{changes[-1]:+.4f}", f"{sdr(f32, auto):.1f}")
    print(f"{arguments.model}: mean change {sum(changes) / len(changes):+.4f} dB, worst {min(changes):+.4f} dB")


if __name__ == "__main__":
    main()
