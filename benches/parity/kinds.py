#!/usr/bin/env python3
"""The whole way of a model of any kind over a song, in plain numpy and ONNX Runtime, in f64 but for the networks.

A second implementation to test the Rust one against, written from the papers' and the original programs' formulas:

  windows    begin at -lead, -lead + step, … while they hold anything of the track; step = int((1 - overlap) * window)
             mdx       lead n_fft / 2, np.hanning over what of the window lies in the padded track (see reference.py)
             spleeter  lead n_fft - hop, np.hanning over what of the window lies in the track
             others    lead 0, a triangle over the whole window, as demucs.apply.apply_model has it
  tail       "centred": a window that sticks out behind the track is taken from earlier, by half of what it lacks, and
             what comes out is cut there (TensorChunk.padded and center_trim of the demucs package)
  mdx        see reference.py
  spleeter   sherpa-onnx, scripts/spleeter/separate_onnx.py: frames that are not centred, magnitudes of the lowest dim_f
             bins, silence up to dim_t frames; mask (y² + 1e-10 / n) / (Σ y² + 1e-10); nothing above dim_f
  umx        openunmix with niter = 0: estimated magnitude, the mix's phase (0 where there is none)
  roformer   the mask times the spectrum, complex; bin 0 is nothing
  waveform   demucs' separate: less the mono mean, by the mono deviation (unbiased, + 1e-8), here of the window
             with [spectrum]: HTDemucs._spec, _ispec
  ensemble   the mean of the members' waveforms; or of the magnitudes of scipy-like STFTs 6144 / 1024 of each window,
             with the phase of their sum
  gain       min(1, peak / the track's peak) before, and out again after; of a member, by its own peak
  complement the mix less all predicted stems; sums are sums of stems
"""

import argparse
import tomllib
from pathlib import Path

import numpy as np

import reference
import wav


def frames_of(x, n_fft, hop, count, window):
    """[bins, count] of a channel that begins where the first frame does."""
    frames = np.stack([x[t * hop : t * hop + n_fft] * window for t in range(count)])
    return np.fft.rfft(frames).T


def overlap_add(spectra, n_fft, hop, window, least=1e-11):
    """The inverse, and divided by the sum of squared windows where that is anything."""
    count = spectra.shape[1]
    out, squares = np.zeros(hop * (count - 1) + n_fft), np.zeros(hop * (count - 1) + n_fft)
    for t in range(count):
        out[t * hop : t * hop + n_fft] += np.fft.irfft(spectra[:, t], n_fft) * window
        squares[t * hop : t * hop + n_fft] += window**2
    return np.divide(out, squares, out=np.zeros_like(out), where=squares > least)


