#!/usr/bin/env python3
"""Draws what a model does to a song: mix, true and estimated vocals, true and estimated backing, one above the other.

FOLDER holds the stems of one song, as for ../evaluate.py. Without --from, the part in which the vocals are loudest is drawn.
Needs matplotlib.
"""

import argparse
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plot  # noqa: E402
import numpy as np  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import evaluate  # noqa: E402

RATE, FRAME, MARGIN = evaluate.RATE, 4096, 6.0
LOW, HIGH, ROWS, RANGE = 60.0, 16_000.0, 360, 70.0
TICKS = (100, 200, 500, 1000, 2000, 5000, 10_000)


def loudest(vocals, seconds):
    """Where the most voice lies, in seconds."""
    each = np.add.reduceat(np.square(vocals, dtype=np.float64).sum(0), np.arange(0, vocals.shape[1], RATE))
    sums = np.convolve(each, np.ones(max(int(seconds), 1)), "valid") if len(each) > seconds else each[:1]
    return float(sums.argmax())


def picture(sound):
    """Power in dB on a logarithmic frequency axis, [ROWS, columns]."""
    padded = np.pad(sound, ((0, 0), (FRAME // 2, FRAME // 2))).astype(np.float32)
    hop = max(sound.shape[1] // 1400, 64)
    pieces = np.lib.stride_tricks.sliding_window_view(padded, FRAME, axis=1)[:, ::hop] * np.hanning(FRAME).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(pieces))).mean(0).T
    edges = np.geomspace(LOW, HIGH, ROWS + 1) * FRAME / RATE
    low, high = np.floor(edges[:-1]).astype(int), np.ceil(edges[1:]).astype(int)
    # Where a row is narrower than a bin it lies between two: interpolated; where it is wider, the strongest bin counts.
    middle = (edges[:-1] + edges[1:]) / 2
    share = (middle % 1)[:, None]
    between = power[middle.astype(int)] * (1 - share) + power[middle.astype(int) + 1] * share
    rows = [power[a:b].max(0) if b - a > 2 else line for a, b, line in zip(low, high, between)]
    return 10 * np.log10(np.array(rows) + 1e-12)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER_OF_ONE_SONG")
    parser.add_argument("--model", type=Path, required=True, metavar="MANIFEST")
    parser.add_argument("--out", type=Path, required=True, metavar="PNG")
    parser.add_argument("--from", type=float, dest="start", metavar="S")
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--match", default="", help="only files whose name contains this")
    arguments = parser.parse_args()

    vocals, backing = evaluate.read_stems(arguments.folder, arguments.match)
    start = loudest(vocals, arguments.seconds) if arguments.start is None else arguments.start
    first, last = int(max(start - MARGIN, 0) * RATE), int((start + arguments.seconds + MARGIN) * RATE)
    vocals, backing = vocals[:, first:last], backing[:, first:last]
    mix = vocals + backing
    model = evaluate.Graph(arguments.model, 1)
    voice, instrumental = model.separate(mix)
    shown = slice(int(start * RATE) - first, int((start + arguments.seconds) * RATE) - first)
    if mix[:, shown].shape[1] < FRAME:
        parser.error("the song is over there")

    name = model.manifest.get("title", model.name)
    panels = {"Mix": mix, "True vocals": vocals, f"Vocals by {name}": voice}
    panels |= {"True backing": backing, f"Instrumental by {name}": instrumental}
    pictures = {title: picture(sound[:, shown]) for title, sound in panels.items()}
    top = pictures["Mix"].max()
    figure, axes = plot.subplots(len(panels), 1, figsize=(13, 17), sharex=True, layout="constrained")
    for axis, (title, decibels) in zip(axes, pictures.items()):
        extent = (start, start + mix[:, shown].shape[1] / RATE, 0, ROWS)
        look = {"cmap": "magma", "vmin": -RANGE, "vmax": 0, "extent": extent, "interpolation": "nearest"}
        image = axis.imshow(decibels - top, origin="lower", aspect="auto", **look)
        axis.set_yticks(
            [ROWS * np.log(hz / LOW) / np.log(HIGH / LOW) for hz in TICKS], [f"{hz:,}".replace(",", " ") for hz in TICKS]
        )
        axis.set_title(title, loc="left", fontsize=13, fontweight="bold")
        axis.set_ylabel("Hz")
    axes[-1].set_xlabel("seconds")
    figure.colorbar(image, ax=axes, label="dB below the loudest point of the mix", shrink=0.5, pad=0.01)
    song = arguments.folder.resolve()
    figure.suptitle(f"{song.parent.name}/{song.name}", fontsize=14)
    figure.savefig(arguments.out, dpi=90)
    plot.close(figure)


if __name__ == "__main__":
    main()
