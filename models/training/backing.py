#!/usr/bin/env python3
"""Makes backing tracks without voices, of many genres: WORK/backing/SPLIT/GENRE-SEED-NUMBER.npy, int16 [2, frames, 2].

The first array is drums and bass, the second everything tonal, both stereo at 44.1 kHz; their sum is the track. An item depends
on split, seed and number alone, and one that exists is kept. The train split plays MuseScore_General, the synthesisers of
instruments.py and the samples under WORK/sound/samples (prepare.py decodes them); the heldout split plays FluidR3_GM only.
"""

import argparse
import multiprocessing
import os
import sys
import time
import traceback
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_threads] = "1"  # before numpy is loaded: one process is one thread

import arrangement
import instruments
import numpy as np
import pedalboard
import sound
from scipy.ndimage import maximum_filter1d, uniform_filter1d

RATE = sound.RATE
MEAN_SECONDS = 32.0
FONTS = {
    "train": ("/usr/share/sounds/sf3/MuseScore_General_Full.sf3", "musescore-general-soundfont"),
    "heldout": ("/usr/share/sounds/sf2/FluidR3_GM.sf2", "fluid-soundfont-gm"),
}
LEVELS = {"drums": -20, "bass": -22, "chords": -25, "pad": -26, "lead": -22, "texture": -30}  # dB RMS while it sounds
SPREAD = {"drums": 3, "bass": 3, "chords": 4, "pad": 4.5, "lead": 4, "texture": 5}


class Band:
    """What an item is played on: the soundfont, and in the train split the samples."""

    def __init__(self, split, work, font):
        self.split, self.work, self.path = split, work, font
        self.samples = None
        if split == "train":
            self.samples = instruments.Samples(work / "sound" / "samples", work / "backing" / "samples.json")
        self.font = instruments.Font(font)

    def play(self, part, frames, rng):
        kind, name = part["instrument"]
        notes = part["notes"]
        if kind == "font":
            # A lead bends into notes and has vibrato by the modulation wheel; guitars stay plain.
            bends = wheel(notes, rng) if part["role"] == "lead" else ()
            return self.font.play(notes, frames, int(name), bends=bends)
        if kind == "font drums":
            return self.font.play(notes, frames, int(name), bank=128)
        if kind == "synth drums":
            return instruments.drums_play(notes, frames, rng)
        if kind == "synth":
            return instruments.synth_play(notes, frames, name, rng)
        if name not in self.samples.banks:
            raise KeyError(f"no recorded notes for {name}")
        return self.samples.play(notes, frames, name, rng, 1.0 if part["role"] == "lead" else 0.2)


def wheel(notes, rng):
    """Modulation and pitch bends for a solo line: (start, 0 bend or 1 modulation, value)."""
    events = []
    for start, length, _, _ in notes:
        if length > 0.3:
            events += [(start, 1, 0), (start + rng.uniform(0.1, 0.25), 1, int(rng.integers(0, 90)))]
        if rng.random() < 0.25:
            depth = rng.uniform(-8000, -2000)
            events += [(max(0, start - 0.002) + k * 0.015, 0, int(depth * (1 - k / 5))) for k in range(6)]
    return events


# ---------------------------------------------------------------- effects


def chain(part, rng):
    """The effects of one part, in the order of a channel strip."""
    u, role, board = rng.uniform, part["role"], []
    if part.get("family") == "distorted guitar":  # an amplifier and its cabinet
        board += [
            pedalboard.HighpassFilter(u(80, 150)),
            pedalboard.Distortion(u(14, 36)),
            pedalboard.LowpassFilter(u(3500, 8000)),
        ]
    elif part.get("family") == "electric guitar" and rng.random() < 0.35 or rng.random() < 0.06:
        board += [pedalboard.Distortion(u(4, 16)), pedalboard.LowpassFilter(u(3500, 9000))]
    if rng.random() < 0.6:
        board.append(pedalboard.PeakFilter(float(np.exp(u(np.log(150), np.log(7000)))), u(-7, 7), u(0.4, 1.6)))
    if rng.random() < 0.4:
        board.append(pedalboard.HighShelfFilter(u(2500, 9000), u(-8, 7)))
    if role in ("chords", "pad", "lead") and rng.random() < 0.5:
        board.append(pedalboard.HighpassFilter(u(60, 250)))
    if rng.random() < 0.35:
        board.append(pedalboard.Compressor(u(-30, -14), u(2, 6), u(1, 30), u(50, 250)))
    if role in ("chords", "pad", "lead") and rng.random() < {"pad": 0.4, "chords": 0.25, "lead": 0.15}[role]:
        board.append(modulation(rng))
    if role in ("chords", "lead") and rng.random() < 0.25:
        board.append(pedalboard.Delay(u(0.15, 0.5), u(0.1, 0.45), u(0.1, 0.35)))
    return board