def centred(x, n_fft, hop):
    """[2, n] to [2, bins, frames]; n may be no whole number of hops."""
    count = -(-x.shape[1] // hop) + 1
    behind = hop * (count - 1) + n_fft // 2 - x.shape[1]
    padded = np.pad(x, ((0, 0), (n_fft // 2, behind)), mode="reflect")
    window = reference.hann(n_fft)
    return np.stack([frames_of(channel, n_fft, hop, count, window) for channel in padded])


def uncentred(spectra, n_fft, hop, length):
    window = reference.hann(n_fft)
    return np.stack([overlap_add(z, n_fft, hop, window)[n_fft // 2 :][:length] for z in spectra])


def run(session, *inputs):
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, (np.asarray(i, np.float32) for i in inputs), strict=True)))


class Model:
    """A manifest, its networks, and what it makes of one window [2, length]: [stems, 2, length]."""

    def __init__(self, folder, name, threads):
        self.folder, self.name = folder, name
        self.manifest = tomllib.loads((folder / f"{name}.toml").read_text())
        self.kind = self.manifest["kind"]
        self.numbers = self.manifest[self.kind]
        self.stems = self.manifest["stems"]
        files = [f"{network}.onnx" for network in self.manifest.get("networks", [])] or [self.manifest.get("file")]
        if self.kind != "ensemble":
            self.sessions = [reference.open_session(folder / file, threads) for file in files]
        else:
            self.members = [Model(folder, member, threads) for member in self.numbers["members"]]

    def plan(self):
        """(window, step, lead, granule, taper)"""
        n, kind = self.numbers, self.kind
        if kind == "ensemble":
            return self.members[0].plan()
        if kind == "waveform":
            window, lead = n["segment"], 0
        elif kind == "spleeter":
            window, lead = n["hop"] * (n["frames"] - 1) + n["n_fft"], n["n_fft"] - n["hop"]
        else:
            window, lead = n["hop"] * (n["dim_t"] - 1), n["n_fft"] // 2 if kind == "mdx" else 0
        granule = window - 2 * lead if kind == "mdx" else 0
        taper = "hann" if kind in ("mdx", "spleeter") else "triangle"
        return window, int((1 - self.manifest["overlap"]) * window), lead, granule, taper

    def gain(self, track_peak):
        allowed = self.manifest.get("peak")
        return allowed / track_peak if allowed and track_peak > allowed else 1.0

    def window(self, x, track_peak):
        if self.kind == "ensemble":
            return self.ensemble(x, track_peak)
        gain = self.gain(track_peak)
        return getattr(self, self.kind)(x * gain) / gain * self.manifest.get("compensation", 1.0)

    def mdx(self, x):
        return reference.through_network(x, self.numbers, self.sessions[0])[None]

    def spleeter(self, x):
        n_fft, hop, dim_f, dim_t, count = (self.numbers[k] for k in ("n_fft", "hop", "dim_f", "dim_t", "frames"))
        window = reference.hann(n_fft)
        z = np.stack([frames_of(channel, n_fft, hop, count, window) for channel in x])
        seen = np.zeros((2, 1, dim_t, dim_f))
        seen[:, 0, :count] = np.abs(z[:, :dim_f]).transpose(0, 2, 1)
        y = np.stack([run(session, seen)[0].astype(np.float64) for session in self.sessions])
        masks = (y**2 + 1e-10 / len(y)) / ((y**2).sum(0) + 1e-10)
        out = np.zeros((len(y), 2, x.shape[1]))
        for stem, mask in enumerate(masks):
            for side in range(2):
                whole = np.zeros_like(z[side])
                whole[:dim_f] = z[side, :dim_f] * mask[side, 0, :count].T
                # Where sherpa-onnx leaves nothing in any stem: as in the highest quarter of what the networks see.
                whole[dim_f:] = z[side, dim_f:] * mask[side, 0, :count, dim_f - -(-dim_f // 4) :].mean(1)
                out[stem, side] = overlap_add(whole, n_fft, hop, window)
        return out

    def umx(self, x):
        n_fft, hop = self.numbers["n_fft"], self.numbers["hop"]
        z = centred(x, n_fft, hop)
        estimates = [run(session, np.abs(z)[None])[0][0].astype(np.float64) for session in self.sessions]
        return np.stack([uncentred(e * np.exp(1j * np.angle(z)), n_fft, hop, x.shape[1]) for e in estimates])

    def roformer(self, x):
        n_fft, hop = self.numbers["n_fft"], self.numbers["hop"]
        z = centred(x, n_fft, hop)
        bins, count = z.shape[1:]
        spec = np.zeros((1, 2 * bins, count, 2))
        for b in range(bins):
            for side in range(2):
                spec[0, 2 * b + side, :, 0], spec[0, 2 * b + side, :, 1] = z[side, b].real, z[side, b].imag
        mask = run(self.sessions[0], spec)[0][0].astype(np.float64)
        mask = mask[..., 0] + 1j * mask[..., 1]
        out = []
        for m in mask:
            masked = np.stack([z[side] * m[side::2] for side in range(2)])
            masked[:, 0] = 0
            out.append(uncentred(masked, n_fft, hop, x.shape[1]))
        return np.stack(out)

    def waveform(self, x):
        mean, deviation = 0.0, 1.0
        if self.numbers.get("normalise"):
            mono = x[:, self.inside].mean(0)
            mean, deviation = mono.mean(), mono.std(ddof=1) + 1e-8
        level = np.zeros_like(x)
        level[:, self.inside] = (x[:, self.inside] - mean) / deviation
        x = level
        if "spectrum" in self.numbers:
            y = self.branches(x, **self.numbers["spectrum"])
        else:
            y = run(self.sessions[0], x[None])[0][0].astype(np.float64)
        return y * deviation + mean

    def branches(self, x, n_fft, hop):
        """As HTDemucs does it: padded once for the frames to fit, once because they are centred."""
        length, window = x.shape[1], reference.hann(n_fft)
        count, pad = -(-length // hop), hop // 2 * 3
        padded = np.pad(x, ((0, 0), (pad, pad + count * hop - length)), mode="reflect")
        z = centred(padded, n_fft, hop)[:, :-1, 2 : 2 + count] / np.sqrt(n_fft)
        mag = np.stack([z[0].real, z[0].imag, z[1].real, z[1].imag])
        freq, time = run(self.sessions[0], x[None], mag[None])
        freq, time = freq[0].astype(np.float64), time[0].astype(np.float64)
        out = np.zeros((len(freq), 2, length))
        for stem in range(len(freq)):
            for side in range(2):
                full = np.zeros((n_fft // 2 + 1, count + 4), complex)
                full[:-1, 2:-2] = freq[stem, 2 * side] + 1j * freq[stem, 2 * side + 1]
                wave = overlap_add(full * np.sqrt(n_fft), n_fft, hop, window)[n_fft // 2 :]
                out[stem, side] = wave[pad : pad + length] + time[stem, side]
        return out

    def ensemble(self, x, track_peak):
        parts = []
        for member in self.members:
            predicted = member.window(x, track_peak)
            if self.stems[0] in member.stems:
                parts.append(predicted[member.stems.index(self.stems[0])])
            else:
                assert member.manifest["complement"] == self.stems[0]
                parts.append(x - predicted.sum(0))
        if self.numbers.get("mean", "waveform") == "waveform":
            return np.mean(parts, axis=0)[None]
        spectra = np.stack([centred(part, 6144, 1024) for part in parts])
        magnitude, phase = np.abs(spectra).mean(0), np.exp(1j * np.angle(spectra.sum(0)))
        return uncentred(magnitude * phase, 6144, 1024, x.shape[1])[None]

    def demix(self, mix):
        """Predicted stems of a whole track [2, n]: [stems, 2, n]."""
        window, step, lead, granule, taper = self.plan()
        n, peak = mix.shape[1], float(np.abs(mix).max(initial=0))
        centred_tail = self.numbers.get("tail") == "centred"
        padded_length = n + 2 * lead + granule - n % granule if granule else n + lead
        sound = np.pad(mix.astype(np.float64), ((0, 0), (window + lead, 2 * window)))
        total, weights = np.zeros((len(self.stems), 2, sound.shape[1])), np.zeros(sound.shape[1])
        first, seen = np.zeros_like(total), np.zeros(sound.shape[1], bool)
        for start in range(0, n + lead, step):
            back = max(0, start + window - lead - n) // 2 if centred_tail else 0
            # Demucs takes the level out of the track before it puts silence around it, so it is level with the sound.
            at = start - back - lead
            self.inside = slice(max(0, -at), min(window, n - at)) if centred_tail else slice(None)
            out = self.window(sound[:, window + start - back :][:, :window], peak)
            out = np.pad(out[..., back:], ((0, 0), (0, 0), (0, back)))
            length = min(window, padded_length - start)
            at = np.arange(window)
            if taper == "hann":
                weight = np.zeros(window)
                weight[:length] = np.hanning(length)
            else:
                weight = np.minimum(at + 1, window - at) / (window - window // 2)
            place = slice(start, start + window)
            total[..., place] += out * weight
            weights[place] += weight
            first[..., place] = np.where(seen[place], first[..., place], out)
            seen[place] = True
        mean = np.where(weights > 0, total / np.where(weights > 0, weights, 1), first)
        return mean[..., lead : lead + n]

    def separate(self, mix):
        """{stem: float32 [2, n]} of all stems."""
        predicted = self.demix(mix)
        stems = dict(zip(self.stems, predicted, strict=True))
        if "complement" in self.manifest:
            stems[self.manifest["complement"]] = mix - predicted.sum(0)
        for name, parts in self.manifest.get("sums", {}).items():
            stems[name] = sum(stems[part] for part in parts)
        return {name: samples.astype(np.float32) for name, samples in stems.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path, help="stereo WAV at the model's sample rate")
    parser.add_argument("-m", "--manifest", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, default=Path("."))
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    model = Model(arguments.manifest.parent, arguments.manifest.stem, arguments.threads)
    mix, rate = wav.read(arguments.song)
    if rate != model.manifest["sample_rate"] or mix.shape[0] != 2:
        raise SystemExit(f"the song must be stereo at {model.manifest['sample_rate']} Hz")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for stem, samples in model.separate(mix).items():
        wav.write(arguments.output / f"{arguments.song.stem} ({stem.title()}).wav", samples, rate)


if __name__ == "__main__":
    main()
