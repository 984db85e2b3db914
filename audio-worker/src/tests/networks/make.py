#!/usr/bin/env python3
"""Writes the networks of the tests beside itself: formulas, so that what comes out is known in closed form.

Python 3.11 with `onnx` makes them, the same byte for byte. All dimensions but the number of stems are free.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent


def info(name, rank, **fixed):
    shape = [fixed.get(f"d{i}", f"{name}_{i}") for i in range(rank)]
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def save(name, nodes, inputs, outputs, constants):
    weights = [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, weights)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="karaoke")
    onnx.checker.check_model(model, full_check=True)
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


def times(name, factor):
    """y = factor · x, for every kind whose output has the shape of its input."""
    nodes = [helper.make_node("Mul", ["x", "factor"], ["y"])]
    save(name, nodes, [info("x", 4)], [info("y", 4)], {"factor": np.float32(factor)})


def several(name, **factors):
    """An output for each factor, that factor · x."""
    nodes = [helper.make_node("Mul", ["x", f"of_{stem}"], [stem]) for stem in factors]
    constants = {f"of_{stem}": np.float32(factor) for stem, factor in factors.items()}
    save(name, nodes, [info("x", 4)], [info(stem, 4) for stem in factors], constants)


def share(name):
    """The mix times the vocals' share of both estimates, summed up over everything."""
    nodes = [
        helper.make_node("ReduceSum", ["vocals"], ["v"], keepdims=0),
        helper.make_node("ReduceSum", ["accompaniment"], ["a"], keepdims=0),
        helper.make_node("Add", ["v", "a"], ["both"]),
        helper.make_node("Div", ["v", "both"], ["factor"]),
        helper.make_node("Mul", ["mix", "factor"], ["output"]),
    ]
    save(name, nodes, [info("mix", 4), info("vocals", 4), info("accompaniment", 4)], [info("output", 4)], {})


def square(name):
    """y = x²: a mask that depends on what it sees."""
    nodes = [helper.make_node("Mul", ["x", "x"], ["y"])]
    save(name, nodes, [info("x", 4)], [info("y", 4)], {})


def complex_mask(name, *masks):
    """A stem for each mask (re, im), the same for all bins and frames; NaN where the spectrum is NaN."""
    nodes, constants, parts = [], {"zero": np.float32(0), "stem": np.array([1], np.int64)}, []
    nodes.append(helper.make_node("Mul", ["spec", "zero"], ["nothing"]))
    for i, mask in enumerate(masks):
        constants[f"mask{i}"] = np.array(mask, np.float32)
        nodes.append(helper.make_node("Add", ["nothing", f"mask{i}"], [f"sum{i}"]))
        nodes.append(helper.make_node("Unsqueeze", [f"sum{i}", "stem"], [f"part{i}"]))
        parts.append(f"part{i}")
    nodes.append(helper.make_node("Concat", parts, ["mask"], axis=1))
    save(name, nodes, [info("spec", 4, d3=2)], [info("mask", 5, d1=len(masks), d4=2)], constants)


def branches(name, *factors):
    """A stem for each (factor of the spectrogram, factor of the waveform)."""
    nodes, constants = [], {"stem": np.array([1], np.int64)}
    for branch, source in enumerate(("mag", "mix")):
        parts = []
        for i, pair in enumerate(factors):
            part, scaled = f"{source}_part{i}", f"{source}_scaled{i}"
            constants[f"{source}_factor{i}"] = np.float32(pair[branch])
            nodes.append(helper.make_node("Mul", [source, f"{source}_factor{i}"], [scaled]))
            nodes.append(helper.make_node("Unsqueeze", [scaled, "stem"], [part]))
            parts.append(part)
        nodes.append(helper.make_node("Concat", parts, [("freq", "time")[branch]], axis=1))
    stems = len(factors)
    outputs = [info("freq", 5, d1=stems), info("time", 4, d1=stems)]
    save(name, nodes, [info("mix", 3), info("mag", 4)], outputs, constants)


def main():
    times("whole", 1)
    times("half", 0.5)
    times("nothing", 0)
    times("turned_half", -0.5)
    several("both", vocals=1, accompaniment=0.5)
    share("share")
    square("square")
    complex_mask("mask_whole", (1, 0))
    complex_mask("mask_half_and_turned", (0.5, 0), (0, 1))
    branches("branches", (1, 0), (0, 1), (0.25, 0.5))


if __name__ == "__main__":
    main()
