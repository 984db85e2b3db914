#!/usr/bin/env python3
"""Writes tiny.whl beside itself, the same byte for byte: a TensorFlow checkpoint of Spleeter's two networks with one or
two channels a layer, packed as the Python package that ships the real one is; and expected.json: what the layers give for a
formula as input, computed sample by sample from TensorFlow's definitions, without any framework.

Python 3.11 with `numpy`.
"""

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
MEMBER = "spleeter/pretrained_models/2stems/model"
DOWN, UP = (1, 1, 2, 2, 2, 2), (2, 2, 2, 1, 1, 1)
FRAMES, BINS = 64, 1024


def tensors():
    rng = np.random.default_rng(15)
    found = {}

    def put(name, *shape, mean=0.0, spread=0.3):
        found[name] = (mean + spread * rng.standard_normal(shape)).astype("<f4")

    numbered = lambda kind, index: kind if index == 0 else f"{kind}_{index}"
    for network in (0, 1):
        channels, skips = 2, []  # left and right
        for level, width in enumerate(DOWN):
            name = numbered("conv2d", 7 * network + level)
            put(f"{name}/kernel", 5, 5, channels, width)
            put(f"{name}/bias", width)
            skips.append(width)
            channels = width
        for level, width in enumerate(UP):
            name = numbered("conv2d_transpose", 6 * network + level)
            put(f"{name}/kernel", 5, 5, width, channels)
            put(f"{name}/bias", width)
            channels = width + (skips[4 - level] if level < 5 else 0)
        name = numbered("conv2d", 7 * network + 6)
        put(f"{name}/kernel", 4, 4, channels, 2)
        put(f"{name}/bias", 2)
        for index, width in enumerate(DOWN + UP):
            name = numbered("batch_normalization", 12 * network + index)
            put(f"{name}/gamma", width, mean=1.0)
            put(f"{name}/beta", width)
            put(f"{name}/moving_mean", width)
            found[f"{name}/moving_variance"] = (0.2 + rng.random(width)).astype("<f4")
    return found


# ---- the checkpoint ----------------------------------------------------------------------------------------------


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def block(pairs):
    out, last = b"", b""
    for key, value in pairs:
        shared = next((i for i, (a, b) in enumerate(zip(key, last)) if a != b), min(len(key), len(last)))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return out + struct.pack("<II", 0, 1)


def bundle(found):
    """Index and data, as `tensorflow/core/util/tensor_bundle` writes them."""
    data, entries = b"", [(b"", b"\x08\x01")]
    entries.append((b"step", b"\x08\x09" + field(2, b"") + b"\x28\x08"))  # an int64 that is to be left out
    data += struct.pack("<q", 7)
    for name in sorted(found):
        shape = b"".join(field(2, b"\x08" + varint(size)) for size in found[name].shape)
        entry = b"\x08\x01" + field(2, shape) + b"\x20" + varint(len(data)) + b"\x28" + varint(found[name].nbytes)
        entries.append((name.encode(), entry))
        data += found[name].tobytes()
    entries.sort()
    index, handles = b"", []
    for part in (entries[: len(entries) // 2], entries[len(entries) // 2 :]):
        text = block(part)
        handles.append((part[-1][0], varint(len(index)) + varint(len(text))))
        index += text + b"\0" * 5
    footer = b""
    for text in (block([]), block(handles)):
        footer += varint(len(index)) + varint(len(text))
        index += text + b"\0" * 5
    return index + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57), data


# ---- the network, by TensorFlow's definitions ----------------------------------------------------------------------


def convolution(x, kernel, bias, stride=1, dilation=1):
    """`padding="same"`: as much in front as behind, the odd one behind."""
    size = kernel.shape[0]
    reach = dilation * (size - 1) + 1
    out = [-(-n // stride) for n in x.shape[:2]]
    total = [max((o - 1) * stride + reach - n, 0) for o, n in zip(out, x.shape[:2])]
    x = np.pad(x, [(t // 2, t - t // 2) for t in total] + [(0, 0)])
    y = np.zeros(out + [kernel.shape[3]])
    for i in range(size):
        for j in range(size):
            part = x[i * dilation :, j * dilation :][: (out[0] - 1) * stride + 1 : stride, : (out[1] - 1) * stride + 1 : stride]
            y += part @ kernel[i, j]
    return y + bias


def transposed(x, kernel, bias, stride=2):
    """The gradient of the convolution whose output has the size of `x`: every sample adds its kernel where it came from."""
    size, height, width = kernel.shape[0], *x.shape[:2]
    full = np.zeros((stride * height + size, stride * width + size, kernel.shape[2]))
    for i in range(size):
        for j in range(size):
            full[i : i + stride * height : stride, j : j + stride * width : stride] += x @ kernel[i, j].T
    before = (size - stride) // 2
    return full[before : before + stride * height, before : before + stride * width] + bias


def estimate(found, network, x):
    numbered = lambda kind, index: kind if index == 0 else f"{kind}_{index}"
    layer = lambda kind, index: [found[f"{numbered(kind, index)}/{part}"].astype(float) for part in ("kernel", "bias")]

    def normal(y, index):
        name = numbered("batch_normalization", 12 * network + index)
        gamma, beta, mean, variance = (found[f"{name}/{p}"].astype(float) for p in ("gamma", "beta", "moving_mean", "moving_variance"))
        return gamma * (y - mean) / np.sqrt(variance + 1e-3) + beta

    y, skips = x, []
    for level in range(6):
        convolved = convolution(y, *layer("conv2d", 7 * network + level), stride=2)
        skips.append(convolved)
        y = normal(convolved, level)
        y = np.where(y > 0, y, 0.2 * y)
    y = skips[5]
    for level in range(6):
        y = normal(np.maximum(transposed(y, *layer("conv2d_transpose", 6 * network + level)), 0), 6 + level)
        if level < 5:
            y = np.concatenate([skips[4 - level], y], 2)
    y = convolution(y, *layer("conv2d", 7 * network + 6), dilation=2)
    return x / (1 + np.exp(-y))


def main():
    found = tensors()
    index, data = bundle(found)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, payload in ((".index", index), (".data-00000-of-00001", data)):
            archive.writestr(zipfile.ZipInfo(MEMBER + name), payload, zipfile.ZIP_DEFLATED)
    (HERE / "tiny.whl").write_bytes(packed.getvalue())
    # As the test fills its input: left at 0, right at 1.
    at = np.arange(FRAMES * BINS, dtype=float)
    planes = [1 + np.sin(0.37 * at + channel) for channel in (0, 1)]
    expected = {"places": [0, 1, 1023, 1024, 30_000, 40_961, 65_535]}
    for network, stem in enumerate(("vocals", "accompaniment")):
        given = estimate(found, network, np.stack(planes, 1).reshape(FRAMES, BINS, 2)).reshape(-1, 2)
        for channel in (0, 1):
            expected[f"{stem}{channel}"] = [round(float(given[p, channel]), 6) for p in expected["places"]]
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