def modulation(rng):
    u = rng.uniform
    if rng.random() < 0.6:
        return pedalboard.Chorus(u(0.3, 5), u(0.1, 0.4), u(5, 12), u(0, 0.2), u(0.2, 0.5))
    return pedalboard.Phaser(u(0.1, 1.0), u(0.2, 0.7), u(600, 1800), u(0, 0.4), u(0.2, 0.5))


def process(wave, board):
    if not board:
        return wave
    return np.ascontiguousarray(pedalboard.Pedalboard(board)(np.ascontiguousarray(wave.T), RATE).T)


def peak_of(wave):
    return max(float(wave.max()), -float(wave.min()))


def level(wave, decibels):
    """Brings what sounds (not the pauses) to a level; bursts are kept from towering over it."""
    power = uniform_filter1d(np.square(wave[::16]).sum(1) / 2, 256)
    if power.max() < 1e-10:
        return wave * 0
    loud = np.sqrt(np.mean(power[power > 0.03 * power.max()]))
    return wave * np.float32(min(10 ** (decibels / 20) / loud, 0.9 / peak_of(wave)))


def place(wave, pan, width):
    angle = (pan + 1) * np.pi / 4
    left, right = 1.41 * np.cos(angle), 1.41 * np.sin(angle)
    near, far = (1 + width) / 2, (1 - width) / 2  # of a channel's own side and of the other
    return wave @ np.array([[near * left, far * right], [far * left, near * right]], np.float32)


