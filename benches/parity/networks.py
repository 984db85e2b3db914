#!/usr/bin/env python3
"""Writes a model with random weights for every kind but `mdx` (models/random_mdx.py) and HTDemucs (htdemucs.py).

    networks.py DIR           full size: the public models' interfaces and numbers
    networks.py DIR --tiny    the same kinds with short transforms: a window takes milliseconds

The networks are a few small convolutions: what they compute is of no interest, only that it depends on
everything they see and differs from stem to stem. Their cost is next to nothing.
"""

import argparse
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RANDOM_MDX = Path(__file__).resolve().parent.parent.parent / "models" / "random_mdx.py"

MANIFEST = """\
name = "{name}"
title = "Random weights, kind {kind}"
kind = "{kind}"
{file}licence = "MIT OR Apache-2.0"
sample_rate = 44100
overlap = {overlap}
{stems}
{numbers}"""

FULL = {
    "spleeter": {"n_fft": 4096, "hop": 1024, "dim_f": 1024, "dim_t": 512, "frames": 240},
    "umx": {"n_fft": 4096, "hop": 1024, "dim_t": 240},
    "roformer": {"n_fft": 2048, "hop": 441, "dim_t": 801},
    "waveform": {"segment": 120_000, "normalise": "true"},
    "hybrid": {"segment": 100_001, "tail": '"centred"', "spectrum": "{ n_fft = 4096, hop = 1024 }"},
}
TINY = {
    "spleeter": {"n_fft": 512, "hop": 128, "dim_f": 128, "dim_t": 256, "frames": 200},
    "umx": {"n_fft": 512, "hop": 128, "dim_t": 240},
    "roformer": {"n_fft": 256, "hop": 55, "dim_t": 301},
    "waveform": {"segment": 20_000, "normalise": "true"},
    "hybrid": {"segment": 20_001, "tail": '"centred"', "spectrum": "{ n_fft = 512, hop = 128 }"},
}


