#!/usr/bin/env python3
"""Measures models on songs that come as stems, against the mixture, L - R and centre extraction.

FOLDER holds the stems of one song (WAV, FLAC, Ogg, Opus ..., aligned), or a folder per song, or sets of such folders: each
directory with sound files in it is a song, its path its name, and a table is printed for each set (the first part of the path).
Stems whose name has a part beginning with one of --vocals are the vocals, all others the backing, but `backing`,
`accompaniment` and `instrumental` never are vocals, and `mix` and `mixture` are passed over; --match picks the files of one song.
A stem file (`.stem.mp4`) is a song as well. With --pair VOICE BACKING instead, a voice and any backing are mixed: 40 s, the voice
in the middle, 6 dB lower. With --release MIX INSTRUMENTAL, a song that you own with its official instrumental is measured, which is
aligned and scaled to fit. --json writes all numbers, and of each set and genre (`note.json`) the mean with 95 % bounds (bootstrap).

SDR           10 log10(energy of the true stem / energy of the error), over the whole song and both channels, of vocals and
              instrumental; SI-SDR is the same after the true stem was scaled to fit, so that a wrong level costs nothing.
voice down    by how many dB the voice is quieter in the instrumental than in the mix, and
backing lost  how much of the backing goes out with the voice, in dB: energies against their own, of the parts of the
              instrumental that resemble each (a straight fit of true voice and true backing over windows of a second).
voice heard   how far the voice's partials still stand out in the instrumental: 0 % as in the true backing, 100 % as in the mix.
              The pitch (80 to 1000 Hz) is read from the true vocals, by autocorrelation, where it is steady. There each
              partial's height is taken in dB over the sound half a harmonic above and below it (which is what masks it), in the
              true backing (3 dB if it is lower: that much nobody hears), the mix and the instrumental. Those partials that the
              voice lifts by 3 dB or more in the mix are counted: the sum of what is left of this lift, none below nothing, over
              the sum of the lift. What is 60 dB below the mix counts as silence. Consonants and breath are not measured.
              A voice simply turned down by 6, 10, 20, 30 dB in a real song: about 75, 60, 30, 10 %. Above 100 %: the voice is
              covered by less than in the mix, because backing went out and voice did not.
false voice   where there are no vocals (their stem is silent, or there is none): the energy taken for vocals against the mix, dB.

"L - R" is the oldest trick, (L - R) / 2; "L - R, bass" is that with the mix below 120 Hz put back. Speed is end to end with the
plain transform of benches/parity/reference.py; peak memory is that of a process that separates 30 s, Python included.
Needs numpy, onnxruntime, soundfile; soxr for other rates than 44.1 kHz.
"""

import argparse
import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # --threads is about the network alone
import numpy as np  # noqa: E402
import soundfile  # noqa: E402

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "benches" / "parity"))
import reference  # noqa: E402
from songs import RATE, VOCALS, find_songs, genre, read_pair, read_release, read_stems  # noqa: E402

FRAME, HOP, PARTIALS, LIFT = 4096, 1024, 20, 3.0
METRICS = {
    "sdr_vocals": "SDR vocals", "sdr_instrumental": "SDR instr.", "si_sdr_vocals": "SI-SDR vocals", "si_sdr_instrumental": "SI-SDR instr.",
    "voice_down": "voice down", "backing_lost": "backing lost", "voice_heard": "voice heard, %", "false_voice": "false voice",
}  # fmt: skip


def energy(x):
    return float(np.square(x, dtype=np.float64).sum()) + 1e-12


def sdr(true, estimate):
    return 10 * np.log10(energy(true) / energy(estimate - true))


def si_sdr(true, estimate):
    gain = np.einsum("cn,cn->", true, estimate, dtype=np.float64) / energy(true)
    return 10 * np.log10(energy(gain * true) / energy(estimate - gain * true))


