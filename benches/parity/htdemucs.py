#!/usr/bin/env python3
"""HTDemucs with random weights: exports it to ONNX in two ways, and separates a clip by the demucs package itself.

    htdemucs.py export DIR             DIR/htdemucs-one.onnx, DIR/htdemucs-two.onnx, their manifests, the weights
    htdemucs.py separate DIR CLIP OUT  OUT/<clip> (<Stem>).wav by demucs.apply.apply_model, with the same weights

One graph takes the mix and gives the stems, its Fourier transforms written as convolutions; the one in two
branches takes and gives spectrograms as well. The architecture is that of the package (htdemucs, 4 sources,
segment 7.8 s); only the weights are random, so the sound is noise, and every number has to be right all the same.
"""

import argparse
import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from demucs.apply import apply_model
from demucs.htdemucs import HTDemucs

import wav

SOURCES = ["drums", "bass", "other", "vocals"]
RATE, SEGMENT = 44_100, 343_980

MANIFEST = """\
name = "{name}"
title = "HTDemucs with random weights"
kind = "waveform"
file = "{name}.onnx"
sha256 = "{sha256}"
licence = "MIT"
sample_rate = 44100
overlap = 0.25
stems = ["drums", "bass", "other", "vocals"]

[waveform]
segment = 343980
normalise = {normalise}
tail = "centred"
{spectrum}"""


def network(small):
    """The package's network; `small` has the same interface. The last layers have no bias, and both branches are
    made about as loud as the mix: what untrained ones give is a constant, which hides mistakes."""
    torch.manual_seed(7)
    size = {"channels": 8, "bottom_channels": 64, "t_layers": 2} if small else {"channels": 48, "bottom_channels": 512, "t_layers": 5}
    model = HTDemucs(SOURCES, segment=Fraction(39, 5), samplerate=RATE, **size).eval()
    with torch.no_grad():
        for layer, gain in ((model.decoder[-1], 20), (model.tdecoder[-1], 10)):
            layer.conv_tr.bias.zero_()
            layer.conv_tr.weight *= gain
    return model


class Branches(torch.nn.Module):
    """The network without its transforms: mix and spectrogram in, spectrograms and waveforms out."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, mix, mag):
        caught = []
        self.model._spec = lambda x: mix
        self.model._magnitude = lambda z: mag
        self.model._mask = lambda z, m: caught.append(m)
        self.model._ispec = lambda z, length=None: torch.zeros(())
        try:
            time = self.model(mix)
        finally:
            for name in ("_spec", "_magnitude", "_mask", "_ispec"):
                delattr(self.model, name)
        return caught[0], time


class Whole(torch.nn.Module):
    """Mix in, stems out: the transforms are convolutions with sines and cosines."""

    def __init__(self, model):
        super().__init__()
        self.branches = Branches(model)
        self.n_fft, self.hop = model.nfft, model.hop_length
        self.frames = -(-SEGMENT // self.hop)
        n, bins = np.arange(self.n_fft), np.arange(self.n_fft // 2)
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / self.n_fft)
        angle = 2 * np.pi * np.outer(bins, n) / self.n_fft
        scale = hann / np.sqrt(self.n_fft)
        analysis = np.concatenate([np.cos(angle) * scale, -np.sin(angle) * scale])
        twice = np.where(bins == 0, 1, 2)[:, None] * scale
        synthesis = np.concatenate([np.cos(angle) * twice, -np.sin(angle) * twice])
        synthesis[len(bins)] = 0
        self.register_buffer("analysis", torch.tensor(analysis, dtype=torch.float32)[:, None])
        self.register_buffer("synthesis", torch.tensor(synthesis, dtype=torch.float32)[:, None])
        # The squares of the four Hann windows that meet repeat every hop. Silent FFTs around count as well.
        squares = np.roll((hann**2).reshape(4, self.hop).sum(0), -(self.hop // 2 * 3 % self.hop))
        envelope = np.tile(squares, self.frames)[:SEGMENT]
        self.register_buffer("envelope", torch.tensor(envelope, dtype=torch.float32))

    def forward(self, mix):
        before, bins = self.hop // 2 * 3, self.n_fft // 2
        behind = before + self.frames * self.hop - SEGMENT
        padded = torch.nn.functional.pad(mix, (before, behind), mode="reflect")
        z = torch.nn.functional.conv1d(padded.reshape(2, 1, -1), self.analysis, stride=self.hop)
        freq, time = self.branches(mix, z.reshape(1, 4, bins, self.frames))
        z = freq.reshape(len(SOURCES) * 2, 2 * bins, self.frames)
        x = torch.nn.functional.conv_transpose1d(z, self.synthesis, stride=self.hop)
        x = x[..., before : before + SEGMENT].reshape(1, len(SOURCES), 2, SEGMENT)
        return time + x / self.envelope


def export(folder, small):
    folder.mkdir(parents=True, exist_ok=True)
    model = network(small)
    torch.save({"state": model.state_dict(), "small": small}, folder / "htdemucs.pt")
    mix = torch.randn(1, 2, SEGMENT) * 0.1
    frames = -(-SEGMENT // model.hop_length)
    mag = torch.randn(1, 4, model.nfft // 2, frames)
    options = {"opset_version": 17, "dynamo": False}
    with torch.no_grad():
        torch.onnx.export(Branches(model), (mix, mag), folder / "htdemucs-two.onnx", input_names=["mix", "mag"],
                          output_names=["freq", "time"], **options)
        torch.onnx.export(Whole(model), (mix,), folder / "htdemucs-one.onnx", input_names=["mix"],
                          output_names=["stems"], **options)
    spectrum = f"spectrum = {{ n_fft = {model.nfft}, hop = {model.hop_length} }}\n"
    for name, lines in (("htdemucs-one", ""), ("htdemucs-two", spectrum)):
        sha256 = hashlib.sha256((folder / f"{name}.onnx").read_bytes()).hexdigest()
        text = MANIFEST.format(name=name, sha256=sha256, normalise="true", spectrum=lines)
        (folder / f"{name}.toml").write_text(text)


def separate(folder, clip, out, level):
    """`level`: what is taken out of the mix before and put back after, "track" (as demucs' command does), or
    "none". The network normalises every window itself, whatever is done before."""
    saved = torch.load(folder / "htdemucs.pt")
    model = network(saved["small"])
    model.load_state_dict(saved["state"])
    samples, rate = wav.read(clip)
    assert rate == RATE, rate
    mix = torch.tensor(samples)
    reference = mix.mean(0)
    mean, std = (reference.mean(), reference.std() + 1e-8) if level == "track" else (0.0, 1.0)
    stems = apply_model(model, ((mix - mean) / std)[None], shifts=0, split=True, overlap=0.25)[0]
    out.mkdir(parents=True, exist_ok=True)
    for name, stem in zip(SOURCES, stems * std + mean):
        wav.write(out / f"{clip.stem} ({name.title()}).wav", stem.numpy(), RATE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("export")
    one.add_argument("folder", type=Path)
    one.add_argument("--small", action="store_true", help="fewer channels and layers, the same interface: seconds")
    two = commands.add_parser("separate")
    two.add_argument("folder", type=Path)
    two.add_argument("clip", type=Path)
    two.add_argument("out", type=Path)
    two.add_argument("--level", choices=["track", "none"], default="track")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.backends.mha.set_fastpath_enabled(False)  # it cannot be exported
    if arguments.command == "export":
        export(arguments.folder, arguments.small)
    else:
        separate(arguments.folder, arguments.clip, arguments.out, arguments.level)


if __name__ == "__main__":
    main()
