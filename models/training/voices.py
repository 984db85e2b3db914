"""Makes the voices a separation network learns from: sung, rapped, spoken, whispered, doubled, stacked, with effects.

Recorded notes, syllables, phrases and text-to-speech are analysed once (WORK/voices/banks) and re-sung as new
singers. Item i of a split and a seed depends on these three alone, so a run can stop and go on at any time.
"""

import os

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"  # the pool is the parallelism

import argparse
import functools
import multiprocessing
import re
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np
import pedalboard as fx
import soxr
from scipy.signal import fftconvolve

import resing
import sound as disk
from sound import RATE

SHORTEST, LONGEST = 10.0, 16.0  # seconds per item
FULL = 22_050.0
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

# Banks of single notes and syllables: (folder under WORK/sound, pattern of names).
NOTES = {
    "erithacus": ("notes/erithacus", ""),
    "vocobox": ("notes/vocobox-martin", "^(?!.*(ko|bended|instable))"),
    "claudia": ("notes/spectmorph-claudia", ""),
    "mirko": ("notes/spectmorph-mirko", ""),
    "sven": ("notes/spectmorph-sven", ""),
    "vocalset-f": ("notes/vocalset-loops", "^f_"),
    "vocalset-m": ("notes/vocalset-loops", "^m_"),
    "olpc-woman": ("notes/olpc-berklee", "^femalevoice_"),
    "olpc-man": ("notes/olpc-berklee", "^malevoice_"),
    "olpc-women": ("notes/olpc-berklee", "^femalevoices_"),
    "olpc-men": ("notes/olpc-berklee", "^malevoices_"),
    "iona": ("held-out/utsu-iona", "^(?!breath)"),
}
# How often a bank is drawn: syllables carry the consonants, loops of half a second say little.
TRAIN_NOTES = {"erithacus": 5, "vocobox": 3, "claudia": 3, "mirko": 3, "sven": 2, "vocalset-f": 1.5, "vocalset-m": 1.5,
               "olpc-woman": 1.5, "olpc-man": 1.5}
GROUP_NOTES = {"olpc-women": 1, "olpc-men": 1, "claudia": 1, "mirko": 1, "sven": 1, "erithacus": 2, "vocobox": 1,
               "olpc-woman": 1, "olpc-man": 1}
# Banks of phrases cut from recordings: (folder, pattern).
PHRASES = {
    "song-1": ("everything-is-free", r"^1\..*lead"),
    "song-2": ("everything-is-free", r"^2\..*lead"),
    "song-3": ("everything-is-free", r"^3\..*lead"),
    "song-4": ("everything-is-free", r"^4\..*lead"),
    "song-6": ("everything-is-free", r"^6\..*lead"),
    "song-7": ("everything-is-free", r"^7\..*lead"),
    "vocadito": ("singing/vocadito", ""),
    "vocalset": ("singing/vocalset", ""),
    "sms-singing": ("singing/sms-tools", "female|vignesh"),
    "basic-pitch": ("singing/basic-pitch-ts", ""),
    "arctic": ("speech/cmu-arctic", ""),
    "libri": ("speech/librosa-data", ""),
    "rtvc": ("speech/rtvc-samples", ""),
    "sms-speech": ("speech/sms-tools", ""),
    "vocalset-speech": ("speech/vocalset", ""),
}
SONGS = {"song-1": 1, "song-2": 1, "song-3": 1, "song-4": 1, "song-6": 1, "song-7": 1, "vocadito": 1.2, "vocalset": 1.2,
         "sms-singing": 0.5, "basic-pitch": 0.4}
SPEECH = {"arctic": 1, "libri": 2, "rtvc": 2, "sms-speech": 0.7, "vocalset-speech": 0.7}
# Text-to-speech voices: program and voice.
TTS = {f"tts-{engine}-{name}": (engine, name) for engine, name in [
    ("flite", "awb"), ("flite", "rms"), ("flite", "kal16"), ("espeak", "en-us"), ("espeak", "en-gb+m3"),
    ("espeak", "en-us+f2"), ("espeak", "en-us+f4"), ("espeak", "fr+f3"), ("espeak", "es+m1"), ("espeak", "it+m5"),
    ("espeak", "de+f5"), ("espeak", "sv+f1"), ("espeak", "en-us+klatt4"), ("espeak", "ja+anika"),
    ("espeak", "pl+Alicia"), ("espeak", "pt-br+Diogo"), ("flite", "slt"), ("espeak", "en-us+f3"), ("espeak", "pt+m7")]}
HELDOUT_TTS = {"tts-flite-slt": 2, "tts-espeak-en-us+f3": 1, "tts-espeak-pt+m7": 1}
TRAIN_TTS = {name: 2 if "flite" in name else 1 for name in TTS if name not in HELDOUT_TTS}
CHOIRS = ["stems/csd-nino-dios", "singing/cantoria-chouteau", "singing/csd-rossinyol", "singing/cantoria",
          "singing/choir-soundfont"]