def pumped(wave, kicks, depth):
    """Ducked by every kick, as a compressor keyed by it does."""
    since = np.full(len(wave) // 64 + 1, 10.0)
    for at in kicks:
        k = int(at * RATE) // 64
        since[k:] = np.arange(len(since) - k) * 64 / RATE
    gain = 1 - depth * np.exp(-since / 0.11)
    return wave * np.repeat(gain, 64)[: len(wave), None].astype(np.float32)


# ---------------------------------------------------------------- a track


def mixed_part(song, part, band, rng, frames):
    wave = level(process(band.play(part, frames, rng), chain(part, rng)), -20)
    if part.get("family", "").endswith("guitar") and part["role"] == "chords" and rng.random() < 0.4:
        # Double-tracked: played again, a little differently, on the other side.
        again = [(max(0.0, s + rng.normal(0.006, 0.008)), size, p, v) for s, size, p, v in part["notes"]]
        other = level(process(band.play(part | {"notes": sorted(again)}, frames, rng), chain(part, rng)), -20)
        wide = rng.uniform(0.5, 1)
        wave = place(wave, -wide, 0.2) + place(other, wide, 0.2)
    elif part["role"] == "bass":
        wave = place(wave, 0, rng.uniform(0, 0.4))
    else:
        pan = rng.uniform(-0.7, 0.7) if part["role"] == "chords" else rng.uniform(-0.3, 0.3)
        wave = place(wave, pan * (part["role"] != "drums"), rng.choice([0, rng.uniform(0.3, 1), rng.uniform(0.8, 1.5)]))
    return level(wave, LEVELS[part["role"]] + np.clip(rng.normal(0, 0.6), -1, 1) * SPREAD[part["role"]])


def textures(song, band, rng, frames):
    """Now and then recorded sounds without a part: atmospheres, phrases, a bird; transposed at random."""
    out = np.zeros((frames, 2), np.float32)
    names = []
    for _ in range(int(rng.integers(1, 4))):
        path = band.samples.textures[rng.integers(len(band.samples.textures))]
        wave, _ = instruments.note_wave(str(path))
        speed = 2.0 ** (rng.integers(-4, 5) / 12)
        size = min(int(len(wave) / speed), int(12 * RATE), frames)
        wave = instruments.resample(wave, np.full(size, speed), 10**9, 0)
        for _ in range(int(rng.integers(1, 4))):
            instruments.add(
                out, int(rng.uniform(0, song.seconds - 1) * RATE), wave * instruments.shape(size, 1.0, 0.02, 0.3)[:, None]
            )
        names.append(f"{path.parent.name}/{path.stem}")
    return out, names


def drum_loop(song, band, rng, frames):
    """A recorded loop, played faster or slower to fill whole beats; None where that would bend it too far."""
    path = band.samples.loops[rng.integers(len(band.samples.loops))]
    wave = np.load(path).astype(np.float32) / 32768
    beats = len(wave) / RATE / song.beat
    whole = max(1, round(beats / song.metre)) * song.metre
    if not 0.75 < beats / whole < 1.3:
        return None, []
    size = int(whole * song.beat * RATE)
    wave = instruments.resample(wave, np.full(size, len(wave) / size), 10**9, 0)
    return np.tile(wave, (frames // size + 1, 1))[:frames], [f"{path.parent.name}/{path.stem}"]


def extras(song, band, rng, frames):
    """(group, wave, names) of what the train split adds: loops, textures and risers."""
    if band.samples is None:
        return
    genre = song.genre
    if "beats" in genre and rng.random() < (0.2 if genre.get("pump") or genre.get("swing") else 0.05):
        wave, names = drum_loop(song, band, rng, frames)
        if names:
            yield 0, level(wave, rng.uniform(-28, -21)), names
    if rng.random() < (0.45 if genre.get("slow") else 0.1):
        wave, names = textures(song, band, rng, frames)
        yield 1, level(wave, LEVELS["texture"] + rng.uniform(-4, 6)), names
    if genre.get("pump") and rng.random() < 0.35:
        starts = np.arange(1, song.phrases) * song.phrase * song.metre * song.beat
        yield 1, level(instruments.riser(frames, rng, starts, song.beat * song.metre), -30), ["riser"]


def room(sends, rng, size):
    """One reverberation for all: only what it adds, and cut off below."""
    board = [
        pedalboard.HighpassFilter(rng.uniform(80, 350)),
        pedalboard.Reverb(size, rng.uniform(0.2, 0.9), 1.0, 0.0, rng.uniform(0.6, 1.0)),
    ]
    return process(sends, board)


def limited(groups, ceiling):
    """The gain that keeps the sum and each group below `ceiling`, the same on both groups."""
    starts = np.arange(0, groups.shape[1], 64) * 2  # of blocks of 64 frames, both channels of which are one run
    loudest = [np.maximum.reduceat(np.abs(w).ravel(), starts) for w in (groups[0], groups[1], groups[0] + groups[1])]
    peak = np.max(loudest, 0)
    need = np.minimum(1.0, ceiling / np.maximum(peak, 1e-6))
    need = -maximum_filter1d(-need, 65)  # the least gain of 50 ms around, then smooth: it never comes late
    gain = np.repeat(uniform_filter1d(need, 33), 64)[: groups.shape[1]]
    return groups * gain[None, :, None].astype(np.float32)


def track(genre, band, rng):
    """A whole item: [2, frames, 2] float and its note."""
    song = arrangement.Song(genre, rng, band.samples is None)
    frames = int(song.seconds * RATE)
    groups, sends = np.zeros((2, frames, 2), np.float32), np.zeros((2, frames, 2), np.float32)
    kicks, names = [], []
    depth = rng.uniform(0.3, 0.9) if rng.random() < song.genre.get("pump", 0) else 0
    wet = rng.uniform(0.0, 0.5) + 0.3 * (genre in ("ambient", "church organ", "orchestral", "chamber"))
    for part in arrangement.parts(song):
        wave = mixed_part(song, part, band, rng, frames)
        if part["role"] == "drums":
            kicks = [n[0] for n in part["notes"] if n[2] == instruments.KICK]
        elif depth and part["role"] != "lead":
            wave = pumped(wave, kicks, depth)
        groups[part["group"]] += wave
        sends[part["group"]] += wave * np.float32(wet * rng.uniform(0, 1) * {"bass": 0.1, "drums": 0.4}.get(part["role"], 1))
        names.append(f"{part['role']}: {part['instrument'][0]} {part['instrument'][1]}")
    for group, wave, added in extras(song, band, rng, frames):
        groups[group] += wave
        names += added
    size = rng.uniform(0.1, 0.95)
    for group in (0, 1):
        if peak_of(sends[group]) > 1e-4:
            groups[group] += room(sends[group], rng, size)
    return finished(groups, rng), described(song, names)


def finished(groups, rng):
    """From quiet and dynamic to loud and limited, ends faded."""
    if not np.isfinite(groups).all() or peak_of(groups) < 1e-3:
        raise ValueError("no sound, or not finite")
    groups = groups / peak_of(groups[0] + groups[1])
    groups = limited(groups * np.float32(10 ** (rng.choice([0, rng.uniform(0, 6)]) / 20)), 0.93)
    groups *= np.float32(rng.choice([1.0, rng.uniform(0.3, 1.0)]))
    fade = np.linspace(0, 1, 441, dtype=np.float32)[:, None]
    groups[:, :441] *= fade
    groups[:, -441:] *= fade[::-1]
    return groups


def described(song, names):
    key = f"{arrangement.NAMES[song.key]} {song.scale_name}"
    return dict(bpm=round(song.bpm, 1), metre=song.metre, key=key, instruments=names)


# ---------------------------------------------------------------- command


def item(number, seed):
    """Makes item `number` unless it is there; its seconds and what went wrong, if anything did."""
    rng = sound.generator("backing", BAND.split, seed, number)
    weights = np.array([g["weight"] for g in arrangement.GENRES.values()], float)
    genre = str(rng.choice(list(arrangement.GENRES), p=weights / weights.sum()))
    path = BAND.work / "backing" / BAND.split / f"{genre.replace(' ', '-')}-{seed}-{number:05d}.npy"
    try:
        if path.exists():
            return sound.note(path)["frames"] / RATE, False, None
        groups, note = track(genre, BAND, rng)
        sound.save(path, groups, genre=genre, **note, font=BAND.path.name, groups=["rhythm", "tonal"])
        return groups.shape[1] / RATE, True, None
    except Exception:  # one bad item must not end a long run
        return 0.0, False, f"{path.name}: {traceback.format_exc(limit=-3)}"


def one(arguments):
    return item(*arguments)


def checked(parser, arguments):
    standard, package = FONTS[arguments.split]
    font = arguments.font or Path(standard)
    if not font.exists():
        parser.error(f"no soundfont at {font}: install the Debian package {package}, or give --font FILE")
    if arguments.split == "train" and not (arguments.work / "sound" / "samples").is_dir():
        parser.error(f"no recordings under {arguments.work}/sound/samples: run prepare.py first")
    return font


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("work"), help="where arrays are kept (default: work)")
    parser.add_argument("--split", choices=list(FONTS), default="train")
    parser.add_argument("--hours", type=float, required=True, help="how much there shall be, with what exists")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--font", type=Path, help="a General MIDI soundfont in place of the split's own")
    arguments = parser.parse_args()

    global BAND  # loaded once, before the processes fork: the soundfont's memory is shared
    BAND = Band(arguments.split, arguments.work, checked(parser, arguments))
    count = max(1, round(arguments.hours * 3600 / MEAN_SECONDS))
    begun, total, made, failed = time.time(), 0.0, 0.0, 0
    with multiprocessing.get_context("fork").Pool(arguments.jobs) as pool:
        for k, (seconds, new, error) in enumerate(pool.imap_unordered(one, [(n, arguments.seed) for n in range(count)]), 1):
            total, made, failed = total + seconds, made + seconds * new, failed + (error is not None)
            if error:
                print(f"left out {error}", file=sys.stderr, flush=True)
            if k % 20 == 0 or k == count:
                speed = made / (time.time() - begun)
                print(f"{k}/{count} items, {total / 3600:.2f} h, {failed} left out, {speed:.0f} times real time", flush=True)


if __name__ == "__main__":
    main()
