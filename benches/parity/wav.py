"""Reads and writes WAV files with numpy alone: float32, and integers of 16, 24 and 32 bits."""

import struct

import numpy as np

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE


def read(path):
    """(samples as float32 [channels, frames], sample rate)."""
    data = open(path, "rb").read()
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError(f"{path}: not a WAV file")
    at, layout = 12, None
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        body = data[at + 8 : at + 8 + size]
        if name == b"fmt ":
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
            if kind == EXTENSIBLE:
                kind = struct.unpack_from("<H", body, 24)[0]
            layout = (kind, bits)
        elif name == b"data" and layout:
            return decode(body, *layout).reshape(-1, channels).T.copy(), rate
        at += 8 + size + (size & 1)
    raise ValueError(f"{path}: no sound in it")


def decode(body, kind, bits):
    if (kind, bits) == (FLOAT, 32):
        return np.frombuffer(body, "<f4", len(body) // 4)
    if (kind, bits) == (PCM, 16):
        return np.frombuffer(body, "<i2", len(body) // 2).astype(np.float32) / 32768
    if (kind, bits) == (PCM, 24):
        wide = np.zeros((len(body) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(body, np.uint8, len(wide) * 3).reshape(-1, 3)
        return (wide.view("<i4")[:, 0] / 2**31).astype(np.float32)
    if (kind, bits) == (PCM, 32):
        return (np.frombuffer(body, "<i4", len(body) // 4) / 2**31).astype(np.float32)
    raise ValueError(f"WAV of kind {kind} with {bits} bits")


class Writer:
    """A float32 WAV file written piece by piece; the header is completed on leaving."""

    def __init__(self, path, rate, channels=2):
        self.file, self.rate, self.channels, self.frames = open(path, "wb"), rate, channels, 0
        self.header()

    def header(self):
        size = self.frames * self.channels * 4
        layout = struct.pack("<HHIIHHH", FLOAT, self.channels, self.rate, self.rate * self.channels * 4,
                             self.channels * 4, 32, 0)
        fact = struct.pack("<4sII", b"fact", 4, self.frames)
        head = struct.pack("<4sI", b"fmt ", len(layout)) + layout + fact + struct.pack("<4sI", b"data", size)
        self.file.write(struct.pack("<4sI4s", b"RIFF", 4 + len(head) + size, b"WAVE") + head)

    def write(self, samples):
        """`samples` is [channels, frames]."""
        self.file.write(np.ascontiguousarray(samples.T, "<f4").tobytes())
        self.frames += samples.shape[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.seek(0)
        self.header()
        self.file.close()


def write(path, samples, rate):
    with Writer(path, rate, samples.shape[0]) as writer:
        writer.write(samples)
