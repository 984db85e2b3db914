#!/usr/bin/env python3
"""Writes an MDX-Net with random weights: the size, cost and interface of the public models, no licence.

The network is TFC-TDF v2: per block three 3x3 convolutions and a bottleneck over frequency, five
blocks down, one at the bottom, five up, 48 more channels a level; batch normalisation is folded
into the convolutions. Two things differ from a trained file, so that random weights pass a signal
on at about its level: skip connections are added instead of multiplied, and every second channel
starts out as the negative of the one before it (then ReLU loses no sign). For tests and benches only.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

KERNEL, CONVOLUTIONS, BOTTLENECK = 3, 3, 8
DIM_T = 256


class Net:
    """Adds layers with seeded random weights to an ONNX graph."""

    def __init__(self, seed, mirrored=0.7):
        self.random = np.random.default_rng(seed)
        self.mirrored = mirrored
        self.nodes, self.weights = [], []

    def tensor(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
        return name

    def node(self, operator, *inputs, name=None, **attributes):
        name = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], f"node_{len(self.nodes)}", **attributes))
        return name

    def random_weights(self, outputs, inputs, taps, first=False):
        """[outputs, inputs, taps] that keep the mean square of a signal that has been through a ReLU."""
        normal = lambda *shape: self.random.standard_normal(shape)
        if first:
            half = normal(outputs // 2, inputs, taps)
            whole = np.stack([half, -half], 1).reshape(outputs, inputs, taps)
            return whole * np.sqrt(2 / (inputs * taps))
        half = normal(outputs // 2, inputs // 2, taps)
        mirrored = np.stack([np.stack([half, -half], 2), np.stack([-half, half], 2)], 1).reshape(outputs, inputs, taps)
        weights = self.mirrored * mirrored + np.sqrt(1 - self.mirrored**2) * normal(outputs, inputs, taps)
        gain = 2 / (inputs * taps * (1 + self.mirrored**2))
        return weights * np.sqrt(gain)

    def bias(self, channels):
        return self.tensor(0.01 * self.random.standard_normal(channels))

    def convolution(self, x, inputs, outputs, kernel, stride=1, first=False):
        weights = self.random_weights(outputs, inputs, kernel * kernel, first)
        weights = self.tensor(weights.reshape(outputs, inputs, kernel, kernel))
        pad = (kernel - 1) // 2 if stride == 1 else 0
        y = self.node(
            "Conv", x, weights, self.bias(outputs), kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4
        )
        return self.node("Relu", y)

    def upwards(self, x, inputs, outputs):
        weights = self.random_weights(outputs, inputs, 4) * 2  # each output is reached by one tap of four
        weights = self.tensor(weights.reshape(outputs, inputs, 2, 2).transpose(1, 0, 2, 3))
        y = self.node("ConvTranspose", x, weights, self.bias(outputs), kernel_shape=[2, 2], strides=[2, 2])
        return self.node("Relu", y)

    def over_frequency(self, x, channels, inputs, outputs):
        weights = self.random.standard_normal((inputs, outputs)) * np.sqrt(2 / inputs)
        y = self.node("MatMul", x, self.tensor(weights))
        ones, zeros = np.ones(channels), np.zeros(channels)
        gain = self.tensor(1 + 0.1 * self.random.standard_normal(channels))
        y = self.node("BatchNormalization", y, gain, self.bias(channels), self.tensor(zeros), self.tensor(ones))
        return self.node("Relu", y)

    def block(self, x, channels, bins):
        for _ in range(CONVOLUTIONS):
            x = self.convolution(x, channels, channels, KERNEL)
        narrow = self.over_frequency(x, channels, bins, bins // BOTTLENECK)
        return self.node("Add", x, self.over_frequency(narrow, channels, bins // BOTTLENECK, bins))


def make(dim_f, growth=48, levels=5, seed=0, scale=1.0):
    """The model, and its number of parameters."""
    net = Net(seed)
    x = net.node("Transpose", "input", perm=[0, 1, 3, 2])
    x = net.convolution(x, 4, growth, 1, first=True)
    channels, bins, skips = growth, dim_f, []
    for _ in range(levels):
        x = net.block(x, channels, bins)
        skips.append(x)
        x = net.convolution(x, channels, channels + growth, 2, stride=2)
        channels, bins = channels + growth, bins // 2
    x = net.block(x, channels, bins)
    for skip in reversed(skips):
        x = net.upwards(x, channels, channels - growth)
        channels, bins = channels - growth, bins * 2
        x = net.node("Add", x, skip)
        x = net.block(x, channels, bins)
    # The last layer sees differences of mirrored channels only, so a common offset does not come out.
    half = net.random.standard_normal((4, channels // 2, 1)) * scale / np.sqrt(channels)
    last = np.stack([half, -half], 2).reshape(4, channels, 1, 1)
    x = net.node("Conv", x, net.tensor(last), kernel_shape=[1, 1])
    net.node("Transpose", x, perm=[0, 1, 3, 2], name="output")

    shape = ["batch", 4, dim_f, DIM_T]
    info = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(net.nodes, "random_mdx", [info("input")], [info("output")], net.weights)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="karaoke")
    onnx.checker.check_model(model)
    return model, sum(int(np.prod(w.dims)) for w in net.weights)


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
    model, parameters = make(dim_f, seed=arguments.seed, scale=arguments.scale, **size)
    data = model.SerializeToString(deterministic=True)
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
