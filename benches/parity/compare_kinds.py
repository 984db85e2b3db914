#!/usr/bin/env python3
"""Does `karaoke separate` give what the formulas say, for every kind of model? SNR per stem, in dB.

Writes models with random weights (networks.py) and a clip of a synthesised band, lets the binary and kinds.py
(plain numpy and ONNX Runtime) separate it with each, and compares. With --htdemucs also the network of the
demucs package, exported both ways, against demucs.apply.apply_model with the same weights. Exit 1 below --least.

Needs numpy, onnx and onnxruntime; for --htdemucs torch and demucs. The binary is found at
target/release/karaoke, or given with --karaoke.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np

import clip
import wav

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SEGMENT, STEP = 343_980, 257_985
# Frames of a clip behind whose end two windows stick out, the last of which holds 2001; and of one shorter than a window.
TWO_STICK_OUT, SHORT = 3 * STEP + 2001, 132_301


def run(*command, **options):
    print("+", shlex.join(map(str, command)), file=sys.stderr, flush=True)
    subprocess.run(list(map(str, command)), check=True, **options)


def ours(karaoke, models, name, song, output):
    settings = {**os.environ, "KARAOKE__MODELS__DIR": str(models), "KARAOKE__MODELS__DEFAULT": name,
                "KARAOKE__WORKER__WORKERS": "1", "KARAOKE__WORKER__THREADS": "1", "KARAOKE__WORKER__PROVIDER": "cpu"}
    run(karaoke, "separate", song, "-o", output, "-m", name, "-f", "wav", "--bits", "float", "--quiet", env=settings)


def stem_file(folder, song, stem):
    """The binary writes the stem's name in its own spelling."""
    wanted = f"{song.stem} ({stem})".lower()
    return next((path for path in folder.glob("*.wav") if path.stem.lower() == wanted), folder / f"{wanted}.wav")


def snr(got, want):
    noise = ((got.astype(np.float64) - want) ** 2).sum()
    return 10 * np.log10((want.astype(np.float64) ** 2).sum() / max(noise, 1e-300))


class Report:
    def __init__(self, least):
        self.least, self.lowest, self.missing = least, float("inf"), False

    def line(self, name, stem, got, want, start=0):
        (a, ra), (b, rb) = wav.read(got), wav.read(want)
        if a.shape != b.shape or ra != rb:
            raise SystemExit(f"{name}, {stem}: {a.shape} at {ra} Hz against {b.shape} at {rb} Hz")
        a, b = a[:, start:], b[:, start:]
        if not np.isfinite(a).all() or not np.isfinite(b).all() or not b.any():
            raise SystemExit(f"{name}, {stem}: silent, or not finite")
        value = snr(a, b)
        self.lowest = min(self.lowest, value)
        largest = np.abs(a - b).max()
        print(f"{name:46} {stem:14} SNR {value:6.1f} dB   (peak {np.abs(b).max():.3f}, largest difference {largest:.1e})",
              flush=True)


def stems_of(manifest):
    return [*manifest["stems"], *([manifest["complement"]] if "complement" in manifest else []), *manifest.get("sums", {})]


def kinds(arguments, song, work, report):
    models = work / ("tiny" if arguments.tiny else "full")
    run(sys.executable, HERE / "networks.py", models, *(["--tiny"] if arguments.tiny else []))
    for path in sorted(models.glob("*.toml")):
        name = path.stem
        if arguments.model and name not in arguments.model:
            continue
        ours(arguments.karaoke, models, name, song, work / "ours" / name)
        run(sys.executable, HERE / "kinds.py", song, "-m", path, "-o", work / "formulas" / name, "--threads", 1)
        for stem in stems_of(tomllib.loads(path.read_text())):
            report.line(name, stem, stem_file(work / "ours" / name, song, stem),
                        stem_file(work / "formulas" / name, song, stem))


def htdemucs(arguments, song, work, report):
    """The clip, one of which two windows stick out behind the end, and one shorter than a window. The one difference
    that is left: demucs takes the level out of the whole track, we out of every window (the network normalises every
    window itself)."""
    models = work / ("htdemucs-small" if arguments.tiny else "htdemucs")
    script, last = HERE / "htdemucs.py", models / "htdemucs-two.toml"
    if not last.exists() or last.stat().st_mtime < script.stat().st_mtime:
        run(sys.executable, script, "--threads", 2, "export", models, *(["--small"] if arguments.tiny else []))
    songs = {"": song, ", two stick out": work / "two-stick-out.wav", ", short": work / "short.wav"}
    wav.write(songs[", two stick out"], clip.clip(TWO_STICK_OUT / clip.RATE, seed=1, peak=1.0), clip.RATE)
    wav.write(songs[", short"], clip.clip(SHORT / clip.RATE, seed=2, peak=1.0), clip.RATE)
    for which, song in songs.items():
        run(sys.executable, script, "separate", models, song, work / "demucs", "--level", "track")
        length = wav.read(song)[0].shape[1]
        end = next(at for at in range(0, length, STEP) if at + SEGMENT > length)
        for name in ("htdemucs-one", "htdemucs-two"):
            ours(arguments.karaoke, models, name, song, work / "ours" / name)
            run(sys.executable, HERE / "kinds.py", song, "-m", models / f"{name}.toml", "-o", work / "formulas" / name,
                "--threads", 1)
            for stem in ("drums", "bass", "other", "vocals"):
                got, package = stem_file(work / "ours" / name, song, stem), stem_file(work / "demucs", song, stem)
                report.line(f"{name}{which}", stem, got, stem_file(work / "formulas" / name, song, stem))
                report.line(f"{name} / demucs{which}", stem, got, package)
                if end > 0:
                    report.line(f"{name} / demucs{which}, its end", stem, got, package, start=end)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--karaoke", type=Path, default=ROOT / "target" / "release" / "karaoke")
    parser.add_argument("--work", type=Path, default=ROOT / "target" / "parity" / "kinds")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--tiny", action="store_true", help="short transforms, small networks")
    parser.add_argument("--model", action="append", help="only this one of networks.py; may be given several times")
    parser.add_argument("--htdemucs", action="store_true", help="HTDemucs as well")
    parser.add_argument("--only-htdemucs", action="store_true")
    parser.add_argument("--least", type=float, default=60.0, help="dB")
    arguments = parser.parse_args()
    arguments.karaoke = arguments.karaoke.absolute()

    work = arguments.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    song = work / "clip.wav"
    wav.write(song, clip.clip(arguments.seconds, peak=1.0), clip.RATE)
    report = Report(arguments.least)
    if not arguments.only_htdemucs:
        kinds(arguments, song, work, report)
    if arguments.htdemucs or arguments.only_htdemucs:
        htdemucs(arguments, song, work, report)
    if not np.isfinite(report.lowest) or report.lowest < arguments.least:
        print(f"below {arguments.least:g} dB")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