def left_and_lost(instrumental, vocals, backing):
    """Voice left and backing lost, in dB, from fits over windows of a second."""
    left = lost = voice_energy = backing_energy = 0.0
    for at in range(0, vocals.shape[1], RATE):
        cut = lambda x: x[:, at : at + RATE].ravel().astype(np.float64)
        v, b, i = cut(vocals), cut(backing), cut(instrumental)
        gram = np.array([[v @ v, v @ b], [v @ b, b @ b]])
        gain = np.linalg.lstsq(gram + 1e-9 * np.eye(2), [v @ i, b @ i], rcond=None)[0]
        left, voice_energy = left + gain[0] ** 2 * gram[0, 0], voice_energy + gram[0, 0]
        lost, backing_energy = lost + (1 - gain[1]) ** 2 * gram[1, 1], backing_energy + gram[1, 1]
    ratio = lambda a, b: 10 * np.log10((a + 1e-12) / (b + 1e-12))
    return ratio(left, voice_energy), ratio(lost, backing_energy)


def power(x, frames):
    """Power spectra [frames, bins] of both channels together, at the numbered frames."""
    window, total = np.hanning(FRAME).astype(np.float32), np.float32(1e-12)
    for channel in x:
        pieces = np.lib.stride_tricks.sliding_window_view(channel, FRAME)[::HOP][frames] * window
        total = total + np.square(np.abs(np.fft.rfft(pieces))).astype(np.float32)
    return total


