"""The singers and talkers that voices.py re-sings: which recordings they come from, and their analyses (WORK/voices/banks)."""

import functools
import os
import re
import subprocess
import tempfile

import numpy as np

import resing
import sound as disk
from sound import RATE

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
TRAIN_NOTES = {
    "erithacus": 5,
    "vocobox": 3,
    "claudia": 3,
    "mirko": 3,
    "sven": 2,
    "vocalset-f": 1.5,
    "vocalset-m": 1.5,
    "olpc-woman": 1.5,
    "olpc-man": 1.5,
}
GROUP_NOTES = {
    "olpc-women": 1,
    "olpc-men": 1,
    "claudia": 1,
    "mirko": 1,
    "sven": 1,
    "erithacus": 2,
    "vocobox": 1,
    "olpc-woman": 1,
    "olpc-man": 1,
}
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
SONGS = {
    "song-1": 1,
    "song-2": 1,
    "song-3": 1,
    "song-4": 1,
    "song-6": 1,
    "song-7": 1,
    "vocadito": 1.2,
    "vocalset": 1.2,
    "sms-singing": 0.5,
    "basic-pitch": 0.4,
}
SPEECH = {"arctic": 1, "libri": 2, "rtvc": 2, "sms-speech": 0.7, "vocalset-speech": 0.7}
# Text-to-speech voices: program and voice.
TTS = {
    f"tts-{engine}-{name}": (engine, name)
    for engine, name in [
        ("flite", "awb"),
        ("flite", "rms"),
        ("flite", "kal16"),
        ("espeak", "en-us"),
        ("espeak", "en-gb+m3"),
        ("espeak", "en-us+f2"),
        ("espeak", "en-us+f4"),
        ("espeak", "fr+f3"),
        ("espeak", "es+m1"),
        ("espeak", "it+m5"),
        ("espeak", "de+f5"),
        ("espeak", "sv+f1"),
        ("espeak", "en-us+klatt4"),
        ("espeak", "ja+anika"),
        ("espeak", "pl+Alicia"),
        ("espeak", "pt-br+Diogo"),
        ("flite", "slt"),
        ("espeak", "en-us+f3"),
        ("espeak", "pt+m7"),
    ]
}
HELDOUT_TTS = {"tts-flite-slt": 2, "tts-espeak-en-us+f3": 1, "tts-espeak-pt+m7": 1}
TRAIN_TTS = {name: 2 if "flite" in name else 1 for name in TTS if name not in HELDOUT_TTS}

WORDS = """love night day heart dream fire river moon tonight forever baby you me we are running falling through the light
of every morning never gonna let it go away hold on shine rain summer road home stars sky ocean world tell me why say my
name feel alive dance with somebody and I know that there is something in the way you move burning bright like diamonds
under water golden shadow whisper silence calling over mountain wild young free time stay lonely broken mirror remember
yesterday tomorrow street city money rhythm crazy people jump back talk check stop listen kick the beat mama brother
sister little big black white seven angels cherry paper pocket thunder vision zero question yellow jacket chance""".split()


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
        command = (
            ["flite", "-voice", voice, "-t", text, "-o", out.name]
            if engine == "flite"
            else ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", out.name, text]
        )
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
        np.savez(
            file,
            f0=np.concatenate([u[0] for u in found]),
            envelope=np.concatenate([u[1] for u in found]),
            rough=np.concatenate([u[2] for u in found]),
            bands=np.array([u[4] for u in found]),
            units=np.array([np.array(u[3]) + offset for u, offset in zip(found, offsets)]),
        )
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
