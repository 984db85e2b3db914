#!/usr/bin/env python3
"""The whole way of an MDX-Net model over a song, in plain numpy and ONNX Runtime.

A second implementation to test the Rust one against, written from the published formulas and from
what python-audio-separator 0.47.1 was seen to do (its file architectures/mdx_separator.py):

  gain      g = 0.9 / peak when the largest |sample| is above 0.9, else 1; the mix is multiplied by g.
            (It never amplifies: amplification_threshold is 0.)
  sizes     trim = n_fft / 2, chunk = hop * (segment - 1) = 261120, gen = chunk - 2 * trim
  padding   trim zeros in front; gen + trim - n % gen behind (a whole gen more than needed when n % gen == 0).
            So the padded length is a multiple of gen, plus 2 * trim.
  windows   start at 0, step, 2 * step … below the padded length, step = int((1 - overlap) * chunk) = 195840.
            A window that sticks out at the end is filled with zeros to a whole chunk.
  spectrum  torch.stft: periodic Hann of n_fft, centred with reflection, 256 frames; bins above dim_f - 1 are
            cut off; the first 3 bins are set to 0. Channels L.re, L.im, R.re, R.im.
  inverse   torch.istft: zeros above dim_f - 1, Hann again, divided by the sum of squared Hann, chunk samples.
  weights   np.hanning(length) (symmetric, both ends 0) over the *clipped* length of the window; the weighted
            sum is divided by the sum of the weights. Only the first and the last sample of the padded mix have
            a sum of 0 (they become NaN there) and both are cut off.
  cutting   trim off both ends, then the first n samples.
  residual  mix - compensation * primary. The primary itself is not multiplied by the compensation.

Where it is not followed, because it is at odds with itself: it multiplies the primary by `peak`, not by
1 / g, for peaks below 0.9 as well, and subtracts that from the mix which still carries the gain g:
    primary   = peak * demix(g * mix)
    secondary = g * mix - compensation * primary
These agree with each other only when the peak is exactly 1 (both are then 0.9 of the true level); at a peak
of 0.5 the primary is 6 dB too quiet. Before a file is written each stem is scaled again, to 0.9 if it is
louder. Here, and in the product, the gain is undone exactly and the compensation belongs to the primary, so
that the stems add up to the mix: primary = compensation * demix(g * mix) / g, secondary = mix - primary.

A manifest without `peak` leaves the gain out. `overlap` and all the sizes come from the manifest.
"""

import argparse
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime

import wav

ZEROED_BINS = 3


def open_session(model, threads=0):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def hann(n_fft):
    """Periodic."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)


def stft(x, n_fft, hop):
    """[2, samples] to [2, bins, frames], centred."""
    padded = np.pad(x.astype(np.float64), ((0, 0), (n_fft // 2, n_fft // 2)), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft, axis=1)[:, ::hop]
    return np.fft.rfft(frames * hann(n_fft), axis=2).transpose(0, 2, 1)


def istft(z, n_fft, hop):
    """[2, bins, frames] to [2, hop * (frames - 1)]."""
    window, count = hann(n_fft), z.shape[2]
    frames = np.fft.irfft(z.transpose(0, 2, 1), n_fft, axis=2) * window
    sound, weight = np.zeros((2, n_fft + hop * (count - 1))), np.zeros(n_fft + hop * (count - 1))
    for i in range(count):
        sound[:, i * hop : i * hop + n_fft] += frames[:, i]
        weight[i * hop : i * hop + n_fft] += window**2
    kept = slice(n_fft // 2, n_fft // 2 + hop * (count - 1))
    return sound[:, kept] / weight[kept]


def through_network(chunk, mdx, session):
    """One whole window [2, samples] through transform, network and inverse."""
    bins, dim_f = mdx["n_fft"] // 2 + 1, mdx["dim_f"]
    z = stft(chunk, mdx["n_fft"], mdx["hop"])[:, :dim_f]
    z[:, :ZEROED_BINS] = 0
    planes = np.stack([z[0].real, z[0].imag, z[1].real, z[1].imag]).astype(np.float32)
    y = session.run(None, {session.get_inputs()[0].name: planes[None]})[0][0].astype(np.float64)
    full = np.zeros((2, bins, mdx["dim_t"]), np.complex128)
    full[:, :dim_f] = y[0::2] + 1j * y[1::2]
    return istft(full, mdx["n_fft"], mdx["hop"])


def demix(mix, manifest, session):
    """What the network predicts for a mix [2, n], at the level of the mix."""
    mdx, n = manifest["mdx"], mix.shape[1]
    trim, chunk = mdx["n_fft"] // 2, mdx["hop"] * (mdx["dim_t"] - 1)
    gen = chunk - 2 * trim
    behind = gen + trim - n % gen
    padded = np.pad(mix, ((0, 0), (trim, behind)))
    length = padded.shape[1]
    result, divider = np.zeros((2, length)), np.zeros(length)
    for start in range(0, length, int((1 - manifest["overlap"]) * chunk)):
        end = min(start + chunk, length)
        window = np.pad(padded[:, start:end], ((0, 0), (0, start + chunk - end)))
        weight = np.hanning(end - start)
        result[:, start:end] += through_network(window, mdx, session)[:, : end - start] * weight
        divider[start:end] += weight
    return result[:, trim : trim + n] / divider[trim : trim + n]


def separate(mix, manifest, session):
    """{stem: float32 [2, n]} of the predicted stem and its complement."""
    peak, allowed = float(np.abs(mix).max(initial=0)), manifest.get("peak")
    gain = allowed / peak if allowed and peak > allowed else 1.0
    primary = demix(mix * np.float32(gain), manifest, session) / gain
    primary *= manifest["compensation"]
    stems = {manifest["stems"][0]: primary.astype(np.float32)}
    if manifest.get("complement"):
        stems[manifest["complement"]] = (mix - primary).astype(np.float32)
    return stems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path, help="stereo WAV at the model's sample rate")
    parser.add_argument("-m", "--manifest", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, default=Path("."))
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    manifest = tomllib.loads(arguments.manifest.read_text())
    if manifest["kind"] != "mdx" or len(manifest["stems"]) != 1:
        raise SystemExit("only models of kind mdx with one stem")
    mix, rate = wav.read(arguments.song)
    if rate != manifest["sample_rate"] or mix.shape[0] != 2:
        raise SystemExit(f"the song must be stereo at {manifest['sample_rate']} Hz")
    session = open_session(arguments.manifest.parent / manifest["file"], arguments.threads)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for stem, samples in separate(mix, manifest, session).items():
        wav.write(arguments.output / f"{arguments.song.stem} ({stem.title()}).wav", samples, rate)


if __name__ == "__main__":
    main()
