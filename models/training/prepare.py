#!/usr/bin/env python3
"""Decodes the recordings that the model learns from: SOUND/**/*.opus to WORK/sound/**/*.npy, int16 [frames, 2], 44.1 kHz.

SOUND is the folder of recordings that DATA_CARD.md describes. Mono files become two equal channels. What is there already is
kept. `held-out/` is decoded too, for evaluation; no training script opens it.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import sound

ENDINGS = {".opus", ".ogg", ".flac", ".wav", ".mp3"}


def decode(source, target):
    samples = sound.read(source)[:, :2]
    if samples.shape[1] == 1:
        samples = np.repeat(samples, 2, axis=1)
    sound.save(target, samples, source=source.name)
    return len(samples) / sound.RATE


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sound", type=Path, metavar="SOUND")
    parser.add_argument("--work", type=Path, default=Path("work"), help="where arrays are kept (default: work)")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()

    sources = sorted(p for p in arguments.sound.rglob("*") if p.suffix.lower() in ENDINGS)
    if not sources:
        parser.error(f"no recordings under {arguments.sound}")
    targets = [arguments.work / "sound" / p.relative_to(arguments.sound).with_suffix(".npy") for p in sources]
    missing = [(s, t) for s, t in zip(sources, targets) if not t.exists()]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        seconds = sum(pool.map(decode, *zip(*missing))) if missing else 0.0
    print(f"{len(missing)} files decoded, {seconds / 3600:.2f} h; {len(sources) - len(missing)} were there")


if __name__ == "__main__":
    main()
