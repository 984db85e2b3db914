#!/usr/bin/env python3
"""Writes the built-in models, centre.onnx and identity.onnx, and their sha256 into the manifests.

The output is the same byte for byte on every run with the same version of the onnx package.
centre.onnx is a formula, not a neural network: its few coefficients stand in
centre_weights.json, and fit_centre.py says where they come from.
"""

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
OPSET, IR_VERSION = 17, 8

SAMPLE_RATE = 44_100
N_FFT, DIM_F, DIM_T = 4096, 2048, 256
SEGMENT = 65_536

FLOOR = 1e-9            # of the strongest bin's power: what lies 90 dB below it counts as silence
BASS_HZ = (90.0, 150.0)  # nothing is taken below the first, all that is found above the second
GATE = (-1.5, -0.3)     # ln(side/mid): all that is found below the first, nothing above the second
NEAR_FRAMES = 16        # a frame is not its own repetition, nor are its neighbours
SHARPNESS = 20.0        # of the attention that looks for repetitions
KNOTS_HZ = (60.0, 120.0, 240.0, 480.0, 960.0, 1900.0, 3800.0, 7600.0, 15_000.0)


class Graph:
    """Collects the nodes and constants of an ONNX graph; calling it adds a node."""

    def __init__(self):
        self.nodes, self.constants = [], {}

    def constant(self, value, dtype=np.float32):
        array = np.asarray(value, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(array, f"const_{len(self.constants)}")
        return self.constants[key].name

    def __call__(self, operator, *inputs, outputs=1, names=None, **attributes):
        number = len(self.nodes)
        names = names or [f"{operator.lower()}_{number}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, f"node_{number}", **attributes))
        return names[0] if len(names) == 1 else names

    def split(self, x, parts, axis):
        return self("Split", x, self.constant([1] * parts, np.int64), outputs=parts, axis=axis)

    def mean_of_neighbours(self, x, bins, frames):
        """Smooths over odd numbers of bins and frames; past the edges there is nothing to count."""
        pads = [bins // 2, frames // 2, bins // 2, frames // 2]
        return self("AveragePool", x, kernel_shape=[bins, frames], pads=pads, count_include_pad=0)

    def ramp(self, x, start, stop):
        """0 before `start`, 1 after `stop`, a straight line between (start > stop: the reverse)."""
        slope = 1.0 / (stop - start)
        line = self("Add", self("Mul", x, self.constant(slope)), self.constant(-start * slope))
        return self("Clip", line, self.constant(0.0), self.constant(1.0))

    def model(self, name, inputs, outputs):
        info = lambda pair: helper.make_tensor_value_info(pair[0], TensorProto.FLOAT, pair[1])
        graph = helper.make_graph(
            self.nodes, name, list(map(info, inputs)), list(map(info, outputs)), list(self.constants.values())
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="karaoke")
        onnx.checker.check_model(model, full_check=True)
        return model


def centre_features(g):
    """What is known about each bin of each frame: a list of [batch, 1, DIM_F, DIM_T].

    All are logarithms of ratios, so they do not depend on the level of the input.
    The first two compare side with mid, the others a bin with its surroundings.
    """
    peak = g("ReduceMax", g("Abs", "input"), axes=[1, 2, 3], keepdims=1)
    scaled = g("Div", "input", g("Max", peak, g.constant(1e-30)))
    left, right = g("Split", scaled, g.constant([2, 2], np.int64), outputs=2, axis=1)
    channel = g.constant([1], np.int64)
    power = lambda z: g("ReduceSum", g("Mul", z, z), channel, keepdims=1)
    mid, side = power(g("Add", left, right)), power(g("Sub", left, right))
    both = g("Add", g("Concat", mid, side, axis=1), g.constant(FLOOR))

    def panning(smoothed):
        smoothed_mid, smoothed_side = g.split(smoothed, 2, axis=1)
        ratio = g("Log", g("Div", smoothed_side, smoothed_mid))
        return g("Clip", ratio, g.constant(-14.0), g.constant(6.0))

    narrow = g.mean_of_neighbours(both, 3, 3)
    wide = g.mean_of_neighbours(narrow, 9, 9)

    fourth_root = lambda z: g("Sqrt", g("Sqrt", z))
    level = fourth_root(g.split(both, 2, axis=1)[0])
    held = g.mean_of_neighbours(level, 1, 13)
    held_long = g.mean_of_neighbours(held, 1, 25)
    broad = g.mean_of_neighbours(level, 15, 1)
    broader = g.mean_of_neighbours(broad, 49, 1)

    # What frames that sound alike have here, as in REPET-SIM: attention of each frame to the others.
    bands = fourth_root(g("Add", g("Add", mid, side), g.constant(FLOOR)))
    bands = g("AveragePool", bands, kernel_shape=[8, 1], strides=[8, 1])
    bands = g("Sub", bands, g("ReduceMean", bands, axes=[3], keepdims=1))
    # (A product with ones, for a ReduceSum over rows rounds differently in a batch of another size.)
    norm = g("Sqrt", g("MatMul", g.constant(np.ones((1, DIM_F // 8))), g("Mul", bands, bands)))
    bands = g("Div", bands, g("Add", norm, g.constant(1e-6)))
    alike = g("MatMul", g("Transpose", bands, perm=[0, 1, 3, 2]), bands)
    frame = np.arange(DIM_T)
    apart = g("Abs", g("Sub", g.constant(frame[:, None]), g.constant(frame[None, :])))
    too_near = g("Mul", g.ramp(apart, NEAR_FRAMES, NEAR_FRAMES - 1), g.constant(-100.0))
    attention = g("Softmax", g("Add", g("Mul", alike, g.constant(SHARPNESS)), too_near), axis=2)
    repeated = g("MatMul", level, attention)

    log_level = g("Log", level)
    against = lambda other: g("Sub", log_level, g("Log", other))
    surroundings = [held, broad, held_long, broader, repeated]
    return [panning(narrow), panning(wide)] + [against(s) for s in surroundings]


def centre_terms(g, features):
    """The features, and bends in the two that matter most: what the weights are applied to."""
    scaled = [g("Mul", f, g.constant(0.3)) for f in features[:2]] + features[2:]
    bend = lambda x, at: g("Relu", g("Add", x, g.constant(at)))
    return scaled + [bend(scaled[0], 2.0), bend(scaled[0], 1.0), g("Relu", scaled[-1])]


def bin_hz():
    return np.arange(DIM_F) * (SAMPLE_RATE / N_FFT)


def knot_positions():
    """Each bin's place among the knots, in octaves between them; rounded, so every machine agrees."""
    octave = lambda hz: np.log2(np.maximum(hz, 20.0))
    return np.round(np.interp(octave(bin_hz()), octave(np.array(KNOTS_HZ)), np.arange(len(KNOTS_HZ))), 4)


def make_centre(weights):
    g = Graph()
    features = centre_features(g)
    terms = centre_terms(g, features)

    # The weights at the knots become weights at every bin. (The runtime folds this when it loads.)
    away = g("Abs", g("Sub", g.constant(knot_positions()[:, None]), g.constant(np.arange(len(KNOTS_HZ))[None, :])))
    hats = g.ramp(away, 1.0, 0.0)
    table = np.array([knot["terms"] + [knot["bias"]] for knot in weights["knots"]])
    *slopes, score = g.split(g("MatMul", hats, g.constant(table)), table.shape[1], axis=1)
    for slope, term in zip(slopes, terms, strict=True):
        score = g("Add", score, g("Mul", slope, term))

    vocal_band = np.round(np.clip((bin_hz() - BASS_HZ[0]) / (BASS_HZ[1] - BASS_HZ[0]), 0, 1), 4)
    mask = g("Mul", g("Sigmoid", score), g.constant(vocal_band[:, None]))
    mask = g("Mul", mask, g.ramp(features[0], GATE[1], GATE[0]))

    left, right = g("Split", "input", g.constant([2, 2], np.int64), outputs=2, axis=1)
    half = g("Mul", mask, g.constant(0.5))
    vocals = g("Mul", half, g("Add", left, right))
    g("Concat", vocals, vocals, names=["output"], axis=1)
    shape = ["batch", 4, DIM_F, DIM_T]
    return g.model("centre", [("input", shape)], [("output", shape)])


def make_identity():
    g = Graph()
    g("Unsqueeze", "mix", g.constant([1], np.int64), names=["stems"])
    return g.model("identity", [("mix", ["batch", 2, SEGMENT])], [("stems", ["batch", 1, 2, SEGMENT])])


def with_sha256(manifest, data):
    digest = hashlib.sha256(data).hexdigest()
    text, count = re.subn(r'(?m)^sha256 = ".*"$', f'sha256 = "{digest}"', manifest)
    if count != 1:
        raise SystemExit("a manifest needs exactly one line  sha256 = \"…\"")
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would change")
    arguments = parser.parse_args()

    weights = json.loads((HERE / "centre_weights.json").read_text())
    changed = []
    for name, model in [("centre", make_centre(weights)), ("identity", make_identity())]:
        data, manifest = model.SerializeToString(deterministic=True), HERE / f"{name}.toml"
        for path, wanted in [
            (HERE / f"{name}.onnx", data),
            (manifest, with_sha256(manifest.read_text(), data).encode()),
        ]:
            if path.exists() and path.read_bytes() == wanted:
                continue
            changed.append(path.name)
            if not arguments.check:
                path.write_bytes(wanted)
    verb = "differs from what this script makes" if arguments.check else "written"
    for name in changed:
        print(f"{name}: {verb}")
    return 1 if arguments.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