SOLOS = ["singing/vocadito", "singing/vocalset", "singing/sms-tools", "singing/basic-pitch-ts", "stems/csd-nino-dios",
         "everything-is-free"]

WORDS = """love night day heart dream fire river moon tonight forever baby you me we are running falling through the light
of every morning never gonna let it go away hold on shine rain summer road home stars sky ocean world tell me why say my
name feel alive dance with somebody and I know that there is something in the way you move burning bright like diamonds
under water golden shadow whisper silence calling over mountain wild young free time stay lonely broken mirror remember
yesterday tomorrow street city money rhythm crazy people jump back talk check stop listen kick the beat mama brother
sister little big black white seven angels cherry paper pocket thunder vision zero question yellow jacket chance""".split()


# ---- banks ----------------------------------------------------------------------------------------------------------


def mono(path, most=None):
    """A decoded recording as mono float, its start only if `most` seconds are given."""
    frames = np.load(path, mmap_mode="r")
    frames = frames if most is None else frames[: int(most * RATE)]
    return frames.astype(np.float32).mean(1) / 32768.0


def files(work, folder, pattern):
    """The decoded recordings of a folder whose names match."""
    return sorted(path for path in (work / "sound" / folder).glob("*.npy") if re.search(pattern, path.stem))


def unit_of(f0, envelope):
    """Start, end, onset and vowel of a sung note, or None: onset is where voicing starts, vowel where it is steady."""
    level, voiced = resing.loudness(envelope), np.flatnonzero(f0 > 0)
    if len(voiced) < 24:
        return None
    loud = np.flatnonzero(level > level.max() - 32)
    start, onset, end = max(0, loud[0] - 4), voiced[0], min(voiced[-1], loud[-1])
    vowel = min(onset + 14, end - 8)
    if end - vowel < 8 or vowel <= start:
        return None
    return int(min(start, onset)), int(end), int(onset), int(vowel)