class Graph:
    """An ONNX graph that grows node by node."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def constant(self, value, kind=np.float32):
        self.weights.append(numpy_helper.from_array(np.asarray(value, kind), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def node(self, operator, *inputs, name=None, **attributes):
        name = name or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def convolution(self, x, inputs, outputs, *kernel):
        weights = self.random.standard_normal((outputs, inputs, *kernel)) / np.sqrt(inputs * np.prod(kernel))
        bias = 0.1 * self.random.standard_normal(outputs)
        pads = [(k - 1) // 2 for k in kernel] * 2
        return self.node("Conv", x, self.constant(weights), self.constant(bias), kernel_shape=list(kernel), pads=pads)

    def gate(self, x, inputs, outputs, *kernel):
        """Between 0 and 1, from two convolutions over what is seen, its level compressed."""
        seen = self.node("Tanh", self.node("Mul", x, self.constant(0.3)))
        hidden = self.node("Tanh", self.convolution(seen, inputs, 6, *kernel))
        return self.node("Sigmoid", self.node("Mul", self.convolution(hidden, 6, outputs, *kernel), self.constant(3)))

    def reshape(self, x, *shape, name=None):
        return self.node("Reshape", x, self.constant(shape, np.int64), name=name)

    def save(self, path, inputs, outputs):
        info = lambda item: helper.make_tensor_value_info(item[0], TensorProto.FLOAT, item[1])
        graph = helper.make_graph(self.nodes, "random", list(map(info, inputs)), list(map(info, outputs)), self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString(deterministic=True))


def magnitudes(path, seed, shape, names, free):
    """Magnitudes to magnitudes, a share of each; `free` names the axis that may have any length."""
    graph = Graph(seed)
    flat = graph.reshape(names[0], -1, 1, shape[2], shape[3] if free is None else -1) if free is None else names[0]
    channels = 1 if free is None else shape[1]
    share = graph.gate(flat, channels, channels, 3, 3)
    if free is None:
        share = graph.reshape(share, *shape)
    graph.node("Mul", names[0], share, name=names[1])
    public = list(shape)
    if free is not None:
        public[free] = "frames"
    graph.save(path, [(names[0], public)], [(names[1], public)])


def roformer(path, seed, bins, frames, stems):
    graph = Graph(seed)
    planes = graph.node("Transpose", "spec", perm=[0, 3, 1, 2])
    share = graph.node("Sub", graph.gate(planes, 2, 2 * stems, 3, 3), graph.constant(0.4))
    share = graph.reshape(share, stems, 2, 2 * bins, frames)
    share = graph.node("Transpose", share, perm=[0, 2, 3, 1])
    graph.reshape(share, 1, stems, 2 * bins, frames, 2, name="mask")
    graph.save(path, [("spec", [1, 2 * bins, frames, 2])], [("mask", [1, stems, 2 * bins, frames, 2])])


def waveform(path, seed, segment, stems):
    graph = Graph(seed)
    sound = graph.node("Tanh", graph.convolution("mix", 2, 2 * stems, 65))
    share = graph.gate("mix", 2, 2 * stems, 33)
    graph.reshape(graph.node("Mul", sound, share), 1, stems, 2, segment, name="stems")
    graph.save(path, [("mix", [1, 2, segment])], [("stems", [1, stems, 2, segment])])


def hybrid(path, seed, segment, bins, frames, stems):
    """Two branches; each stem's spectrogram is a share of the mix's, its waveform a convolution."""
    graph = Graph(seed)
    share = graph.gate("mag", 4, stems, 3, 3)
    share = graph.reshape(share, 1, stems, 1, bins, frames)
    graph.node("Mul", graph.reshape("mag", 1, 1, 4, bins, frames), share, name="freq")
    sound = graph.node("Tanh", graph.convolution("mix", 2, 2 * stems, 65))
    graph.reshape(sound, 1, stems, 2, segment, name="time")
    graph.save(path, [("mix", [1, 2, segment]), ("mag", [1, 4, bins, frames])],
               [("freq", [1, stems, 4, bins, frames]), ("time", [1, stems, 2, segment])])


def manifest(folder, name, kind, file, stems, numbers, overlap=0.25):
    table = kind if kind != "ensemble" else "ensemble"
    lines = "".join(f"{key} = {value}\n" for key, value in numbers.items())
    if file:
        sha256 = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        file = f'file = "{file}"\nsha256 = "{sha256}"\n'
    text = MANIFEST.format(name=name, kind=kind, file=file, stems=stems, overlap=overlap, numbers=f"[{table}]\n{lines}")
    (folder / f"{name}.toml").write_text(text)


def pack(folder, file, names):
    """An archive, as the public Spleeter comes in one; the networks stay beside it, for the reference."""
    with zipfile.ZipFile(folder / file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(folder / f"{name}.onnx", f"models/{name}.fp32.onnx")


def make(folder, tiny):
    folder.mkdir(parents=True, exist_ok=True)
    numbers = TINY if tiny else FULL
    two = 'stems = ["vocals", "accompaniment"]'
    one = 'stems = ["vocals"]\ncomplement = "instrumental"'
    four = 'stems = ["drums", "bass", "other", "vocals"]\nsums = { instrumental = ["drums", "bass", "other"] }'

    n = numbers["spleeter"]
    for seed, name in enumerate(("vocals", "accompaniment")):
        magnitudes(folder / f"{name}.onnx", seed, [2, 1, n["dim_t"], n["dim_f"]], ("x", "y"), None)
    pack(folder, "spleeter.zip", ("vocals", "accompaniment"))
    packed = 'networks = ["vocals", "accompaniment"]\n'
    manifest(folder, "spleeter", "spleeter", "spleeter.zip", packed + two, n)

    n = numbers["umx"]
    magnitudes(folder / "umx.onnx", 2, [1, 2, n["n_fft"] // 2 + 1, n["dim_t"]], ("mag", "estimate"), 3)
    manifest(folder, "umx", "umx", "umx.onnx", one, n)

    n = numbers["roformer"]
    roformer(folder / "roformer.onnx", 3, n["n_fft"] // 2 + 1, n["dim_t"], 1)
    manifest(folder, "roformer", "roformer", "roformer.onnx", one, n, overlap=0.5)
    roformer(folder / "roformer-two.onnx", 4, n["n_fft"] // 2 + 1, n["dim_t"], 2)
    manifest(folder, "roformer-two", "roformer", "roformer-two.onnx", two, n, overlap=0.5)

    n = numbers["waveform"]
    waveform(folder / "waveform.onnx", 5, n["segment"], 4)
    manifest(folder, "waveform", "waveform", "waveform.onnx", four, n)

    n = numbers["hybrid"]
    n_fft, hop = (int(part.split("=")[1]) for part in n["spectrum"].strip("{ }").split(","))
    hybrid(folder / "hybrid.onnx", 6, n["segment"], n_fft // 2, -(-n["segment"] // hop), 4)
    manifest(folder, "hybrid", "waveform", "hybrid.onnx", four, n)

    # Two KARA models, one of either direction, and both together: UVR's KARA and KARA_2.
    for name, seed, stem, rest in (("lead", 7, "vocals", "instrumental"), ("backing", 8, "instrumental", "vocals")):
        run = [sys.executable, RANDOM_MDX, "--out", folder / f"{name}.onnx", "--seed", seed, "--manifest", "--tiny"]
        subprocess.run(list(map(str, run)), check=True, stdout=subprocess.DEVNULL)
        text = (folder / f"{name}.toml").read_text()
        text = text.replace('stems = ["vocals"]', f'stems = ["{stem}"]')
        text = text.replace('complement = "instrumental"', f'complement = "{rest}"')
        (folder / f"{name}.toml").write_text(text)
    for name, mean in (("ensemble", "waveform"), ("ensemble-of-spectra", "spectrum")):
        both = {"members": '["lead", "backing"]', "mean": f'"{mean}"'}
        manifest(folder, name, "ensemble", "", one + "\npeak = 0.9", both)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    make(arguments.folder, arguments.tiny)


if __name__ == "__main__":
    main()
