#!/usr/bin/env python3
"""Measures a model on songs that come as stems: SDR in dB, against the mixture and L - R.

FOLDER holds one file per stem (WAV, FLAC, Ogg or Opus, aligned, stereo). The stems whose name has a part
beginning with one of --vocals are the vocals, all others the backing; --match picks the files of one song.
SDR is 10 log10(energy of the true stem / energy of the error), over the whole song and both channels.
`voice left` is how much of the voice stays in the instrumental, `backing lost` how much of the backing
goes out with the voice: energies against their own, of the parts of the instrumental that resemble each
(a straight fit of true voice and true backing over windows of a second).
With --pair VOICE BACKING instead, a voice and any backing are mixed: 40 s, the voice in the middle, 6 dB lower.
"L - R" is the oldest trick, (L - R) / 2; "L - R, bass" is that with the mix below 120 Hz put back.
Needs numpy, onnxruntime, soundfile; soxr for other rates than 44.1 kHz.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import soundfile

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "benches" / "parity"))
import reference  # noqa: E402

RATE = 44_100


def decode(path):
    """Stereo float32 [2, frames] at RATE."""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        if not shutil.which("ffmpeg"):
            raise
        command = ["ffmpeg", "-v", "error", "-i", path, "-ac", "2", "-ar", str(RATE), "-f", "f32le", "-"]
        raw = subprocess.run(command, check=True, capture_output=True).stdout
        samples, rate = np.frombuffer(raw, "<f4").reshape(-1, 2), RATE
    if rate != RATE:
        import soxr
        samples = soxr.resample(samples, rate, RATE)
    if samples.shape[1] == 1:
        samples = np.repeat(samples, 2, 1)
    return np.ascontiguousarray(samples[:, :2].T, np.float32)


def read_stems(folder, match, vocal_names):
    vocals, backing = [], []
    for path in sorted(folder.iterdir()):
        if not path.is_file() or match not in path.name:
            continue
        parts = re.split(r"[.\s_()\-]+", path.stem.lower())
        vocal = any(part.startswith(name) for part in parts for name in vocal_names)
        (vocals if vocal else backing).append(decode(path))
        print(f"{'vocals ' if vocal else 'backing'}  {path.name}", file=sys.stderr)
    if not vocals or not backing:
        raise SystemExit("there must be at least one vocal and one other stem")
    length = min(x.shape[1] for x in vocals + backing)
    return sum(x[:, :length] for x in vocals), sum(x[:, :length] for x in backing)


def read_pair(voice, backing, seconds=40):
    backing = decode(backing)[:, : seconds * RATE]
    voice = np.resize(decode(voice).mean(0), backing.shape[1])[None].repeat(2, 0)
    level = lambda x: np.sqrt(np.square(x, dtype=np.float64).mean())
    return (voice * (0.5 * level(backing) / level(voice))).astype(np.float32), backing


def decibels(above, below):
    return 10 * np.log10((np.square(above, dtype=np.float64).sum() + 1e-12) / (np.square(below, dtype=np.float64).sum() + 1e-12))


def left_and_lost(instrumental, vocals, backing):
    """Voice left and backing lost, in dB, from fits over windows of a second."""
    left = lost = voice_energy = backing_energy = 0.0
    for at in range(0, vocals.shape[1], RATE):
        cut = lambda x: x[:, at : at + RATE].ravel().astype(np.float64)
        v, b, i = cut(vocals), cut(backing), cut(instrumental)
        gram = np.array([[v @ v, v @ b], [v @ b, b @ b]])
        gain = np.linalg.lstsq(gram + 1e-9 * np.eye(2), [v @ i, b @ i], rcond=None)[0]
        left, voice_energy = left + gain[0] ** 2 * gram[0, 0], voice_energy + gram[0, 0]
        lost, backing_energy = lost + (1 - gain[1]) ** 2 * gram[1, 1], backing_energy + gram[1, 1]
    ratio = lambda a, b: 10 * np.log10((a + 1e-12) / (b + 1e-12))
    return ratio(left, voice_energy), ratio(lost, backing_energy)


def bass(x, hz=120.0):
    """What lies below about `hz`."""
    z = np.fft.rfft(x)
    z *= np.clip((hz * 1.25 - np.fft.rfftfreq(x.shape[1], 1 / RATE)) / (hz * 0.5), 0, 1)
    return np.fft.irfft(z, x.shape[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--pair", type=Path, nargs=2, metavar=("VOICE", "BACKING"))
    parser.add_argument("--model", type=Path, default=HERE / "centre.toml", help="a manifest of kind mdx (default: centre)")
    parser.add_argument("--match", default="", help="only files whose name contains this")
    parser.add_argument("--vocals", default="vocal,voice,lead,bg,back", help="beginnings of names that are vocals")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    if bool(arguments.folder) == bool(arguments.pair):
        parser.error("either a folder or a pair")
    if arguments.pair:
        vocals, backing = read_pair(*arguments.pair)
    else:
        vocals, backing = read_stems(arguments.folder, arguments.match, arguments.vocals.split(","))
    mix = vocals + backing
    manifest = tomllib.loads(arguments.model.read_text())
    session = reference.open_session(arguments.model.parent / manifest["file"], arguments.threads)
    started = time.perf_counter()
    stems = reference.separate(mix, manifest, session)
    elapsed = time.perf_counter() - started

    half_difference = np.stack([(mix[0] - mix[1]) / 2, (mix[1] - mix[0]) / 2])
    with_bass = half_difference + bass(mix - half_difference)
    rows = [
        ("mixture", mix, mix),
        ("L - R", mix - half_difference, half_difference),
        ("L - R, bass", mix - with_bass, with_bass),
        (manifest["name"], stems["vocals"], stems["instrumental"]),
    ]
    print(f"{'':12} {'vocals':>8} {'instrumental':>13} {'voice left':>11} {'backing lost':>13}")
    for name, voice, instrumental in rows:
        left, lost = left_and_lost(instrumental, vocals, backing)
        numbers = decibels(vocals, voice - vocals), decibels(backing, instrumental - backing)
        print(f"{name:12} {numbers[0]:8.2f} {numbers[1]:13.2f} {left:11.1f} {lost:13.1f}")
    seconds = mix.shape[1] / RATE
    print(f"{seconds:.0f} s of sound in {elapsed:.1f} s, transform included: {seconds / elapsed:.0f} times realtime")


if __name__ == "__main__":
    main()
