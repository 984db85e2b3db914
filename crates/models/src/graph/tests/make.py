#!/usr/bin/env python3
"""Writes the networks of the tests beside this script: one small MDX-Net with random weights, as PyTorch's exporters write it.

  old.onnx       the TorchScript exporter, constants folded (as the public MDX-Net files are)
  training.onnx  the same without folding: every batch norm and `Transpose` is there
  new.onnx       the exporter of PyTorch 2.9 and later

Needs torch, onnx and onnxscript.
"""

from pathlib import Path

import torch
from torch import nn


def convolved(layer, channels):
    return nn.Sequential(layer, nn.BatchNorm2d(channels), nn.ReLU())


class Block(nn.Module):
    def __init__(self, channels, bins):
        super().__init__()
        self.convolution = convolved(nn.Conv2d(channels, channels, 3, padding=1), channels)
        layers = []
        for wide, narrow in ((bins, bins // 4), (bins // 4, bins)):
            layers += [nn.Linear(wide, narrow, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
        self.transform = nn.Sequential(*layers)

    def forward(self, x):
        x = self.convolution(x)
        return x + self.transform(x)


class Network(nn.Module):
    def __init__(self, bins=24, channels=8):
        super().__init__()
        self.first = convolved(nn.Conv2d(4, channels, 1), channels)
        self.before = Block(channels, bins)
        self.down = convolved(nn.Conv2d(channels, 2 * channels, 2, 2, groups=2), 2 * channels)
        self.within = Block(2 * channels, bins // 2)
        self.up = convolved(nn.ConvTranspose2d(2 * channels, channels, 2, 2, groups=2), channels)
        self.after = Block(channels, bins)
        self.last = nn.Conv2d(channels, 4, 1)

    def forward(self, x):
        x = kept = self.before(self.first(x).transpose(2, 3))
        x = self.up(self.within(self.down(x))) * kept
        return self.last(self.after(x).transpose(2, 3))


def main():
    torch.manual_seed(0)
    network = Network().eval()
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    # Two keep what every norm begins with: numbers that are equal are written once and shared through `Identity`.
    for module in norms[:6] + norms[8:]:
        for numbers in (module.weight.data, module.running_var):
            numbers.uniform_(0.5, 2.0)
        module.weight.data[0] *= -1
        for numbers in (module.bias.data, module.running_mean):
            numbers.normal_(0, 0.3)
    x, here = torch.randn(1, 4, 24, 16), Path(__file__).resolve().parent
    old = {"input_names": ["input"], "output_names": ["output"], "opset_version": 17, "dynamo": False,
           "dynamic_axes": {"input": {0: "batch"}, "output": {0: "batch"}}}
    torch.onnx.export(network, (x,), str(here / "old.onnx"), **old)
    torch.onnx.export(network, (x,), str(here / "training.onnx"), **old, do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE)
    torch.onnx.export(network, (x,), str(here / "new.onnx"), input_names=["input"], output_names=["output"], dynamo=True,
                      dynamic_shapes={"x": {0: torch.export.Dim("batch")}}, external_data=False)


if __name__ == "__main__":
    main()
