#!/usr/bin/env python3
"""Ours against python-audio-separator: the same MDX-Net files, the same clip, the same cores, whole processes.

Makes MDX-Nets of the two public sizes (dim_f 2048 and 3072) with random weights and a clip of a synthesised
band, lets `karaoke separate` and the peer separate it in turns, and prints wall and processor seconds and peak
memory of both, their ratios (ours / peer, medians), and how far the sounds differ. The environment with the
peer is made first (about 6 GB), unless --venv names one. A first run of ours, not counted, finds out how
the models run best on this machine, as the first song does; --cold counts it.
Needs `make build`; Python 3.11 or newer.
"""

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
sys.path.insert(0, str(HERE / "parity"))
import compare  # noqa: E402

SIZES = {"2048": 6144, "3072": 7680}  # dim_f: n_fft


def measured(command, settings):
    """Runs a command; wall seconds, processor seconds, peak memory in MB."""
    began = time.monotonic()
    child = subprocess.Popen([str(c) for c in command], env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    if status != 0:
        sys.exit(f"{shlex.join(map(str, command))} failed:\n{said.decode()[-2000:]}")
    return {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss / 1024}


def ours(arguments, models, clip, output, provider, cache):
    settings = {k: v for k, v in os.environ.items() if k != "ORT_DYLIB_PATH"}
    settings.update(KARAOKE__MODELS__DIR=str(models), KARAOKE__MODELS__DEFAULT="random", KARAOKE__MODELS__FETCH="[]",
                    KARAOKE__WORKER__PROVIDER=provider, KARAOKE__WORKER__CACHE=str(cache))
    command = [arguments.karaoke, "separate", clip, "-o", output, "-m", "random", "--bits", "float", "--quiet", "--force"]
    return measured(command, settings)


def peer(python, models, clip, output):
    settings = {**os.environ, "PYTHONWARNINGS": "ignore", "TQDM_DISABLE": "1"}
    threads = len(os.sched_getaffinity(0))
    command = [python, HERE / "parity" / "peer.py", clip, "-m", models / "random.toml", "-o", output, "--threads", threads]
    return measured(command, settings)


def snr(python, ours_at, peers):
    command = [python, "-c", compare.SNR, ours_at, peers]
    lines = subprocess.run(command, cwd=HERE / "parity", check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines}


def race(arguments, python, work, dim_f):
    models, clip = work / dim_f, work / "clip.wav"
    make = [python, ROOT / "models" / "random_mdx.py", "--out", models / "random.onnx", "--manifest"]
    compare.run(*make, "--dim-f", dim_f, "--n-fft", SIZES[dim_f])
    caches = {provider: work / f"cache-{provider}" for provider in arguments.provider}
    if not arguments.cold:
        for provider, cache in caches.items():
            ours(arguments, models, clip, work / "warm", provider, cache)
    runs = {name: [] for name in [*caches, "peer"]}
    for _ in range(arguments.rounds):
        for provider, cache in caches.items():
            if arguments.cold:
                shutil.rmtree(cache, ignore_errors=True)
            runs[provider].append(ours(arguments, models, clip, work / provider, provider, cache))
        runs["peer"].append(peer(python, models, clip, work / "peer"))
    middle = {name: {k: statistics.median(r[k] for r in all_) for k in all_[0]} for name, all_ in runs.items()}
    for name, run in middle.items():
        line = f"dim_f {dim_f}  {name:8}  {run['wall']:7.2f} s wall  {run['cpu']:7.2f} s CPU  {run['memory']:6.0f} MB"
        if name != "peer":
            line += "   ratios " + "  ".join(f"{k} {run[k] / middle['peer'][k]:.3f}" for k in run)
            line += "   SNR " + ", ".join(f"{stem} {db:.1f} dB" for stem, db in snr(python, work / name, work / "peer").items())
        print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--karaoke", type=Path, default=TARGET / "release" / "karaoke")
    parser.add_argument("--venv", type=Path, default=ROOT / "target" / "parity" / "venv")
    parser.add_argument("--pip", default="", help="more options for pip install")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", action="append", choices=SIZES, help="default: both")
    parser.add_argument("--provider", action="append", help="worker.provider of ours (default: auto and cpu)")
    parser.add_argument("--cold", action="store_true", help="nothing found out before")
    arguments = parser.parse_args()
    arguments.provider = arguments.provider or ["auto", "cpu"]
    arguments.karaoke = arguments.karaoke.absolute()
    python = compare.environment(arguments.venv.absolute(), arguments.pip)
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET, prefix="peer-") as work:
        work = Path(work)
        clip = work / "clip.wav"
        code = f"import clip, wav; wav.write({str(clip)!r}, clip.clip({arguments.seconds}, peak=1.0), clip.RATE)"
        compare.run(python, "-c", code, cwd=HERE / "parity")
        for dim_f in arguments.size or SIZES:
            race(arguments, python, work, dim_f)


if __name__ == "__main__":
    main()