def pitch(spectra):
    """Fundamental of each frame in bins, 0 where none is clear: the highest peak of the autocorrelation of what is below 2 kHz."""
    size, low, high = 2048, 80 * FRAME / RATE, 1000 * FRAME / RATE
    lags = lambda z: np.fft.irfft(np.where(np.arange(z.shape[1]) < 2000 * FRAME / RATE, z, 0)[:, : size // 2 + 1], size)
    of_window = lags(np.square(np.abs(np.fft.rfft(np.hanning(FRAME))))[None])
    r = lags(spectra)
    r = r / r[:, :1] / (of_window / of_window[0, 0])
    first, last = int(size / high), int(size / low) + 1
    before, here, after = r[:, first - 1 : last - 1], r[:, first:last], r[:, first + 1 : last + 1]
    peaks = np.where((here >= before) & (here >= after), here - 0.02 * np.log2(np.arange(first, last)), -1)
    best = peaks.argmax(1)[:, None]
    a, b, c = (np.take_along_axis(x, best, 1)[:, 0] for x in (before, here, after))
    lag = first + best[:, 0] + 0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-9)
    return np.where((b > 0.7) & (peaks.max(1) > -1), size / lag, 0)


class Partials:
    """Where the partials of the true voice stand out in the mix: see `voice heard` above."""

    def __init__(self, vocals, backing, mix):
        count, self.blocks = max((mix.shape[1] - FRAME) // HOP + 1, 0), []
        tone, level = np.zeros(count), np.zeros(count)
        for some in (slice(at, at + 512) for at in range(0, count, 512)):
            spectra = power(vocals, some)
            tone[some], level[some] = pitch(spectra), spectra.sum(1)
        tone[level <= 1e-5 * level.max(initial=0)] = 0
        ratio = np.pad(np.log2(np.maximum(tone, 1e-9)), 1, constant_values=-99)
        steady = (tone > 0) & (np.abs(np.diff(ratio)[:-1]) < 1 / 12) & (np.abs(np.diff(ratio)[1:]) < 1 / 12)
        for frames in np.array_split(np.flatnonzero(steady), steady.sum() // 512 + 1):
            if len(frames):
                self.blocks.append(self.find(frames, tone[frames], vocals, backing, mix))
        self.seconds = float(steady.sum() * HOP / RATE)
        self.lift = sum(block["lift"].sum() for block in self.blocks)

    @staticmethod
    def contrast(spectra, at, aside, floor):
        """Height of the bins `at` over what is `aside` of them on either hand, in dB."""
        around = lambda i: sum(np.take_along_axis(spectra, np.clip(i + d, 0, spectra.shape[1] - 1), 1) for d in (-1, 0, 1))
        return 10 * np.log10((around(at) + floor) / ((around(at - aside) + around(at + aside)) / 2 + floor))

    def find(self, frames, tone, vocals, backing, mix):
        """Partials of one block of frames, at the true voice's own peaks near the multiples of the fundamental."""
        true, mixed = power(vocals, frames), power(mix, frames)
        multiple = tone[:, None] * np.arange(1, PARTIALS + 1)
        reach = np.clip(0.03 * multiple, 1, 0.3 * tone[:, None])[..., None]
        near = np.round(multiple).astype(int)[..., None] + np.arange(-12, 13)
        candidates = true[np.arange(len(frames))[:, None, None], np.clip(near, 0, true.shape[1] - 1)]
        candidates = np.where(np.abs(near - multiple[..., None]) <= reach, candidates, -1)
        at = np.take_along_axis(near, candidates.argmax(2)[..., None], 2)[..., 0]
        where = {"at": at, "aside": np.round(tone / 2).astype(int)[:, None], "floor": 1e-6 * mixed.max(1, keepdims=True)}
        below = np.maximum(self.contrast(power(backing, frames), **where), LIFT)
        lift = self.contrast(mixed, **where) - below
        counts = (multiple < 8000 * FRAME / RATE) & (self.contrast(true, **where) > 10) & (lift >= LIFT)
        return {"frames": frames, "where": where, "below": below, "counts": counts, "lift": lift * counts}

    def heard(self, instrumental):
        """In %, None where there is no partial to measure."""
        left = 0.0
        for block in self.blocks:
            height = self.contrast(power(instrumental, block["frames"]), **block["where"])
            left += (np.maximum(height - block["below"], 0) * block["counts"]).sum()
        return 100 * float(left / self.lift) if self.lift > 0 else None


def measure(vocals, backing, mix, voice, instrumental, partials):
    """The METRICS of one estimate; None is for what cannot be said of a song."""
    left, lost = left_and_lost(instrumental, vocals, backing)
    found = {"sdr_instrumental": sdr(backing, instrumental), "si_sdr_instrumental": si_sdr(backing, instrumental), "backing_lost": lost}
    if partials is None:
        found["false_voice"] = 10 * np.log10(energy(voice) / energy(mix))
    else:
        found |= {"sdr_vocals": sdr(vocals, voice), "si_sdr_vocals": si_sdr(vocals, voice)}
        found |= {"voice_down": -left, "voice_heard": partials.heard(instrumental)}
    return {key: None if found.get(key) is None else float(found[key]) for key in METRICS}


def bass(x, hz=120.0):
    """What lies below about `hz`."""
    z = np.fft.rfft(x)
    z *= np.clip((hz * 1.25 - np.fft.rfftfreq(x.shape[1], 1 / RATE)) / (hz * 0.5), 0, 1)
    return np.fft.irfft(z, x.shape[1]).astype(np.float32)


def formulas(mix):
    """Vocals and instrumental of what needs no model, by name."""
    half_difference = np.stack([(mix[0] - mix[1]) / 2, (mix[1] - mix[0]) / 2])
    yield "mixture", mix, mix
    yield "L - R", mix - half_difference, half_difference
    with_bass = half_difference + bass(mix - half_difference)
    yield "L - R, bass", mix - with_bass, with_bass


def two(stems, mix):
    """Vocals and instrumental, whichever of them a model gives."""
    one = next(name for name in ("vocals", "instrumental") if name in stems)
    other = {"vocals": "instrumental", "instrumental": "vocals"}[one]
    stems.setdefault(other, mix - stems[one])
    return stems["vocals"], stems["instrumental"]


class Graph:
    """A model of kind `mdx`, run here through ONNX Runtime."""

    def __init__(self, path, threads):
        self.manifest = tomllib.loads(path.read_text())
        if self.manifest["kind"] != "mdx":
            raise SystemExit(f"{path}: only models of kind mdx; others by --installed")
        self.name, self.path, self.threads = self.manifest["name"], path, threads
        self.size_mb = (path.parent / self.manifest["file"]).stat().st_size / 1e6
        self.session, self.peak_mb = None, 0.0

    def measure_peak(self):
        """In a process of its own, before anything is loaded: a new process starts with its parent's peak."""
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            self.peak_mb = process.submit(peak_memory, self.path, self.threads).result()

    def separate(self, mix):
        """Vocals and instrumental."""
        if self.session is None:
            self.session = reference.open_session(self.path.parent / self.manifest["file"], self.threads)
        return two(reference.separate(mix, self.manifest, self.session), mix)


class Installed:
    """Any installed model, run by the program itself, as a user does; its start counts as well."""

    def __init__(self, name, program):
        self.name, self.program, self.peak_mb = name, program, 0.0
        listed = json.loads(subprocess.run([program, "models", "list", "--json"], check=True, capture_output=True, text=True, cwd=HERE.parent).stdout)
        known = next((model for model in listed["models"] if model["name"] == name and model["installed"]), None)
        if known is None:
            raise SystemExit(f"`{name}` is not installed: {program} models pull {name}")
        self.size_mb = known["bytes"] / 1e6

    def separate(self, mix):
        """Vocals and instrumental."""
        with tempfile.TemporaryDirectory(prefix="karaoke-evaluate-") as folder:
            song = Path(folder) / "song.wav"
            soundfile.write(song, mix.T, RATE, subtype="FLOAT")
            command = [self.program, "separate", song, "-m", self.name, "-o", folder, "--bits", "float", "--quiet", "--force"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent)
            paths = [Path(line) for line in process.stdout.read().splitlines()]
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                raise SystemExit(f"{' '.join(map(str, command))} failed")
            self.peak_mb = max(self.peak_mb, usage.ru_maxrss / 1024)
            stems = {path.stem.rsplit("(", 1)[-1].rstrip(")").lower(): soundfile.read(path, dtype="float32")[0].T for path in paths}
        return two(stems, mix)


def peak_memory(path, threads=1):
    """MB, of the process that this runs in."""
    manifest = tomllib.loads(path.read_text())
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 30 * RATE)).astype(np.float32)
    reference.separate(noise, manifest, reference.open_session(path.parent / manifest["file"], threads))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def confidence(values, draws=2000):
    """Mean of the values of several songs, and between which bounds 95 % of the means of songs drawn anew lie (bootstrap)."""
    values = np.asarray(values)
    means = values[np.random.default_rng(0).integers(len(values), size=(draws, len(values)))].mean(1)
    return {"mean": float(values.mean()), "low": float(np.quantile(means, 0.025)), "high": float(np.quantile(means, 0.975)), "songs": len(values)}


def summary(songs):
    """By model and metric: mean and confidence."""
    found = {}
    for name in songs[0]["measured"]:
        values = {key: [s["measured"][name][key] for s in songs if s["measured"][name][key] is not None] for key in METRICS}
        found[name] = {key: confidence(v) for key, v in values.items() if v}
    return found


def cell(value, digits):
    return ("−∞", "∞")[int(value > 0)] if abs(value) > 140 and digits else f"{value:z.{digits}f}".replace("-", "−")


def table(rows, kind):
    """Markdown, of rows (name, metrics of its songs): `kind` is the median or the mean of each."""
    shown = [key for key in METRICS if any(song[key] is not None for _, songs in rows for song in songs)]
    corner = kind.__name__ if len(rows[0][1]) > 1 else ""
    lines = ["| " + " | ".join([corner, *(METRICS[key] for key in shown)]) + " |", "|---" * (len(shown) + 1) + "|"]
    for name, songs in rows:
        values = [[song[key] for song in songs if song[key] is not None] for key in shown]
        cells = [cell(kind(v), 0 if key == "voice_heard" else 1) if v else "–" for key, v in zip(shown, values)]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--pair", type=Path, nargs=2, metavar=("VOICE", "BACKING"))
    parser.add_argument("--release", type=Path, nargs=2, metavar=("MIX", "INSTRUMENTAL"), action="append", default=[],
                        help="a song and its official instrumental, as often as wanted")
    parser.add_argument("--installed", action="append", default=[], metavar="NAME", help="an installed model of any kind, run by the program")
    parser.add_argument("--program", type=Path, default=HERE.parent / "target/release/karaoke", help="(default: %(default)s)")
    parser.add_argument("--model", type=Path, action="append", default=[], help="a manifest of kind mdx, as often as wanted")
    parser.add_argument("--no-baselines", action="store_true", help="the models alone")
    parser.add_argument("--match", default="", help="only files whose name contains this")
    parser.add_argument("--vocals", default=VOCALS, help="beginnings of names that are vocals (default: %(default)s)")
    parser.add_argument("--seconds", type=float, help="only so much of each song, from its middle")
    parser.add_argument("--songs", action="store_true", help="a table for each song as well")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write all numbers there")
    arguments = parser.parse_args()

    if [bool(arguments.folder), bool(arguments.pair), bool(arguments.release)].count(True) != 1:
        parser.error("either a folder, or a pair, or releases")
    if arguments.pair:
        songs = [("pair", "pair", None, lambda: read_pair(*arguments.pair))]
    elif arguments.release:
        songs = [(pair[0].stem, "releases", None, functools.partial(read_release, *pair)) for pair in arguments.release]
    else:
        read = lambda place: functools.partial(read_stems, place, arguments.match, arguments.vocals)
        songs = [(name, of_set, genre(place), read(place)) for name, of_set, place in find_songs(arguments.folder, arguments.match)]
    paths = ([] if arguments.no_baselines else [HERE / "centre.toml"]) + arguments.model
    models = [Graph(path, arguments.threads) for path in {path.resolve(): path for path in paths}.values()]
    [model.measure_peak() for model in models]
    models += [Installed(name, arguments.program) for name in arguments.installed]
    if not songs or not models:
        parser.error("no sound files there" if models else "nothing to measure")
    taken = set()
    for model in models:
        if model.name in taken:  # two states of one model
            model.name = str(getattr(model, "path", f"{model.name}, installed"))
        taken.add(model.name)
    cost = {name: {"took": 0.0} for name in taken}
    results, sound = [], 0.0
    for name, of_set, of_genre, read in songs:
        vocals, backing = read()
        if arguments.seconds and arguments.seconds * RATE < backing.shape[1]:
            start = int(backing.shape[1] - arguments.seconds * RATE) // 2
            vocals, backing = (x[:, start : start + int(arguments.seconds * RATE)] for x in (vocals, backing))
        mix = vocals + backing
        partials = Partials(vocals, backing, mix) if energy(vocals) > 1e-7 * energy(backing) else None
        song = {"set": of_set, "song": name, "genre": of_genre, "seconds": mix.shape[1] / RATE, "pitched_seconds": partials.seconds if partials else 0.0}
        song["measured"] = {} if arguments.no_baselines else {n: measure(vocals, backing, mix, v, i, partials) for n, v, i in formulas(mix)}
        for model in models:
            started = time.perf_counter()
            stems = model.separate(mix)
            cost[model.name]["took"] += time.perf_counter() - started
            song["measured"][model.name] = measure(vocals, backing, mix, *stems, partials)
        results, sound = [*results, song], sound + song["seconds"]
        print(f"{len(results)}/{len(songs)} {name}", file=sys.stderr)

    for of_set in dict.fromkeys(song["set"] for song in results):
        members = [song for song in results if song["set"] == of_set]
        rows = [(name, [song["measured"][name] for song in members]) for name in members[0]["measured"]]
        print(f"\n## {of_set}: {len(members)} song{'s' * (len(members) > 1)}, {sum(s['seconds'] for s in members):.0f} s\n")
        for kind in (np.median, np.mean)[: 1 + (len(members) > 1)]:
            print(table(rows, kind))
        for song in members if arguments.songs and len(members) > 1 else []:
            print(f"### {song['song']}\n\n" + table([(n, [m]) for n, m in song["measured"].items()], np.median))
    print(f"| {arguments.threads} thread{'s' * (arguments.threads > 1)} | times realtime | peak memory, MB | model, MB |")
    print("|---|---|---|---|")
    for model in models:
        own = cost[model.name]
        own |= {"times_realtime": sound / own["took"], "peak_mb": model.peak_mb, "size_mb": model.size_mb}
        print(f"| {model.name} | {own['times_realtime']:.0f} | {own['peak_mb']:.0f} | {model.size_mb:.2f} |")
    if arguments.json:
        group = lambda key: {k: summary([s for s in results if s[key] == k]) for k in dict.fromkeys(s[key] for s in results) if k}
        found = {"songs": results, "sets": group("set"), "genres": group("genre"), "cost": cost}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
