#!/usr/bin/env python3
"""Finds how greedy the mask of a trained network is to be: SDR against how much of the voice stays, on validation mixes.

A network trained for SDR leaves a part of what it is not sure of; a singer would rather have less of the old voice and a
little less of the band. `greed` g makes a mask m of a bin 1 - (1 - m)^g: what is sure stays as it is. Prints a table; export.py
takes the chosen number as --greed. Held-out sound is not used.
"""

import argparse
import dataclasses
from pathlib import Path

import export
import numpy as np
import torch
import train


def left(instrumental, voice, backing):
    """Energy of the voice in the instrumental beside its own, by a fit of both parts, in dB."""
    parts = torch.stack([voice.flatten(), backing.flatten()]).double()
    gram = parts @ parts.T
    gain = torch.linalg.solve(gram + 1e-6 * torch.eye(2), parts @ instrumental.flatten().double())
    return 20 * np.log10(abs(gain[0].item()) + 1e-4)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="last.pt of a training run")
    parser.add_argument("--work", type=Path, default=Path("work"))
    parser.add_argument("--greed", type=float, nargs="+", default=[1.0, 1.25, 1.5, 1.75, 2.0, 2.5])
    options = parser.parse_args()
    network, _ = export.load(options.checkpoint)
    mixes = train.validation_mixes(options.work)
    masks = [network.mask(mix[None]) for mix, _ in mixes]
    print("| greed | SDR vocals | SDR backing | voice down, median | false vocals |\n|---|---|---|---|---|")
    for greed in options.greed:
        network.shape = dataclasses.replace(network.shape, greed=greed)
        vocals, backing, down, false = [], [], [], []
        for (mix, voice), mask in zip(mixes, masks):
            estimate = network.vocals(mask, mix[None])[0]
            if not voice.any():
                false.append(train.decibels(estimate, mix))
                continue
            vocals.append(train.decibels(voice, estimate - voice))
            backing.append(train.decibels(mix - voice, estimate - voice))
            down.append(-left(mix - estimate, voice, mix - voice))
        print(f"| {greed} | {np.mean(vocals):.2f} | {np.mean(backing):.2f} | {np.median(down):.1f} | {np.median(false):.1f} |", flush=True)


if __name__ == "__main__":
    main()