def note_units(work, folder, pattern, longest=2.2, most=90):
    """Analyses single notes: yields (f0, envelope, aperiodicity, unit, band)."""
    paths = files(work, folder, pattern)
    for path in paths[:: max(1, len(paths) // most)]:
        voice = mono(path, longest)
        if np.abs(voice).max() < 1e-3:
            continue
        f0, envelope, rough = resing.analyse(voice)
        unit = unit_of(f0, envelope)
        if unit is not None:
            # Vowels of one level: the melody's own dynamics decide.
            envelope = envelope - np.float16(resing.loudness(envelope[unit[3] : unit[1]]).mean() / 4.343)
            yield f0, envelope, rough, unit, resing.band_limit(voice)


def cut(voice, shortest=1.2, longest=7.0, gap=0.35):
    """Phrases of a recording: stretches louder than 35 dB below its peak level, split at silences."""
    hop = RATE // 50
    level = np.sqrt((voice[: len(voice) // hop * hop].reshape(-1, hop) ** 2).mean(1) + 1e-12)
    loud = np.convolve(level > np.percentile(level, 99) * 10 ** (-35 / 20), np.ones(int(gap * 50)), "same") > 0
    for a, b, sounding in resing.runs(loud):
        pieces = int(np.ceil((b - a) / 50 / longest))
        if sounding and (b - a) / 50 >= shortest:
            for k in range(pieces):
                yield voice[(a + (b - a) * k // pieces) * hop : (a + (b - a) * (k + 1) // pieces) * hop]


def phrase_units(voices, most):
    """Analyses phrases up to `most` seconds, taken evenly over what there is."""
    phrases = [(phrase, resing.band_limit(voice)) for voice in voices for phrase in cut(voice)]
    step = max(1.0, sum(len(phrase) for phrase, _ in phrases) / RATE / most)
    for which in np.unique((np.arange(0, len(phrases), step)).astype(int)):
        phrase, band = phrases[which]
        f0, envelope, rough = resing.analyse(phrase / (np.abs(phrase).max() + 1e-9) * 0.7)
        if (f0 > 0).mean() > 0.2:
            level = resing.loudness(envelope)
            yield f0, envelope - np.float16(np.percentile(level, 90) / 4.343), rough, (0, len(f0), 0, 0), band


def say(engine, voice, text, speed=150, pitch=50):
    """Text to speech: mono at 44.1 kHz."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as out:
        command = (["flite", "-voice", voice, "-t", text, "-o", out.name] if engine == "flite" else
                   ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", out.name, text])
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        return disk.read(out.name).mean(1)


def tts_voices(name, count=10):
    """Lines of random words spoken by one text-to-speech voice."""
    engine, voice = TTS[name]
    for line in range(count):
        rng = disk.generator("text", name, line)
        text = " ".join(rng.choice(WORDS, int(rng.integers(8, 16))))
        yield say(engine, voice, text, int(rng.integers(120, 170)), int(rng.integers(25, 75)))


def units(work, name):
    """The analysed units of a bank."""
    if name in NOTES:
        return note_units(work, *NOTES[name])
    if name in TTS:
        return phrase_units(tts_voices(name), 60)
    folder, pattern = PHRASES[name]
    return phrase_units((mono(path) for path in files(work, folder, pattern)), 75)


def build(work, name):
    """Analyses a bank and writes it whole, unless it is there."""
    path = work / "voices" / "banks" / f"{name}.npz"
    if path.exists():
        return
    found = list(units(work, name))
    if not found:
        raise ValueError(f"bank {name}: no voice found under {work / 'sound'}")
    offsets = np.cumsum([0] + [len(f0) for f0, *_ in found])[:-1]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with open(partial, "wb") as file:
        np.savez(file, f0=np.concatenate([u[0] for u in found]), envelope=np.concatenate([u[1] for u in found]),
                 rough=np.concatenate([u[2] for u in found]), bands=np.array([u[4] for u in found]),
                 units=np.array([np.array(u[3]) + offset for u, offset in zip(found, offsets)]))
    partial.rename(path)


@functools.lru_cache(maxsize=None)
def bank(work, name):
    """A bank: f0, envelope, rough (frames), units (start, end, onset, vowel), band, and the units' pitch in MIDI."""
    build(work, name)
    with np.load(work / "voices" / "banks" / f"{name}.npz") as stored:
        frames = {key: stored[key] for key in stored.files}
    pitches = []
    for start, end, *_ in frames["units"]:
        f0 = frames["f0"][start:end]
        pitches.append(resing.semitones(np.median(f0[f0 > 0])))
    return {**frames, "band": float(np.median(frames["bands"])), "pitch": np.array(pitches), "name": name}


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
        return {"formant": self.u(0.84, 1.2), "breath": self.u(0.5, 1.5), "tilt": self.u(-2.5, 2),
                "slope": self.u(1.6, 3.2), "noise": self.u(0.5, 0.95), **changes}


def order_of(rng, source, notes, formant):
    """Which unit sings each note: of nearby pitch where the bank has many pitches; now and then a few syllables only."""
    wanted = np.array([pitch for *_, pitch in notes]) - 12 * np.log2(formant)
    count = len(source["units"])
    near = [np.argsort(np.abs(source["pitch"] - pitch) + rng.uniform(0, 6, count))[: max(3, count // 6)]
            for pitch in wanted]
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
    return [(start, length, ladder[int(np.clip(ladder.index(int(pitch)) + interval, 0, len(ladder) - 1))])
            for start, length, pitch in notes]


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


# ---- effects --------------------------------------------------------------------------------------------------------


def colour(m, note):
    """What every voice goes through: high-pass, EQ, a shelf that tames s, compression, saturation."""
    chain = [fx.HighpassFilter(m.u(60, 160))]
    for low, high, down, up in ((200, 600, -5, 2), (1800, 5000, -2, 6)):
        if m.rng.random() < 0.7:
            chain.append(fx.PeakFilter(m.u(low, high), m.u(down, up), m.u(0.4, 1.2)))
    if m.rng.random() < 0.7:
        chain.append(fx.HighShelfFilter(m.u(6000, 11000), m.u(-5, 4.5)))
    if m.rng.random() < 0.85 or note.get("dry"):
        chain.append(fx.Compressor(m.u(-34, -18), m.u(2.5, 8), m.u(1, 15), m.u(40, 200)))
    drive = note.get("drive", m.u(4, 16) if m.rng.random() < 0.12 else 0)
    if drive and not note.get("band"):  # its harmonics would lie above a narrow band
        chain.append(fx.Distortion(drive))
    if m.rng.random() < 0.05:
        note["telephone"] = True
        chain += [fx.HighpassFilter(m.u(300, 500)), fx.HighpassFilter(350), fx.LowpassFilter(m.u(2800, 4000)),
                  fx.LowpassFilter(3500)]
    return fx.Pedalboard(chain)


def panned(layers, board):
    """Layers through the same chain, each to its place: constant power."""
    out = np.zeros((max(len(sound) for sound, _ in layers), 2), np.float32)
    for sound, pan in layers:
        angle, sound = (np.clip(pan, -1, 1) + 1) * np.pi / 4, board(sound[None].astype(np.float32), RATE)[0]
        out[: len(sound)] += sound[:, None] * np.array([np.cos(angle), np.sin(angle)], np.float32) * 1.414
    return out


def hall(m, sound, decay, wet):
    """A room as noise that dies away, treble sooner: wide, from a small chamber to a cathedral."""
    clock = np.arange(int(min(decay, 3.5) * RATE)) / RATE
    tail = m.rng.standard_normal((len(clock), 2)) * np.exp(-6.9 * clock / decay)[:, None]
    dark = fx.Pedalboard([fx.LowpassFilter(m.u(1500, 7000)), fx.HighpassFilter(m.u(80, 300))])
    tail = 0.25 * tail * np.exp(-clock * 6)[:, None] + dark(tail.T.astype(np.float32), RATE).T
    before = np.zeros((int(m.u(0, 0.06) * RATE), 2))
    late = fftconvolve(sound, np.concatenate([before, tail]), axes=0)[: len(sound)]
    late *= np.sqrt((sound**2).mean() / ((late**2).mean() + 1e-12))
    return ((1 - wet) * sound + wet * late).astype(np.float32)


def width(m, sound):
    """Stereo width: a late side, a wider or narrower side, a slow auto-pan, or nothing."""
    choice, out = m.rng.random(), sound.copy()
    if choice < 0.08:
        late = int(m.u(0.006, 0.02) * RATE)
        out[late:, 1] = sound[:-late, 1]
    elif choice < 0.2:
        middle, side = sound.mean(1, keepdims=True), (sound[:, :1] - sound[:, 1:]) / 2 * m.u(0.3, 1.6)
        out = np.concatenate([middle + side, middle - side], 1)
    elif choice < 0.25:
        sweep = m.u(0.2, 0.6) * np.sin(2 * np.pi * m.u(0.1, 0.6) * np.arange(len(sound)) / RATE + m.u(0, 6))
        out *= np.stack([1 - sweep, 1 + sweep], 1).astype(np.float32)
    return out


def space(m, sound, note):
    """Delay in tempo, chorus and reverb on the sum."""
    chain, wet, dry = [], note.get("wet"), note.get("dry")
    if m.rng.random() < 0.3:
        beat = 60 / m.u(70, 150) * float(m.rng.choice([0.25, 0.5, 0.75, 1.0]))
        chain.append(fx.Delay(beat, m.u(0.1, 0.5), m.u(0.08, 0.3)))
    if m.rng.random() < (0.35 if wet else 0.12):
        chain.append(fx.Chorus(m.u(0.3, 1.5), m.u(0.1, 0.4), m.u(6, 12), 0.0, m.u(0.2, 0.5)))
    room, amount = m.rng.random(), m.u(0.25, 0.6) if wet else m.u(0.03, 0.1) if dry else m.u(0.04, 0.35)
    if room < 0.45:
        chain.append(fx.Reverb(m.u(0.4 if wet else 0.1, 0.97), m.u(0.2, 0.9), amount, 1 - amount / 2, m.u(0.4, 1)))
    if chain:
        sound = fx.Pedalboard(chain)(np.ascontiguousarray(sound.T), RATE).T
    if 0.45 <= room < 0.9:
        sound = hall(m, sound, m.u(1.5, 5) if wet else m.u(0.2, 0.6) if dry else m.u(0.3, 2.5), amount)
    return sound


def treated(m, layers, note):
    """Layers to a stereo item: effects, then -20 dBFS RMS with peaks below 0.95."""
    out = panned(layers, colour(m, note))
    plain = len(layers) == 1 and m.rng.random() < 0.06  # some stay mono and dry
    out = out.mean(1, keepdims=True).repeat(2, 1) if plain else space(m, width(m, out), note)
    if note.get("band", FULL) < 17_000:
        out = fx.Pedalboard([fx.LowpassFilter(note["band"]) for _ in range(2)])(np.ascontiguousarray(out.T), RATE).T
    out = out - out.mean(0)
    ramp = np.minimum(1, np.arange(len(out)) / 220)[:, None]
    out = out * ramp * ramp[::-1]
    if not np.isfinite(out).all():
        raise ValueError("not a number in the sound")
    peak, rms = np.abs(out).max(), np.sqrt((out**2).mean())
    if rms / (peak + 1e-9) < 0.1 / 0.94:  # soft limit rather than a quiet item
        out = np.tanh(out / rms * 0.1 / 0.8) * 0.8
        peak, rms = np.abs(out).max(), np.sqrt((out**2).mean())
    return (out * min(0.1 / (rms + 1e-9), 0.94 / (peak + 1e-9))).astype(np.float32)


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
    return out, {**note, "band_hz": FULL if band >= 17_000 else band, "mono": bool(np.abs(out[:, 0] - out[:, 1]).max() < 1e-4),
                 "active": round(part, 2), "voices": len(layers)}


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
    return ["iona", *HELDOUT_TTS] if split != "train" else list(
        {**TRAIN_NOTES, **GROUP_NOTES, **SONGS, **SPEECH, **TRAIN_TTS})


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
