"""Writes six.onnx and six.toml: a model with six stems, each a fixed fraction of the mix, for tests of replies in parts.

The window is HTDemucs's, so that one stem of one window (2.75 MB) fits a message and six (16.5 MB) do not. The
fractions are powers of two, so that every stem can be foretold bit for bit; they add up to one.

    python tests/models/make_six.py        # needs onnx and numpy
"""

import hashlib
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SEGMENT = 343_980
FRACTIONS = {"vocals": 1 / 2, "drums": 1 / 4, "bass": 1 / 8, "guitar": 1 / 16, "piano": 1 / 32, "other": 1 / 32}
HERE = pathlib.Path(__file__).parent


def network() -> onnx.ModelProto:
    stems = len(FRACTIONS)
    factors = np.array(list(FRACTIONS.values()), np.float32).reshape(1, stems, 1, 1)
    graph = helper.make_graph(
        [
            helper.make_node("Unsqueeze", ["mix", "axis"], ["one"]),
            helper.make_node("Mul", ["one", "factors"], ["stems"]),
        ],
        "six",
        [helper.make_tensor_value_info("mix", TensorProto.FLOAT, [1, 2, SEGMENT])],
        [helper.make_tensor_value_info("stems", TensorProto.FLOAT, [1, stems, 2, SEGMENT])],
        [numpy_helper.from_array(np.array([1], np.int64), "axis"), numpy_helper.from_array(factors, "factors")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="karaoke")
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def manifest(sha256: str) -> str:
    names = list(FRACTIONS)
    quoted = ", ".join(f'"{name}"' for name in names)
    backing = ", ".join(f'"{name}"' for name in names[1:])
    return f'''# For tests, written by make_six.py: six stems, each a fixed fraction of the mix.
name = "six"
title = "Six"
description = "Separates nothing: every stem is a fixed fraction of the song."
hidden = true
kind = "waveform"
file = "six.onnx"
sha256 = "{sha256}"
licence = "MIT OR Apache-2.0"
sample_rate = 44100
overlap = 0.25
stems = [{quoted}]

[sums]
instrumental = [{backing}]

[waveform]
segment = {SEGMENT}
'''


def main() -> None:
    data = network().SerializeToString()
    (HERE / "six.onnx").write_bytes(data)
    (HERE / "six.toml").write_text(manifest(hashlib.sha256(data).hexdigest()))


if __name__ == "__main__":
    main()
