#!/usr/bin/env python3
"""How near a network comes to what the machine can multiply: GFLOP/s of each execution provider, and the peak.

The network is an MDX-Net of a public size with random weights, as PyTorch writes it; its sessions, threads and
precision are those that the program itself uses (`bare_windows`). The peak is a product of two matrices of 2048
on all cores, in f32 by ONNX Runtime (PyTorch's and NumPy's are half as fast on an AMD processor with AVX-512), in bf16
by PyTorch (oneDNN), measured before and after each provider in the same run; the better one counts. Operations are counted on the graph: two for each product of a convolution or a matrix product.

Needs `make build`; makes an environment with torch, onnx and onnxruntime (`target/bench-venv`).
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import pipeline
from machine import Table
from pipeline import ROOT, TARGET

PEAK = """
import json, sys, time, numpy, onnx, onnxruntime, torch
from onnx import TensorProto, helper
SIZE = 2048
def rate(multiply):
    def seconds():
        began = time.perf_counter()
        multiply()
        return time.perf_counter() - began
    return 2 * SIZE**3 / min(seconds() for _ in range(12)) / 1e9
square = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [SIZE, SIZE])
graph = helper.make_graph([helper.make_node("MatMul", "ab", "c")], "g", [square("a"), square("b")], [square("c")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(sys.argv[1])
session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
a = numpy.random.randn(SIZE, SIZE).astype("float32")
torch.set_num_threads(int(sys.argv[1]))
half = torch.randn(SIZE, SIZE).to(torch.bfloat16)
print(json.dumps({"f32": rate(lambda: session.run(None, {"a": a, "b": a})), "bf16": rate(lambda: torch.mm(half, half))}))
"""

COUNT = """
import math, sys, onnx
from onnx import shape_inference
model = onnx.load(sys.argv[1])
for value in model.graph.input:
    for dim in value.type.tensor_type.shape.dim:
        if not dim.dim_value:
            dim.dim_value = 1
model = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
graph = model.graph
shapes = {t.name: list(t.dims) for t in graph.initializer}
for value in [*graph.input, *graph.value_info, *graph.output]:
    shapes[value.name] = [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
same = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "Identity"}
def shape(name):
    return shapes[same.get(name, name)]
total = 0
for node in graph.node:
    if node.op_type == "Conv":
        total += 2 * math.prod(shape(node.output[0])) * math.prod(shape(node.input[1])[1:])
    elif node.op_type == "ConvTranspose":
        total += 2 * math.prod(shape(node.input[0])) * math.prod(shape(node.input[1])[1:])
    elif node.op_type == "MatMul":
        total += 2 * math.prod(shape(node.output[0])) * shape(node.input[0])[-1]
    elif node.op_type == "Gemm":
        raise SystemExit("there is a Gemm, which is not counted")
print(total)
"""


def python(code, *arguments):
    interpreter = TARGET / "bench-venv" / "bin" / "python"
    return subprocess.run([interpreter, "-c", code, *map(str, arguments)], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def better(*peaks):
    return {name: max(peak[name] for peak in peaks) for name in peaks[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provider", nargs="+", default=["cpu", "openvino"])
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(dir=TARGET, prefix="bench-") as work:
        work = pathlib.Path(work)
        models = pipeline.random_models(work)
        subprocess.run(["cargo", "build", "--quiet", "--release", "-p", "karaoke-worker", "--example", "bare_windows"],
                       cwd=ROOT, check=True)
        operations = int(python(COUNT, models / "mdx2048.onnx"))
        print(f"{operations / 1e9:.1f} GFLOP a window, {cores} cores")
        table = Table("provider", "window s", "GFLOP/s", "peak f32", "peak bf16", "of f32", "of bf16")
        for provider in arguments.provider:
            before = json.loads(python(PEAK, cores))
            bare = [TARGET / "release" / "examples" / "bare_windows", models, "mdx2048", arguments.seconds, cores,
                    provider, work / "cache"]
            said = subprocess.run(list(map(str, bare)), cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout
            wall, _, windows = map(float, said.split())
            peak, rate = better(before, json.loads(python(PEAK, cores))), operations * windows / wall / 1e9
            table.row(provider, f"{wall / windows:.3f}", f"{rate:.0f}", f"{peak['f32']:.0f}", f"{peak['bf16']:.0f}",
                      f"{100 * rate / peak['f32']:.0f} %", f"{100 * rate / peak['bf16']:.0f} %")


if __name__ == "__main__":
    sys.exit(main())
