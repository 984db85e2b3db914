#!/usr/bin/env python3
"""Draws the learning curve of a run: SDR and false vocals of the validation mixes over hours of sound heard. Needs matplotlib."""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plot  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path, help="log.jsonl of a run")
    parser.add_argument("--out", type=Path, required=True, help="PNG to write")
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in arguments.log.read_text().splitlines()]
    figure, (above, below) = plot.subplots(2, 1, sharex=True, figsize=(8, 6), height_ratios=(2, 1))
    heard = [row["heard"] for row in rows]
    above.plot(heard, [row["vocals"] for row in rows], "o-", label="vocals")
    above.plot(heard, [row["backing"] for row in rows], "s-", label="backing")
    above.set_ylabel("SDR, dB")
    above.legend()
    below.plot(heard, [row["false"] for row in rows], "^-", color="tab:red")
    below.set_ylabel("false vocals, dB")
    below.set_xlabel("hours of sound heard")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(arguments.out, dpi=80)


if __name__ == "__main__":
    main()
