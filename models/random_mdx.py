#!/usr/bin/env python3
"""Writes an MDX-Net with random weights: the size, cost, interface and graph of the public models, no licence.

The network is TFC-TDF v2: per block three 3x3 convolutions and a bottleneck over frequency, five blocks down, one at the
bottom, five up, 48 more channels a level, a batch norm after everything. The file is what PyTorch's older exporter makes of
it, as the public files are: the batch is free, norms stand apart from products and from convolutions upwards, and equal
weights are written once and shared through `Identity`. Two things differ from a trained file, so that random weights pass a
signal on at about its level: skip connections are added instead of multiplied, and every second channel starts out as the
negative of the one before it (then ReLU loses no sign). For tests and benches only. Needs torch and onnx.
"""

import argparse
import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

KERNEL, CONVOLUTIONS, BOTTLENECK = 3, 3, 8
DIM_T = 256


class Weights:
    """Seeded random weights."""

    def __init__(self, seed, mirrored=0.7):
        self.random = np.random.default_rng(seed)
        self.mirrored = mirrored

    def normal(self, *shape):
        return self.random.standard_normal(shape)

    def bias(self, channels):
        return 0.01 * self.normal(channels)

    def layer(self, outputs, inputs, taps, first=False):
        """[outputs, inputs, taps] that keep the mean square of a signal that has been through a ReLU."""
        if first:
            half = self.normal(outputs // 2, inputs, taps)
            whole = np.stack([half, -half], 1).reshape(outputs, inputs, taps)
            return whole * np.sqrt(2 / (inputs * taps))
        half = self.normal(outputs // 2, inputs // 2, taps)
        mirrored = np.stack([np.stack([half, -half], 2), np.stack([-half, half], 2)], 1).reshape(outputs, inputs, taps)
        weights = self.mirrored * mirrored + np.sqrt(1 - self.mirrored**2) * self.normal(outputs, inputs, taps)
        gain = 2 / (inputs * taps * (1 + self.mirrored**2))
        return weights * np.sqrt(gain)


def fill(parameter, values):
    parameter.data = torch.tensor(np.asarray(values), dtype=torch.float32).reshape(parameter.shape)


class Convolution(nn.Sequential):
    def __init__(self, weights, inputs, outputs, kernel, stride=1, first=False):
        padding = (kernel - 1) // 2 if stride == 1 else 0
        super().__init__(nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.BatchNorm2d(outputs), nn.ReLU())
        fill(self[0].weight, weights.layer(outputs, inputs, kernel * kernel, first))
        fill(self[0].bias, weights.bias(outputs))


class Upwards(nn.Sequential):
    def __init__(self, weights, inputs, outputs):
        super().__init__(nn.ConvTranspose2d(inputs, outputs, 2, 2), nn.BatchNorm2d(outputs), nn.ReLU())
        # Each output is reached by one tap of four.
        layer = weights.layer(outputs, inputs, 4) * 2
        fill(self[0].weight, layer.reshape(outputs, inputs, 2, 2).transpose(1, 0, 2, 3))
        fill(self[0].bias, weights.bias(outputs))


class OverFrequency(nn.Sequential):
    def __init__(self, weights, channels, inputs, outputs):
        super().__init__(nn.Linear(inputs, outputs, bias=False), nn.BatchNorm2d(channels), nn.ReLU())
        fill(self[0].weight, weights.normal(outputs, inputs) * np.sqrt(2 / inputs))
        fill(self[1].weight, 1 + 0.1 * weights.normal(channels))
        fill(self[1].bias, weights.bias(channels))


class Block(nn.Module):
    def __init__(self, weights, channels, bins):
        super().__init__()
        layers = [Convolution(weights, channels, channels, KERNEL) for _ in range(CONVOLUTIONS)]
        self.convolutions = nn.Sequential(*layers)
        narrow = bins // BOTTLENECK
        self.bottleneck = nn.Sequential(OverFrequency(weights, channels, bins, narrow), OverFrequency(weights, channels, narrow, bins))

    def forward(self, x):
        x = self.convolutions(x)
        return x + self.bottleneck(x)


class Network(nn.Module):
    def __init__(self, dim_f, growth=48, levels=5, seed=0, scale=1.0):
        super().__init__()
        weights = Weights(seed)
        self.first = Convolution(weights, 4, growth, 1, first=True)
        self.before, self.down, self.up, self.after = (nn.ModuleList() for _ in range(4))
        channels, bins = growth, dim_f
        for _ in range(levels):
            self.before.append(Block(weights, channels, bins))
            self.down.append(Convolution(weights, channels, channels + growth, 2, stride=2))
            channels, bins = channels + growth, bins // 2
        self.bottom = Block(weights, channels, bins)
        for _ in range(levels):
            self.up.append(Upwards(weights, channels, channels - growth))
            channels, bins = channels - growth, bins * 2
            self.after.append(Block(weights, channels, bins))
        # The last layer sees differences of mirrored channels only, so a common offset does not come out.
        half = weights.normal(4, channels // 2, 1) * scale / np.sqrt(channels)
        self.last = nn.Conv2d(channels, 4, 1, bias=False)
        fill(self.last.weight, np.stack([half, -half], 2))

    def forward(self, x):
        x, skips = self.first(x.transpose(2, 3)), []
        for block, down in zip(self.before, self.down):
            x = block(x)
            skips.append(x)
            x = down(x)
        x = self.bottom(x)
        for up, block in zip(self.up, self.after):
            x = block(up(x) + skips.pop())
        return self.last(x).transpose(2, 3)


def make(dim_f, **numbers):
    """The file, and its number of parameters."""
    network = Network(dim_f, **numbers).eval()
    batch, out = {0: "batch"}, io.BytesIO()
    with warnings.catch_warnings():
        # Of the older exporter; the public files are by it.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(network, (torch.zeros(1, 4, dim_f, DIM_T),), out, input_names=["input"], output_names=["output"],
                          dynamic_axes={"input": batch, "output": batch}, opset_version=17, dynamo=False)
    return out.getvalue(), sum(p.numel() for p in network.parameters())


MANIFEST = """\
name = "{name}"
title = "Random MDX-Net"
description = "Random weights, for tests and benches. It separates nothing."
kind = "mdx"
file = "{file}"
sha256 = "{sha256}"
url = ""
licence = "MIT OR Apache-2.0"
attribution = "Written by models/random_mdx.py"
sample_rate = 44100
overlap = 0.25
stems = ["vocals"]
complement = "instrumental"
compensation = {compensation}
peak = 0.9

[mdx]
n_fft = {n_fft}
hop = 1024
dim_f = {dim_f}
dim_t = 256
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file to write")
    parser.add_argument("--dim-f", type=int, help="bins, a multiple of 256 (default 2048; tiny: 256)")
    parser.add_argument("--n-fft", type=int, help="for the manifest only (default 6144; tiny: 4096)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the output")
    parser.add_argument("--compensation", type=float, default=1.035, help="for the manifest")
    parser.add_argument("--tiny", action="store_true", help="2 levels, 4 channels: milliseconds a window")
    parser.add_argument("--manifest", action="store_true", help="write the .toml beside it")
    arguments = parser.parse_args()

    dim_f = arguments.dim_f or (256 if arguments.tiny else 2048)
    n_fft = arguments.n_fft or (4096 if arguments.tiny else 6144)
    size = {"growth": 4, "levels": 2} if arguments.tiny else {}
    data, parameters = make(dim_f, seed=arguments.seed, scale=arguments.scale, **size)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(data)
    if arguments.manifest:
        manifest = MANIFEST.format(
            name=arguments.out.stem, file=arguments.out.name, sha256=hashlib.sha256(data).hexdigest(),
            n_fft=n_fft, dim_f=dim_f, compensation=arguments.compensation,
        )
        arguments.out.with_suffix(".toml").write_text(manifest)
    print(f"{arguments.out}: {parameters / 1e6:.1f} M parameters, {len(data) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
