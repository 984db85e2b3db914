"""Sound on disk as training reads it: int16 arrays at 44.1 kHz with a JSON note beside each, and the seeds."""

import ctypes
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import soundfile
import soxr

RATE = 44_100


def keep_memory():
    """Has glibc keep freed memory: arrays of megabytes come and go, and fetching them anew each time took half of the time."""
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD, the most there can be
        libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
    except (OSError, AttributeError):
        pass  # another libc: slower, nothing else


keep_memory()


def read(path):
    """Decodes a file (whatever libsndfile reads, Opus too) to float32 [frames, channels] at 44.1 kHz."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return samples if rate == RATE else soxr.resample(samples, rate, RATE).astype(np.float32)


def to_int16(sound):
    """Float in -1..1 to int16, clipped."""
    return np.round(np.clip(sound, -1.0, 1.0) * 32767.0).astype(np.int16)


def save(path, sound, **note):
    """Writes `path` (.npy) and `path` with .json, each whole or not at all, the array last: it says `ready`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    note = {"frames": int(sound.shape[-2]), **note}
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(note, indent=1) + "\n")
    partial.rename(path.with_suffix(".json"))
    with open(partial, "wb") as file:
        np.save(file, to_int16(sound) if sound.dtype != np.int16 else sound)
    partial.rename(path)


def note(path):
    """What `save` was told about an array."""
    return json.loads(Path(path).with_suffix(".json").read_text())


def generator(*names):
    """A random generator whose stream depends on the names and numbers alone, not on the order of calls."""
    text = "/".join(str(name) for name in names)
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little"))
