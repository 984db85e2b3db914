"""Makes the voices a separation network learns from: sung, rapped, spoken, whispered, doubled, stacked, with effects.

One module: an item is made by all of it in one worker process, in one fixed order of random numbers.

Recorded notes, syllables, phrases and text-to-speech are analysed once (WORK/voices/banks) and re-sung as new
singers. Item i of a split and a seed depends on these three alone, so a run can stop and go on at any time.
"""

import os

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"  # the pool is the parallelism

import argparse
import functools
import multiprocessing
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import soxr

import resing
import sound as disk
from banks import (
    GROUP_NOTES,
    HELDOUT_TTS,
    SONGS,
    SPEECH,
    TRAIN_NOTES,
    TRAIN_TTS,
    bank,
    build,
    files,
    mono,
)
from effects import FULL, treated
from sound import RATE

SHORTEST, LONGEST = 10.0, 16.0  # seconds per item
ACTIVE = 0.6  # the least part of an item that sounds

# Style: (weight in train, weight in held-out). Recordings are not in held-out: its voices are one bank and three TTS.
WEIGHTS = {
    "lead": (15, 20),  # one singer, notes or syllables, man or woman
    "child": (5, 5),  # formants and pitch up
    "falsetto": (5, 4),  # high, soft, breathy
    "belt": (5, 4),  # loud, bright, pressed
    "growl": (3, 3),  # jitter, subharmonic, drive
    "whisper": (4, 3),  # no f0, or nearly none
    "autotune": (6, 6),  # f0 in steps
    "rap": (8, 10),  # near-spoken pitch on a grid, dry, compressed
    "speech": (4, 5),  # announcements, spoken intros
    "text": (7, 10),  # text-to-speech sung: real words
    "song": (10, 0),  # phrases of a real singer as another singer
    "double": (6, 8),  # two or three takes, wide
    "harmony": (6, 8),  # two to four parts
    "stack": (9, 10),  # four to nine wide wet layers on long vowels: most easily taken for a pad
    "backing": (4, 4),  # ooh and aah far behind
    "choir": (6, 0),  # real choir recordings, panned
    "solo": (5, 0),  # real solo recordings, treated
}
CHOIRS = [
    "stems/csd-nino-dios",
    "singing/cantoria-chouteau",
    "singing/csd-rossinyol",
    "singing/cantoria",
    "singing/choir-soundfont",
]
SOLOS = [
    "singing/vocadito",
    "singing/vocalset",
    "singing/sms-tools",
    "singing/basic-pitch-ts",
    "stems/csd-nino-dios",
    "everything-is-free",
]


# ---- the parts of an item -------------------------------------------------------------------------------------------


class Maker:
    """What a style needs: the generator, the length, and the banks of the split."""

    def __init__(self, work, split, rng):
        self.work, self.rng, self.seconds = work, rng, rng.uniform(SHORTEST, LONGEST)
        train = split == "train"
        self.notes = TRAIN_NOTES if train else {"iona": 1}
        self.groups = GROUP_NOTES if train else {"iona": 1}
        self.tts = TRAIN_TTS if train else HELDOUT_TTS
        self.speech = {**{name: 3 * weight for name, weight in SPEECH.items()}, **self.tts} if train else self.tts

    def u(self, low, high):
        return float(self.rng.uniform(low, high))

    def draw(self, weights):
        """The bank of a name drawn by weight."""
        weight = np.array(list(weights.values()), float)
        return bank(self.work, list(weights)[self.rng.choice(len(weight), p=weight / weight.sum())])

    def voice(self, **changes):
        """A singer: formant shift, breathiness, tilt, and how a narrow band is extended."""
        return {
            "formant": self.u(0.84, 1.2),
            "breath": self.u(0.5, 1.5),
            "tilt": self.u(-2.5, 2),
            "slope": self.u(1.6, 3.2),
            "noise": self.u(0.5, 0.95),
            **changes,
        }


