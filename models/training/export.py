#!/usr/bin/env python3
"""Writes a trained network as an ONNX file (opset 17, any batch) and its manifest, and proves that both say the same.

The weights are the running average of the checkpoint, batch statistics folded into the convolutions. ONNX Runtime's answer
is compared with the trained network's on music-like input at several levels, and on silence; more than 1e-4 is an error.
With --half the weights are stored as 16-bit floats and widened on loading: half the size, the same speed.
"""

import argparse
import copy
import dataclasses
import hashlib
from pathlib import Path

import networks
import numpy as np
import onnx
import onnxruntime
import torch
from networks import BINS, FRAMES, HOP, N_FFT, Separator, Shape
from torch import nn

MANIFEST = '''# The built-in model: trained by the scripts in training/, see MODEL_CARD.md and DATA_CARD.md.
name = "{name}"
title = "{title}"
description = "{description}"
kind = "mdx"
file = "{name}.onnx"
sha256 = "{sha256}"
url = ""
licence = "{licence}"
attribution = "{attribution}"
exact = true
sample_rate = 44100
overlap = 0.25
stems = ["vocals"]
complement = "instrumental"
compensation = 1.0

[mdx]
n_fft = {n_fft}
hop = {hop}
dim_f = {bins}
dim_t = {frames}
'''


def load(checkpoint, other=None, share=0.0):
    """The averaged network of a checkpoint, ready to be asked; with `share` of another one's weights, which between two
    ends of one run is better than either (Wortsman et al., "Model soups", arXiv 2203.05482)."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=False)
    if other:
        for weight, more in zip(state["average"].values(), torch.load(other, map_location="cpu", weights_only=False)["average"].values()):
            if weight.is_floating_point():
                weight.lerp_(more, share)
    network = Separator(Shape.named(state["shape"]))
    network.load_state_dict(state["average"])
    return network.eval(), state


def folded(network):
    """A copy whose batch norms that follow a convolution are part of it."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, nn.Sequential) and len(module) > 1 and isinstance(module[1], (nn.BatchNorm1d, nn.BatchNorm2d)):
            module[0] = nn.utils.fuse_conv_bn_eval(module[0], module[1])
            module[1] = nn.Identity()
    return network


def to_onnx(network, path):
    example = torch.randn(1, 4, BINS, FRAMES)
    torch.onnx.export(
        network, (example,), str(path), opset_version=17, input_names=["input"], output_names=["output"],
        dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}}, dynamo=False,
    )


def largest_difference(network, path):
    """Largest difference of the file's answers and the network's, relative to the loudest value of the input."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    tilt = (1.0 / (1.0 + np.arange(BINS) / 40.0)).astype(np.float32)[None, None, :, None]
    worst = 0.0
    for level in (1e-3, 1.0, 300.0):
        x = (rng.standard_normal((2, 4, BINS, FRAMES)).astype(np.float32) ** 3) * tilt * np.float32(level)
        with torch.no_grad():
            wanted = network(torch.from_numpy(x)).numpy()
        got = session.run(None, {"input": x})[0]
        worst = max(worst, float(np.abs(got - wanted).max() / np.abs(x).max()))
    if session.run(None, {"input": np.zeros((1, 4, BINS, FRAMES), np.float32)})[0].any():
        raise SystemExit("silence does not stay silent")
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="last.pt of a training run")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent, help="folder (default: models)")
    parser.add_argument("--name", default="builtin")
    parser.add_argument("--greed", type=float, default=1.0, help="see tune.py (default: 1)")
    parser.add_argument("--keep", type=Path, help="also write the averaged weights, as 16-bit floats, for train.py --begin")
    parser.add_argument("--with", dest="other", type=Path, help="an earlier checkpoint of the run, to be mixed in")
    parser.add_argument("--share", type=float, default=0.2, help="how much of it (default: 0.2)")
    options = parser.parse_args()
    network, state = load(options.checkpoint, options.other, options.share)
    if options.keep:
        weights = {k: v.half() if v.is_floating_point() else v for k, v in state["average"].items()}
        torch.save({"shape": state["shape"], "network": weights, "heard": state["heard"]}, options.keep)
    network.shape = dataclasses.replace(network.shape, greed=options.greed)
    path = options.out / f"{options.name}.onnx"
    to_onnx(folded(network), path)
    difference = largest_difference(network, path)
    print(f"{path.name}: {networks.parameters(network)} parameters, {path.stat().st_size} bytes, after {state['heard']:.1f} h of sound; "
          f"parity {difference:.1e}")
    if difference > 1e-4:
        raise SystemExit("the file does not say what the network says")
    manifest = MANIFEST.format(
        name=options.name, title="Built-in", n_fft=N_FFT, hop=HOP, bins=BINS, frames=FRAMES,
        description="A small neural network made by this project: takes the voice out of most songs in seconds, with nothing to download.",
        licence="MIT OR Apache-2.0", attribution="The authors of this repository; trained on the sound that models/DATA_CARD.md credits",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    path.with_suffix(".toml").write_text(manifest)


if __name__ == "__main__":
    main()
