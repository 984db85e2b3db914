#!/usr/bin/env python3
"""Fits the coefficients of centre.onnx to songs that come as stems, and writes centre_weights.json.

The songs were six of the seven of the CC0 album "Everything is Free" by Software-Entwicklungskit
(stems lead, bg, drums, bass, other, fx; the song Rubidium was kept apart for evaluation).
Needs torch, onnxruntime and soundfile; making the model from the coefficients does not.
The graph's own features are used, so nothing is computed in two ways.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile
import torch

import make_builtin as centre

WINDOW = 1024 * (centre.DIM_T - 1)
VOCALS = ("lead", "bg")
KEEP_EVERY = 4          # of the frames of a window
LEFT_OVER_COST = 4.0    # a left-over of the voice costs this many times a lost piece of the backing


def terms_session(threads):
    g = centre.Graph()
    features = centre.centre_features(g)
    terms = centre.centre_terms(g, features)
    gate = g.ramp(features[0], centre.GATE[1], centre.GATE[0])
    g("Concat", *terms, gate, names=["terms"], axis=1)
    frames, bins = centre.DIM_T, centre.DIM_F
    model = g.model(
        "terms", [("input", ["batch", 4, bins, frames])], [("terms", ["batch", len(terms) + 1, bins, frames])]
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def spectrum(samples):
    window = torch.hann_window(centre.N_FFT, periodic=True)
    z = torch.stft(torch.from_numpy(samples), centre.N_FFT, 1024, window=window, center=True, return_complex=True)
    return z[:, : centre.DIM_F]


def read_songs(folder):
    """{song: {stem: path}} of files named <number>.<song>.<stem>.<ending>."""
    songs = defaultdict(dict)
    for path in sorted(folder.iterdir()):
        if path.suffix in (".wav", ".flac", ".opus", ".ogg"):
            song, stem = path.stem.rsplit(".", 1)
            songs[song][stem] = path
    return songs


def read_stem(path):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    if rate != centre.SAMPLE_RATE:
        import soxr
        samples = soxr.resample(samples, rate, centre.SAMPLE_RATE)
    return np.repeat(samples, 2, 1) if samples.shape[1] == 1 else samples


def windows_of(song, rng, count):
    """Starts of windows: mostly where the lead sings, a few from anywhere."""
    length = min(map(len, song.values()))
    starts = np.arange(0, length - WINDOW, WINDOW // 2)
    loudness = np.array([np.square(song["lead"][s : s + WINDOW : 7]).mean() for s in starts])
    sung = starts[loudness > 0.3 * np.median(loudness)]
    return np.concatenate([rng.choice(sung, count), rng.choice(starts, count // 6)])


def mixture(song, start, remix, rng):
    """Vocals and backing of one window; remixed: other levels of every group, or no voice at all."""
    part = {stem: np.ascontiguousarray(x[start : start + WINDOW].T) for stem, x in song.items()}
    gain = lambda low, high: 10 ** (rng.uniform(low, high) / 20) if remix else 1.0
    backing = sum(x * gain(-6, 6) for stem, x in part.items() if stem not in VOCALS)
    vocals = part["lead"] + part["bg"] * (rng.choice([1.0, 0.3, 0.0]) if remix else 1.0)
    level = lambda x: np.sqrt(np.square(x).mean()) + 1e-4
    if remix and level(vocals) > 2e-4:
        vocals = vocals * (gain(-14, 0) * level(backing) / level(vocals))
    if remix and rng.random() < 0.15:
        vocals = vocals * 0
    return vocals.astype(np.float32), backing.astype(np.float32)


def collect(folder, session, rng, remixed, untouched):
    """Terms [n, terms+1, bins, frames], mid of the mix and mid of the vocals [n, bins, frames]."""
    terms, mixes, voices = [], [], []
    for name, stems in read_songs(folder).items():
        song = {stem: read_stem(path) for stem, path in stems.items()}
        jobs = [(s, True) for s in windows_of(song, rng, remixed)] + [(s, False) for s in windows_of(song, rng, untouched)]
        for start, remix in jobs:
            vocals, backing = mixture(song, start, remix, rng)
            mix, voice = spectrum(vocals + backing), spectrum(vocals)
            network = torch.stack([mix[0].real, mix[0].imag, mix[1].real, mix[1].imag])
            found = session.run(None, {"input": network[None].numpy()})[0][0]
            kept = slice(int(rng.integers(KEEP_EVERY)), None, KEEP_EVERY)
            terms.append(found[..., kept].astype(np.float16))
            mixes.append((mix[0] + mix[1])[:, kept])
            voices.append((voice[0] + voice[1])[:, kept])
        print(f"{name}: {len(jobs)} windows", flush=True)
    return torch.from_numpy(np.stack(terms)), torch.stack(mixes), torch.stack(voices)


def cost(mask, mix, voice):
    """Left-over voice and lost backing against the window's voice, as energy and evened out."""
    voice_power, backing = voice.abs() ** 2, (mix - voice).abs() ** 2
    wrong = LEFT_OVER_COST * (1 - mask) ** 2 * voice_power + mask**2 * backing
    power = mix.abs() ** 2
    mean_power = power.mean((1, 2))
    even = 1 / (power + 1e-4 * mean_power[:, None, None] + 1e-12).sqrt()
    total = 0.0
    for weight, share in [(torch.ones_like(even), 1.0), (even, 2.0)]:
        scale = ((voice_power + 0.1 * backing) * weight).mean((1, 2)) + 1e-12
        window = (wrong * weight).mean((1, 2)) / scale * (mean_power > 1e-9)
        total = total + share * window.clamp(max=20).mean()
    return total