def order_of(rng, source, notes, formant):
    """Which unit sings each note: of nearby pitch where the bank has many pitches; now and then a few syllables only."""
    wanted = np.array([pitch for *_, pitch in notes]) - 12 * np.log2(formant)
    count = len(source["units"])
    near = [np.argsort(np.abs(source["pitch"] - pitch) + rng.uniform(0, 6, count))[: max(3, count // 6)] for pitch in wanted]
    wide = np.ptp(source["pitch"]) > 9
    order = [int(rng.choice(some)) if wide else int(rng.integers(count)) for some in near]
    if rng.random() < 0.25:  # la-la-la
        order = [order[k % int(rng.integers(2, 5))] if len(order) > 4 else order[k] for k in range(len(order))]
    return order


def centre_for(m, source, voice):
    """A pitch that suits the bank and the formant shift."""
    return float(np.clip(np.median(source["pitch"]) + 24 * np.log2(voice["formant"]) + m.u(-6, 6), 43, 79))


def tune_for(m, source, voice, up=0.0, pace=None, reach=8.0):
    """A melody and the units that sing it."""
    pace = pace or m.rng.choice(["short", "mixed", "mixed", "long"])
    notes = resing.melody(m.rng, m.seconds, centre_for(m, source, voice) + up, reach, pace)
    return notes, order_of(m.rng, source, notes, voice["formant"])


def level_to(sound, rms=0.1):
    """Scales so that what sounds has the given RMS."""
    power = sound.astype(np.float64) ** 2
    loud = power[power > 1e-4 * power.max()] if power.any() else power
    return (sound * (rms / np.sqrt(loud.mean() + 1e-12))).astype(np.float32)


def shifted(rng, notes, spread, interval=0):
    """The same notes by another singer: slightly early or late, and `interval` semitones away."""
    return [(max(0.0, start + rng.normal(0, spread)), length, pitch + interval) for start, length, pitch in notes]


def third(notes, interval):
    """A part in parallel that stays in the melody's own scale, `interval` scale steps away."""
    scale = sorted({int(pitch) % 12 for *_, pitch in notes})
    ladder = [12 * octave + step for octave in range(11) for step in scale]
    return [
        (start, length, ladder[int(np.clip(ladder.index(int(pitch)) + interval, 0, len(ladder) - 1))])
        for start, length, pitch in notes
    ]


def layers_of(m, source, voice, notes, order, count, spread=0.02, cents=0.12, formant=0.04, way=None):
    """Several takes of one line: [(sound, pan)], each with its own timing, tuning, throat and vibrato."""
    takes = []
    for k in range(count):
        own = {**voice, "formant": voice["formant"] * m.u(1 - formant, 1 + formant)}
        manner = resing.manner(m.rng, **{**(way or {}), "detune": m.u(-cents, cents)})
        pan = 0.0 if count == 1 else (2 * k / (count - 1) - 1) * m.u(0.6, 1)
        sound = resing.sing(m.rng, source, shifted(m.rng, notes, spread), order, m.seconds, own, manner)
        takes.append((level_to(sound), pan))
    return takes


def spliced(m, make, gap=(0.15, 0.9)):
    """Phrases one after another, with gaps, until the item is full. `make` gives one phrase's sound."""
    out, at = np.zeros(int(m.seconds * RATE), np.float32), int(m.u(0, 0.4) * RATE)
    while at < len(out) - RATE:
        part = level_to(make())[: len(out) - at]
        ramp = min(441, len(part) // 2)
        part[:ramp] *= np.linspace(0, 1, ramp, dtype=np.float32)
        part[len(part) - ramp :] *= np.linspace(1, 0, ramp, dtype=np.float32)
        out[at : at + len(part)] += part
        at += len(part) + int(m.u(*gap) * RATE)
    return out


def phrase(m, source):
    """One phrase of a bank: f0, envelope, rough, and the band of the recording it is from."""
    which = m.rng.integers(len(source["units"]))
    start, end, *_ = source["units"][which]
    return source["f0"][start:end], source["envelope"][start:end], source["rough"][start:end], source["bands"][which]


def respoken(m, source, voice, transpose, bend=1.0, speed=1.0):
    """A phrase as it was, transposed; `bend` scales its intonation."""
    f0, envelope, rough, band = phrase(m, source)
    index = np.minimum((np.arange(int(len(f0) / speed)) * speed).astype(int), len(f0) - 1)
    middle = np.median(f0[f0 > 0])
    new = np.where(f0 > 0, middle * (np.maximum(f0, 1) / middle) ** bend * 2 ** (transpose / 12), 0)[index]
    if voice.get("voiceless"):
        new = np.zeros(len(index))
    return resing.synthesise(new, envelope[index], rough[index], np.ones(len(index)), band, voice)


def sung_text(m, source, voice, centre, way):
    """A spoken line sung: voiced runs stretched, a note or several for each."""
    f0, envelope, rough, band = phrase(m, source)
    index = resing.timeline(m.rng, f0 > 0, m.u(1.4, 3.2), 0)[: int(9 * resing.FRAMES)]
    voiced = f0[index] > 0
    notes = resing.tune(m.rng, voiced, centre, 8, m.u(0.18, 0.5))
    pitch, level = resing.contour(m.rng, notes, len(index), way)
    level = np.where(level > 0, np.clip(level + 0.35, 0, 1), 0.9)
    pitch = np.zeros(len(index)) if voice.get("voiceless") else pitch * voiced
    return resing.synthesise(pitch, envelope[index], rough[index], level, band, voice)


def rapped(m, source, voice, base, grid):
    """A spoken line on a grid of sixteenths, its intonation flattened around a few near-spoken pitches."""
    f0, envelope, rough, band = phrase(m, source)
    index = resing.timeline(m.rng, f0 > 0, m.u(0.75, 1.15), grid, pause=18)
    voiced = f0[index] > 0
    own = 12 * np.log2(np.maximum(f0, 1) / np.median(f0[f0 > 0]))
    pitch = base + m.u(0.2, 0.7) * np.clip(own[index], -6, 6)
    for a, b, sung in resing.runs(voiced):
        if sung:
            pitch[a:b] += m.rng.choice([0, 0, 0, 2, -2, 3, -3, 5]) + np.linspace(0.6, -0.6, b - a)
    level = np.ones(len(index))
    return resing.synthesise(resing.hertz(pitch) * voiced, envelope[index], rough[index], level, band, voice)


def recording(m, path, seconds, speed=1.0, at=None):
    """A piece of a recording, mono, played at another speed (pitch and formants move together)."""
    frames = np.load(path, mmap_mode="r")
    need = int(seconds * speed * RATE)
    start = int((m.rng.random() if at is None else at) * max(0, len(frames) - need))
    piece = frames[start : start + need].astype(np.float32).mean(1) / 32768.0
    return piece if speed == 1.0 else soxr.resample(piece, RATE * speed, RATE).astype(np.float32)


@functools.lru_cache(maxsize=None)
def band_of(path):
    """The band of a whole recording: a piece of it may just be dark."""
    return resing.band_limit(mono(path))


# ---- styles: each gives ([(mono, pan)], note) -----------------------------------------------------------------------


def sung_style(m, voice, up=0.0, pace=None, **way):
    """One singer from a bank of notes."""
    source = m.draw(m.notes)
    notes, order = tune_for(m, source, voice, up, pace)
    sound = resing.sing(m.rng, source, notes, order, m.seconds, voice, resing.manner(m.rng, **way))
    return [(level_to(sound), m.u(-0.1, 0.1))], {"source": source["name"]}


def lead(m):
    return sung_style(m, m.voice())


def child(m):
    return sung_style(m, m.voice(formant=m.u(1.2, 1.45), tilt=m.u(-1, 2)), m.u(-1, 4), vibrato=m.u(0, 0.25))


def falsetto(m):
    return sung_style(m, m.voice(tilt=m.u(-5, -2.5), breath=m.u(1.2, 2.4)), m.u(6, 12))


def belt(m):
    voice = m.voice(tilt=m.u(1.5, 4), breath=m.u(0.4, 0.8))
    layers, note = sung_style(m, voice, m.u(3, 7), vibrato=m.u(0.3, 1.0))
    return layers, {**note, "drive": m.u(3, 9)}


def growl(m):
    """A rough voice: jitter, and the same line an octave down below it as a subharmonic."""
    source, voice = m.draw(m.notes), m.voice(tilt=m.u(-1, 3), jitter=m.u(0.15, 0.5))
    notes, order = tune_for(m, source, voice, m.u(-3, 3))
    way, low = resing.manner(m.rng), shifted(m.rng, notes, 0, -12)
    sound = level_to(resing.sing(m.rng, source, notes, order, m.seconds, voice, way))
    under = level_to(resing.sing(m.rng, source, low, order, m.seconds, voice, way))
    return [(sound + m.u(0.2, 0.6) * under, 0.0)], {"source": source["name"], "drive": m.u(6, 20)}


def whisper(m):
    """Whispered text, or a singer with far more breath than tone."""
    voice = m.voice(breath=m.u(2.5, 6), tilt=m.u(-1, 2))
    if m.rng.random() < 0.4:
        return sung_style(m, voice)
    source = m.draw(m.speech)
    voice["voiceless"] = True
    return [(spliced(m, lambda: respoken(m, source, voice, 0, speed=m.u(0.7, 1))), 0.0)], {"source": source["name"]}


def autotune(m):
    way = resing.manner(m.rng, hard=True, drift=0.0)
    voice = m.voice(breath=m.u(0.5, 0.9))
    if m.rng.random() < 0.5:
        return sung_style(m, voice, m.u(-3, 6), m.rng.choice(["short", "mixed"]), hard=True)
    source = m.draw(m.tts)
    centre = m.u(50, 70)
    return [(spliced(m, lambda: sung_text(m, source, voice, centre, way)), 0.0)], {"source": source["name"]}


def rap(m):
    source, voice = m.draw(m.speech), m.voice(breath=m.u(0.5, 1.0), tilt=m.u(-1, 2.5))
    base = centre_for(m, source, voice)
    grid = resing.FRAMES * 60 / m.u(75, 105) / 4
    sound = spliced(m, lambda: rapped(m, source, voice, base, grid), (0.05, 0.4))
    layers = [(sound, 0.0)]
    if m.rng.random() < 0.3:  # the doubled ends of rap: the same again, late, aside
        late = np.concatenate([np.zeros(int(m.u(0.015, 0.03) * RATE), np.float32), sound])[: len(sound)]
        layers += [(0.4 * late, m.rng.choice([-1.0, 1.0]))]
    return layers, {"source": source["name"], "dry": True}


def speech(m):
    source, voice = m.draw(m.speech), m.voice(tilt=m.u(-1, 1), breath=m.u(0.8, 1.2))
    shift = 18 * np.log2(voice["formant"]) + m.u(-2, 2)
    sound = spliced(m, lambda: respoken(m, source, voice, shift, m.u(0.7, 1.4), m.u(0.85, 1.15)))
    return [(sound, m.u(-0.3, 0.3))], {"source": source["name"], "dry": m.rng.random() < 0.6}


def text(m):
    source, voice, way = m.draw(m.tts), m.voice(), resing.manner(m.rng)
    centre = m.u(48, 74)
    return [(spliced(m, lambda: sung_text(m, source, voice, centre, way)), m.u(-0.1, 0.1))], {"source": source["name"]}


def song(m):
    """A real singer's phrases with another throat: timing, portamento and vibrato stay real."""
    source, voice = m.draw(SONGS), m.voice(breath=m.u(0.7, 1.5), tilt=m.u(-2, 2))
    shift = float(np.clip(20 * np.log2(voice["formant"]) + m.u(-4, 4), -8, 9))
    state = m.rng.bit_generator.state
    layers = []
    for pan in [0.0] if m.rng.random() < 0.7 else [-0.8, 0.8]:  # a pair sings the same phrases
        m.rng.bit_generator.state = state
        own = {**voice, "formant": voice["formant"] * (1 + 0.03 * pan)}
        sound = spliced(m, lambda: respoken(m, source, own, shift + 0.08 * pan), (0.1, 0.7))
        late = np.zeros(int(0.02 * (1 + pan) * RATE) if pan else 0, np.float32)
        layers.append((np.concatenate([late, sound])[: len(sound)], pan))
    return layers, {"source": source["name"]}


def double(m):
    source, voice = m.draw(m.notes), m.voice()
    notes, order = tune_for(m, source, voice)
    wide = layers_of(m, source, voice, notes, order, 2)
    middle = layers_of(m, source, voice, notes, order, 1) if m.rng.random() < 0.6 else []
    quiet = m.u(0.3, 1.0) if middle else 1.0
    return middle + [(quiet * sound, pan) for sound, pan in wide], {"source": source["name"]}


def harmony(m):
    """The lead and one to three parts in its scale."""
    source, voice = m.draw(m.notes), m.voice()
    notes, order = tune_for(m, source, voice, reach=7)
    layers = layers_of(m, source, voice, notes, order, 1)
    for steps in m.rng.choice([2, 4, -2, -3, 7, -5], int(m.rng.integers(1, 4)), replace=False):
        part = layers_of(m, source, voice, third(notes, int(steps)), order, 1)[0][0]
        layers.append((m.u(0.3, 0.9) * part, m.u(-0.9, 0.9)))
    return layers, {"source": source["name"]}


def stack(m):
    """Four to nine layers over long vowels, chord by chord: wide, wet, no consonant to give it away."""
    source, voice = m.draw(m.groups), m.voice(breath=m.u(0.6, 1.6))
    notes, order = tune_for(m, source, voice, m.u(-2, 4), m.rng.choice(["pad", "pad", "long"]), 6)
    chord = [[0], [0, 2], [0, 2, 4], [0, 4, 7], [0, 2, 4, -3], [0, -7]][m.rng.integers(6)]
    count, layers = int(m.rng.integers(4, 10)), []
    if m.rng.random() < 0.5:
        order = [order[0]] * len(order)  # one vowel all along
    for k in range(count):
        line = third(notes, chord[k % len(chord)])
        sound = layers_of(m, source, voice, line, order, 1, 0.03, 0.15, 0.06, {"vibrato": m.u(0, 0.6)})[0][0]
        layers.append((m.u(0.5, 1) * sound, float(np.clip(2 * k / (count - 1) - 1 + m.u(-0.2, 0.2), -1, 1))))
    return layers, {"source": source["name"], "wet": True, "layers": count}


def backing(m):
    """Ooh and aah behind a lead that is not there."""
    source, voice = m.draw(m.groups), m.voice(breath=m.u(0.9, 2), tilt=m.u(-4, 0))
    notes, order = tune_for(m, source, voice, 2, "long", 5)
    order = [order[0]] * len(order)
    layers = layers_of(m, source, voice, notes, order, 2)
    for steps in m.rng.choice([2, 4, -3], int(m.rng.integers(1, 3)), replace=False):
        layers += layers_of(m, source, voice, third(notes, int(steps)), order, 1)
    return [(sound, pan or m.u(-1, 1)) for sound, pan in layers], {"source": source["name"], "wet": m.rng.random() < 0.6}


def choir(m):
    """Real choir singers, as many as drawn, panned to their places."""
    folder = CHOIRS[m.rng.choice(len(CHOIRS), p=[0.6, 0.07, 0.08, 0.15, 0.1])]
    paths = files(m.work, folder, "")
    if "csd" in folder or "chouteau" in folder:  # aligned singers of one take
        takes = sorted({path.stem.rsplit("_voice", 1)[0] if "voice" in path.stem else "" for path in paths})
        paths = [path for path in paths if path.stem.startswith(takes[m.rng.integers(len(takes))])]
        paths = list(m.rng.permutation(paths)[: int(m.rng.integers(min(3, len(paths)), min(12, len(paths)) + 1))])
    else:
        paths = [paths[m.rng.integers(len(paths))]]
    speed, at = m.u(0.9, 1.12), m.rng.random()
    layers = [(m.u(0.5, 1) * tiled(m, recording(m, path, m.seconds, speed, at)), m.u(-1, 1)) for path in paths]
    band = min(band_of(path) for path in paths) / speed
    return layers, {"source": folder.split("/")[1], "wet": m.rng.random() < 0.6, "band": band}


def tiled(m, piece):
    """A piece shorter than the item, again after a breath until the item is full."""
    piece, need = level_to(piece), int(m.seconds * RATE)
    ramp = np.linspace(0, 1, 441, dtype=np.float32)
    piece[:441] *= ramp
    piece[-441:] *= ramp[::-1]
    if len(piece) > 0.97 * need:
        return piece[:need]
    piece = np.concatenate([piece, np.zeros(RATE // 4, np.float32)])
    return np.tile(piece, need // len(piece) + 1)[:need]


def solo(m):
    """A real solo recording: other speed, own effects."""
    folder = SOLOS[m.rng.integers(len(SOLOS))]
    paths = files(m.work, folder, "lead" if folder == "everything-is-free" else "^(?!soprano-E4)")
    path, speed = paths[m.rng.integers(len(paths))], m.u(0.88, 1.14)
    tries = [recording(m, path, m.seconds, speed) for _ in range(3)]
    piece = max(tries, key=busy)  # songs rest for long
    return [(tiled(m, piece), m.u(-0.15, 0.15))], {"source": folder.split("/")[-1], "band": band_of(path) / speed}


STYLES = {name: globals()[name] for name in WEIGHTS}


# ---- items ----------------------------------------------------------------------------------------------------------


def busy(sound):
    """The part of 50 ms frames within 40 dB of the loud ones."""
    hop = RATE // 20
    mixed = sound if sound.ndim == 1 else sound.mean(1)
    level = np.sqrt((mixed[: len(mixed) // hop * hop].reshape(-1, hop) ** 2).mean(1))
    return float((level > np.percentile(level, 95) * 0.01).mean()) if level.any() else 0.0


def attempt(work, split, style, rng):
    """One try at an item: (stereo, note), or None if it is silent for too long."""
    m = Maker(work, split, rng)
    layers, note = STYLES[style](m)
    dry = sum(sound[: min(len(s) for s, _ in layers)] for sound, _ in layers)
    part = busy(dry)
    if part < ACTIVE:
        return None
    out = treated(m, layers, note)
    band = note.pop("band", FULL)
    return out, {
        **note,
        "band_hz": FULL if band >= 17_000 else band,
        "mono": bool(np.abs(out[:, 0] - out[:, 1]).max() < 1e-4),
        "active": round(part, 2),
        "voices": len(layers),
    }


def style_of(split, rng):
    """The style of an item."""
    weight = np.array([pair[split != "train"] for pair in WEIGHTS.values()], float)
    return list(WEIGHTS)[rng.choice(len(weight), p=weight / weight.sum())]


def item(job):
    """Makes item i unless it is there; gives its seconds and, if it failed, why."""
    work, split, seed, i = job
    rng = disk.generator("voices", split, seed, i)
    style = style_of(split, rng)
    path = work / "voices" / split / f"{style}-{seed}-{i:05d}.npy"
    try:
        if path.exists():
            return disk.note(path)["frames"] / RATE, None
        for _ in range(8):
            made = attempt(work, split, style, rng)
            if made is not None:
                disk.save(path, made[0], style=style, **made[1])
                return len(made[0]) / RATE, None
        return 0.0, f"{path.name}: silent for too long"
    except Exception:
        return 0.0, f"{path.name}: {traceback.format_exc(limit=-3)}"


def try_build(job):
    """Builds one bank; gives why it failed, if it did."""
    try:
        build(*job)
    except Exception as reason:
        return f"bank {job[1]}: {reason}"
    return None


def names_of(split):
    """The banks a split uses: a held-out voice is never in train, nor the other way round."""
    return ["iona", *HELDOUT_TTS] if split != "train" else list({**TRAIN_NOTES, **GROUP_NOTES, **SONGS, **SPEECH, **TRAIN_TTS})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder with sound/ (from prepare.py); voices/ is made in it")
    parser.add_argument("--split", choices=["train", "heldout"], default="train")
    parser.add_argument("--hours", type=float, required=True, help="about this many hours in all, those that exist included")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not (options.work / "sound").is_dir():
        sys.exit(f"{options.work / 'sound'} is missing: run prepare.py first")
    count = int(np.ceil(options.hours * 3600 / ((SHORTEST + LONGEST) / 2)))
    begun, made = time.time(), 0.0
    with multiprocessing.Pool(options.jobs) as pool:
        for failure in pool.imap_unordered(try_build, [(options.work, name) for name in names_of(options.split)]):
            if failure:
                print(failure, file=sys.stderr, flush=True)
        print(f"banks ready after {time.time() - begun:.0f} s", flush=True)
        begun = time.time()
        jobs = [(options.work, options.split, options.seed, i) for i in range(count)]
        for done, (seconds, failure) in enumerate(pool.imap_unordered(item, jobs), 1):
            made += seconds
            if failure:
                print(failure, file=sys.stderr, flush=True)
            if done % 20 == 0 or done == count:
                speed = made / (time.time() - begun)
                print(f"{done}/{count} items, {made / 3600:.2f} h, {speed:.1f} x realtime", flush=True)


if __name__ == "__main__":
    main()
