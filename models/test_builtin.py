#!/usr/bin/env python3
"""Checks the promises of the built-in models: run it plainly, or with pytest. Needs numpy and onnxruntime."""

import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "benches" / "parity"))
import clip  # noqa: E402
import reference  # noqa: E402

WINDOW = 255 * 1024  # samples


def open_model(name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(HERE / name), options, providers=["CPUExecutionProvider"])


CENTRE, BUILTIN = open_model("centre.onnx"), open_model("builtin.onnx")


def planes(sound):
    z = reference.stft(sound, 4096, 1024)[:, :2048]
    return np.stack([z[0].real, z[0].imag, z[1].real, z[1].imag])[None].astype(np.float32)


def vocals(x, model=CENTRE):
    y = model.run(None, {"input": x})[0]
    assert y.shape == x.shape and np.isfinite(y).all()
    return y


def band():
    return planes(clip.clip(WINDOW / clip.RATE, seed=3)[:, :WINDOW])


def decibels(y, x):
    return 10 * np.log10(np.square(y, dtype=np.float64).sum() / np.square(x, dtype=np.float64).sum() + 1e-30)


def test_level_does_not_matter():
    x = band()
    wanted = vocals(x)
    for power in (-60, -20, 8):
        assert np.array_equal(vocals(x * np.float32(2.0**power)), wanted * np.float32(2.0**power))
    for model in (CENTRE, BUILTIN):
        wanted = vocals(x, model)
        for gain in (1e-4, 0.3, 7.0):
            error = vocals(x * np.float32(gain), model) / gain - wanted
            assert decibels(error, wanted) < -80


def test_silence_stays_silence():
    for model in (CENTRE, BUILTIN):
        assert not vocals(np.zeros((1, 4, 2048, 256), np.float32), model).any()


def test_small_enough():
    assert (HERE / "builtin.onnx").stat().st_size <= 4_000_000


def test_no_clicks_at_the_seams_of_windows():
    manifest = tomllib.loads((HERE / "builtin.toml").read_text())
    sound = clip.clip(40, seed=5)
    voice = reference.separate(sound, manifest, BUILTIN)["vocals"]
    # A click is a jump: what a second difference sees of it, beside what it sees of the music around.
    jumps = np.abs(np.diff(voice, 2)).max(0)
    starts = np.arange(WINDOW * 3 // 4, voice.shape[1] - WINDOW, WINDOW * 3 // 4) - 2048
    seams = np.concatenate([starts, starts + WINDOW // 4])  # where a window begins, and where the one before it ends
    at_seams = [jumps[s - 600 : s + 600].max() for s in seams]
    elsewhere = [jumps[s : s + 1200].max() for s in range(20_000, len(jumps) - 20_000, 1200)]
    assert max(at_seams) <= 1.5 * np.percentile(elsewhere, 98), (max(at_seams), np.percentile(elsewhere, 98))


def test_hard_panned_stays_in_the_backing():
    x = band()
    for silent in (slice(0, 2), slice(2, 4)):
        one_sided = x.copy()
        one_sided[:, silent] = 0
        assert not vocals(one_sided).any()


def test_sides_stay_in_the_backing():
    x = band()
    x[:, 2:] = -x[:, :2]
    assert not vocals(x).any()


def test_bass_stays_in_the_backing():
    first_bin_above = int(90 / (44_100 / 4096)) + 1
    assert not vocals(band())[:, :, :first_bin_above].any()


def test_mono_is_mono_and_never_louder():
    x = band()
    x[:, 2:] = x[:, :2]
    y = vocals(x)
    assert np.array_equal(y[:, :2], y[:, 2:])
    assert (np.abs(y) <= np.abs(x)).all()


def test_batches_are_independent():
    x = band()
    for model in (CENTRE, BUILTIN):
        both = vocals(np.concatenate([x, x[:, ::-1] * 0.01]), model)
        assert decibels(both[:1] - vocals(x, model), both[:1]) < -100


def test_identity_is_exact():
    x = np.random.default_rng(0).standard_normal((2, 2, 65_536)).astype(np.float32)
    y = open_model("identity.onnx").run(None, {"mix": x})[0]
    assert y.shape == (2, 1, 2, 65_536) and np.array_equal(y[:, 0], x)


def test_fast_enough():
    x = band()
    for name, model in (("centre", CENTRE), ("builtin", BUILTIN)):
        vocals(x, model)
        started = time.process_time()
        for _ in range(5):
            vocals(x, model)
        spent = (time.process_time() - started) / 5
        print(f"{name}: {spent * 1e3:.0f} ms a window on one core, {WINDOW / 44_100 / spent:.0f} times realtime")


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print("ok", name)