def fit(terms, mix, voice, steps, rng):
    knots, count = len(centre.KNOTS_HZ), terms.shape[1] - 1
    position = torch.from_numpy(centre.knot_positions())[:, None]
    hats = (1 - (position - torch.arange(knots)[None]).abs()).clamp(0, 1).float()
    low, high = centre.BASS_HZ
    band = torch.from_numpy(np.clip((centre.bin_hz() - low) / (high - low), 0, 1)).float()[:, None]
    slopes = torch.zeros(knots, count, requires_grad=True)
    bias = torch.full((knots, 1), -1.0, requires_grad=True)
    optimizer = torch.optim.Adam([slopes, bias], lr=0.02)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        chosen = torch.from_numpy(rng.choice(len(terms), 5))
        frames = slice(int(rng.integers(8)), None, 8)
        x = terms[chosen][..., frames].float()
        score = torch.einsum("ncft,fc->nft", x[:, :-1], hats @ slopes) + hats @ bias
        mask = torch.sigmoid(score) * band * x[:, -1]
        loss = cost(mask, mix[chosen][..., frames], voice[chosen][..., frames])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
        if step % 100 == 99:
            print(f"step {step + 1}: {loss.item():.3f}", flush=True)
    return slopes.detach().numpy(), bias.detach().numpy()[:, 0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path, help="folder with files named <number>.<song>.<stem>.opus")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    rng = np.random.default_rng(arguments.seed)
    data = collect(arguments.songs, terms_session(arguments.threads), rng, remixed=24, untouched=8)
    slopes, bias = fit(*data, arguments.steps, rng)
    digits = lambda row: [round(float(v), 3) for v in row]
    knots = [
        f'    {{"hz": {hz:g}, "bias": {digits([b])[0]}, "terms": {json.dumps(digits(row))}}}'
        for hz, b, row in zip(centre.KNOTS_HZ, bias, slopes)
    ]
    path = Path(__file__).with_name("centre_weights.json")
    path.write_text('{\n  "knots": [\n' + ",\n".join(knots) + "\n  ]\n}\n")


if __name__ == "__main__":
    main()
