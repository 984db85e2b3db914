#!/usr/bin/env python3
"""Does `karaoke separate` sound like python-audio-separator with the same MDX-Net file? SNR per stem, in dB.

Makes an environment with python-audio-separator (about 6 GB, most of it the GPU libraries that its default
torch wheel brings; --pip takes options for another index or wheels), an MDX-Net with random weights and a
clip of a synthesised band, lets both separate it, and compares. Exit 1 below --least dB.
Needs Python 3.11 or newer; the binary is found at target/release/karaoke, or given with --karaoke.
"""

import argparse
import os
import shlex
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEER = "audio-separator[cpu]==0.47.1"


def run(*command, **options):
    print("+", shlex.join(map(str, command)), file=sys.stderr, flush=True)
    subprocess.run(list(map(str, command)), check=True, **options)


def environment(folder, pip_options):
    """The Python of an environment that has the peer in it."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    found = subprocess.run([python, "-c", "import audio_separator.separator"], capture_output=True)
    if found.returncode != 0:
        run(python, "-m", "pip", "install", "--quiet", PEER, *shlex.split(pip_options))
    return python


def make_inputs(python, work, arguments):
    """A folder of models with one model, and a clip whose loudest sample is --peak."""
    models, clip = work / "models", work / "clip.wav"
    tiny = ["--tiny"] if arguments.tiny else []
    run(python, ROOT / "models" / "random_mdx.py", "--out", models / "random.onnx", "--manifest", *tiny)
    code = f"import clip, wav; wav.write({str(clip)!r}, clip.clip({arguments.seconds}, peak={arguments.peak}), clip.RATE)"
    run(python, "-c", code, cwd=HERE)
    return models, clip


def separate(ours, python, models, clip, output, threads):
    if ours == "reference":
        run(python, HERE / "reference.py", clip, "-m", models / "random.toml", "-o", output, "--threads", threads)
    else:
        settings = {**os.environ, "KARAOKE__MODELS__DIR": str(models), "KARAOKE__MODELS__DEFAULT": "random"}
        run(ours, "separate", clip, "-o", output, "-m", "random", "-f", "wav", "--bits", "float", "--quiet", env=settings)


SNR = """
import sys, numpy as np, wav
for stem in ("Vocals", "Instrumental"):
    (a, ra), (b, rb) = (wav.read(f"{folder}/clip ({stem}).wav") for folder in sys.argv[1:3])
    if a.shape != b.shape or ra != rb:
        sys.exit(f"{stem}: {a.shape} at {ra} Hz against {b.shape} at {rb} Hz")
    a, b = a.astype(np.float64), b.astype(np.float64)
    if not np.isfinite(a).all() or not np.isfinite(b).all() or not b.any():
        sys.exit(f"{stem}: silent, or not finite")
    print(stem, 10 * np.log10((b * b).sum() / max(((a - b) ** 2).sum(), 1e-300)), np.abs(b).max(), np.abs(a - b).max())
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--karaoke", type=Path, default=ROOT / "target" / "release" / "karaoke")
    parser.add_argument("--ours", choices=["karaoke", "reference"], default="karaoke",
                        help="reference: benches/parity/reference.py in place of the binary")
    parser.add_argument("--venv", type=Path, default=ROOT / "target" / "parity" / "venv")
    parser.add_argument("--work", type=Path, default=ROOT / "target" / "parity" / "work")
    parser.add_argument("--pip", default="", help="more options for pip install")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--peak", type=float, default=1.0, help="largest sample of the clip; above 0.9 the gain is at work")
    parser.add_argument("--tiny", action="store_true", help="a tiny network: seconds instead of minutes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--least", type=float, default=60.0, help="dB")
    arguments = parser.parse_args()

    python = environment(arguments.venv.absolute(), arguments.pip)
    work = arguments.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    models, clip = make_inputs(python, work, arguments)
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore", "TQDM_DISABLE": "1"}
    run(python, HERE / "peer.py", clip, "-m", models / "random.toml", "-o", work / "peer",
        "--threads", arguments.threads, env=quiet)
    ours = "reference" if arguments.ours == "reference" else arguments.karaoke.absolute()
    separate(ours, python, models, clip, work / "ours", arguments.threads)
    report = subprocess.run([python, "-c", SNR, work / "ours", work / "peer"], cwd=HERE, text=True, stdout=subprocess.PIPE)
    if report.returncode != 0:
        return 1
    lowest = float("inf")
    for line in report.stdout.splitlines():
        stem, snr, peak, error = line.split()
        print(f"{stem:13} SNR {float(snr):6.1f} dB   (peak {float(peak):.3f}, largest difference {float(error):.2e})")
        lowest = min(lowest, float(snr))
    if lowest < arguments.least:
        print(f"below {arguments.least:g} dB")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
