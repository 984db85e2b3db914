"""Re-singing with the WORLD vocoder: analysis kept small, melodies, f0 contours, and synthesis with another voice.

A recording becomes frames of f0, spectral envelope and aperiodicity. Both are kept on a coarse mel-like axis, from
which one matrix product gives WORLD's linear one again, formants already shifted.
"""

import sys
import types

import numpy as np

from sound import RATE

# pyworld asks pkg_resources for its own version number and for nothing else; new setuptools no longer has it.
try:
    import pkg_resources  # noqa: F401
except ImportError:
    version = types.SimpleNamespace(version="")
    sys.modules["pkg_resources"] = types.SimpleNamespace(get_distribution=lambda name: version)
import pyworld

FRAME_MS = 5.0
FRAMES = 1000.0 / FRAME_MS  # per second
LOWEST, HIGHEST = 65.0, 1100.0  # f0 sought, Hz
ENVELOPE_HZ = 700.0 * (10.0 ** (np.linspace(0.0, 2595.0 * np.log10(1.0 + RATE / 2 / 700.0), 160) / 2595.0) - 1.0)
APERIODICITY_HZ = np.array([0, 3000, 6000, 9000, 12000, 15000, 18000, RATE / 2])
SCALES = [[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10], [0, 2, 4, 7, 9], [0, 3, 5, 7, 10], [0, 2, 3, 5, 7, 9, 10]]


def semitones(hz):
    """Hz to MIDI note numbers."""
    return 69.0 + 12.0 * np.log2(np.maximum(hz, 1.0) / 440.0)


def hertz(midi):
    """MIDI note numbers to Hz."""
    return 440.0 * 2.0 ** ((np.asarray(midi) - 69.0) / 12.0)


# ---- analysis -------------------------------------------------------------------------------------------------------


def taps(source_hz, wanted_hz):
    """Matrix [source, wanted] that interpolates linearly from one frequency axis to another."""
    place = np.interp(wanted_hz, source_hz, np.arange(len(source_hz)))
    low = np.minimum(place.astype(int), len(source_hz) - 2)
    matrix = np.zeros((len(source_hz), len(wanted_hz)), np.float32)
    column = np.arange(len(wanted_hz))
    matrix[low, column] = 1.0 - (place - low)
    matrix[low + 1, column] += place - low
    return matrix


def bins(fft):
    """The frequencies of an FFT's bins."""
    return np.arange(fft // 2 + 1) * RATE / fft


def analyse(sound, fft=2048):
    """Mono sound to (f0 [n], log power envelope [n, 160], aperiodicity [n, 8])."""
    sound = sound.astype(np.float64) + 1e-7 * np.random.default_rng(0).standard_normal(len(sound))
    f0, times = pyworld.dio(sound, RATE, f0_floor=LOWEST, f0_ceil=HIGHEST, frame_period=FRAME_MS)
    f0 = pyworld.stonemask(sound, f0, times, RATE)
    envelope = np.log(pyworld.cheaptrick(sound, f0, times, RATE, fft_size=fft) + 1e-16).astype(np.float32)
    # Without the threshold: D4C's own voicing decision turns whole vowels of high voices into noise.
    rough = pyworld.d4c(sound, f0, times, RATE, threshold=0.0, fft_size=fft).astype(np.float32)
    axis = bins(fft)
    return (
        f0.astype(np.float32),
        (envelope @ taps(axis, ENVELOPE_HZ)).astype(np.float16),
        (rough @ taps(axis, APERIODICITY_HZ)).astype(np.float16),
    )


def band_limit(sound, step=250):
    """Upper limit of real energy in Hz: where the spectrum drops 17 dB at once and stays down, as after resampling."""
    power = np.zeros(2049)
    for start in range(0, max(1, len(sound) - 4096), max(2048, len(sound) // 1000)):
        part = sound[start : start + 4096]
        power += np.abs(np.fft.rfft(part * np.hanning(len(part)), 4096)) ** 2
    axis = bins(4096)
    level = np.array([10 * np.log10(power[(axis >= hz) & (axis < hz + step)].mean() + 1e-15) for hz in range(0, 21_000, step)])
    for k in range(5500 // step, 17_000 // step):
        if level[k + 2 : k + 16].max() < level[k - 3 : k].mean() - 17:
            return float(k * step)
    return RATE / 2


def runs(flags):
    """Stretches of equal value: (start, end, value)."""
    flags = np.asarray(flags)
    edges = np.concatenate([[0], np.flatnonzero(flags[1:] != flags[:-1]) + 1, [len(flags)]])
    return [(int(a), int(b), flags[a]) for a, b in zip(edges[:-1], edges[1:]) if b > a]


def loudness(envelope):
    """Level of each frame in dB from a log power envelope on the mel-like axis."""
    width = np.gradient(ENVELOPE_HZ).astype(np.float32)
    return 10.0 * np.log10(np.exp(envelope.astype(np.float32)) @ width + 1e-12)


# ---- melody ---------------------------------------------------------------------------------------------------------

PACES = {  # note lengths in beats
    "short": [0.25, 0.25, 0.5, 0.5, 0.5, 1.0],
    "mixed": [0.25, 0.5, 0.5, 1.0, 1.0, 2.0],
    "long": [0.5, 1.0, 1.0, 2.0, 2.0, 4.0],
    "pad": [2.0, 4.0, 4.0, 6.0, 8.0],
}
STEPS = [-2, -1, -1, -1, 0, 0, 1, 1, 1, 2, -3, 3, 4, -4]


def scale_around(rng, centre, reach):
    """The MIDI notes of a random key's scale within `reach` semitones of `centre`."""
    scale, key = SCALES[rng.integers(len(SCALES))], int(rng.integers(12))
    notes = [12 * octave + key + step for octave in range(10) for step in scale]
    return sorted(note for note in notes if abs(note - centre) <= reach)


def motif(rng, pace):
    """A short figure: (length in beats, step on the scale) for 3 to 8 notes."""
    count = int(rng.integers(2, 5) if pace == "pad" else rng.integers(3, 9))
    return [(float(rng.choice(PACES[pace])), int(rng.choice(STEPS))) for _ in range(count)]


def melody(rng, seconds, centre, reach=8.0, pace="mixed", tempo=None):
    """Notes (start, length, MIDI) in phrases: two or three motifs, repeated, varied, with breaths between."""
    beat = 60.0 / (tempo or rng.uniform(66, 150))
    scale, motifs = scale_around(rng, centre, reach), [motif(rng, pace) for _ in range(int(rng.integers(2, 4)))]
    notes, time, rest_left = [], rng.uniform(0.05, 0.8), 0.3 * seconds
    while time < seconds - 0.5:
        figure = motifs[rng.integers(len(motifs))]
        degree = int(np.clip(len(scale) // 2 + rng.integers(-2, 3), 0, len(scale) - 1))
        for _ in range(int(rng.integers(1, 3))):
            for beats, step in figure:
                length = float(np.clip(beats * beat, 0.13, 5.0))
                notes.append((time, length, scale[degree]))
                time += length
                degree = int(np.clip(degree + step, 0, len(scale) - 1))
        start, length, pitch = notes[-1]
        held = rng.uniform(0.0, 1.5) * beat  # the last note of a phrase is often held
        notes[-1] = (start, length + held, pitch)
        rest = min(rest_left, float(rng.choice([0.25, 0.5, 1.0, 1.0, 2.0])) * beat)
        rest_left -= rest
        time += held + rest
    return [(start, min(length, seconds - start), pitch) for start, length, pitch in notes if start < seconds - 0.2]


def manner(rng, **changes):
    """How a singer takes notes: glide (s, portamento), scoop (semitones), vibrato (semitones, Hz), drift, hard."""
    usual = {
        "glide": rng.uniform(0.03, 0.12),
        "scoop": rng.uniform(0, 1.2),
        "vibrato": rng.uniform(0.05, 0.8),
        "rate": rng.uniform(4.8, 6.6),
        "drift": 0.012,
        "hard": False,
        "detune": 0.0,
    }
    return {**usual, **changes}


def bend(rng, note, before, way, clock):
    """Pitch in MIDI over one note: portamento from the note before or a scoop from below, then vibrato."""
    _, length, pitch = note
    curve = np.full(len(clock), float(pitch))
    if way["hard"]:
        return curve
    if before is not None:
        steep = np.clip((clock - 0.7 * way["glide"]) / (0.18 * way["glide"]), -30, 30)
        curve += (before - pitch) / (1.0 + np.exp(steep))
    else:
        curve -= rng.uniform(0, 2) * way["scoop"] * np.exp(-clock / rng.uniform(0.03, 0.09))
    if length > 0.35:
        rise = np.clip((clock - rng.uniform(0.12, 0.4)) / 0.35, 0, 1)
        wobble = 1 + 0.03 * np.sin(2 * np.pi * 0.7 * clock)
        curve += way["vibrato"] * rise * np.sin(2 * np.pi * way["rate"] * clock * wobble + rng.uniform(0, 6))
    return curve + 0.5 * np.cumsum(rng.normal(0, way["drift"], len(clock)))


def swell(rng, length, clock):
    """Loudness over one note: onset, release, and a slow fall or rise."""
    shape = np.minimum(1, clock / rng.uniform(0.012, 0.05)) * np.minimum(1, (clock[-1] - clock + 0.005) / rng.uniform(0.03, 0.12))
    return shape * (1 - 0.35 * rng.uniform(-0.5, 1) * np.clip(clock / length, 0, 1)) * rng.uniform(0.65, 1)


def contour(rng, notes, count, way):
    """Notes to f0 in Hz (0 where silent) and loudness, one value per frame."""
    f0, level, last = np.zeros(count), np.zeros(count, np.float32), None
    for note in notes:
        start, length, pitch = note
        a, b = int(start * FRAMES), min(count, int((start + length) * FRAMES))
        if b - a < 4:
            continue
        clock = np.arange(b - a) / FRAMES
        before = last[0] if last and start - last[1] < 0.06 else None
        f0[a:b] = hertz(bend(rng, note, before, way, clock) + way["detune"])
        level[a:b] = np.maximum(level[a:b], swell(rng, length, clock))
        last = (pitch, start + length)
    return f0, level


# ---- synthesis ------------------------------------------------------------------------------------------------------


def extended(envelope, rough, band, slope, noise):
    """Continues a narrow-band source above `band`: envelope falling by 6 x `slope` dB per octave, mostly noise."""
    # Even a full-band recording ends near 20 kHz: a lower formant shift would bring that edge down.
    k = int(np.searchsorted(ENVELOPE_HZ, 0.92 * min(band, 19_500)))
    envelope, rough = envelope.copy(), rough.copy()
    edge = envelope[:, k - 8 : k].mean(1, keepdims=True)
    envelope[:, k:] = edge - 2.0 * slope * np.log(ENVELOPE_HZ[None, k:] / ENVELOPE_HZ[k])
    high = APERIODICITY_HZ > 0.85 * band
    rough[:, high] = np.maximum(rough[:, high], noise)
    return envelope, rough


def synthesise(f0, envelope, rough, level, band, voice):
    """Frames to sound. `voice`: formant, breath (> 1 breathier), tilt (dB per octave), slope, noise."""
    envelope, rough = extended(envelope.astype(np.float32), rough.astype(np.float32), band, voice["slope"], voice["noise"])
    envelope[1:-1] = 0.25 * envelope[:-2] + 0.5 * envelope[1:-1] + 0.25 * envelope[2:]  # hides joins
    voiced = f0[f0 > 0]
    # A shorter FFT is twice as fast; below 100 Hz a period no longer fits well.
    fft = 1024 if len(voiced) == 0 or voiced.min() > 100 else 2048
    axis = bins(fft)
    log_power = envelope @ taps(ENVELOPE_HZ, axis / voice["formant"])
    log_power += (voice["tilt"] / 3.01 * np.log(np.maximum(axis, 250) / 1000.0)).astype(np.float32)
    power = np.exp(log_power) * (np.asarray(level, np.float32) ** 2)[:, None] + 1e-12
    # In dB, as WORLD does: linearly, the low harmonics would drown in noise.
    log_rough = np.log(np.clip(rough, 1e-3, 1.0)) @ taps(APERIODICITY_HZ, axis / voice["formant"])
    rough = np.exp(log_rough / np.float32(voice["breath"]))
    sound = pyworld.synthesize(
        np.ascontiguousarray(f0, np.float64),
        power.astype(np.float64),
        np.clip(rough, 1e-4, 1.0).astype(np.float64),
        RATE,
        FRAME_MS,
    )
    return np.nan_to_num(sound).astype(np.float32)


def held(rng, unit, before, frames):
    """Source frames of one sung note: the consonant as it was, then the vowel for as long as the note lasts."""
    start, end, onset, vowel = unit
    consonant = np.arange(onset - before, vowel)
    wanted, have = max(1, frames - (vowel - onset)), max(1, end - vowel - 1)
    clock = np.arange(wanted)
    if wanted <= have:
        rest = clock
    elif have > 30 and rng.random() < 0.6:
        rest = have - np.abs(have - clock % (2 * have))  # to and fro
    else:
        rest = (clock * have / wanted).astype(int)  # stretched
    return np.clip(np.concatenate([consonant, vowel + rest]), start, end - 1)[: before + frames]


def sing(rng, bank, notes, order, seconds, voice, way):
    """Sings `notes` with the bank's units in `order`; the consonant comes before the beat, as singers do."""
    count = int(seconds * FRAMES) + 1
    f0, level = contour(rng, notes, count, way)
    index, gain, pitch = np.zeros(count, int), np.zeros(count, np.float32), np.zeros(count)
    for (start, length, _), which in zip(notes, order):
        unit = bank["units"][which]
        a, b = int(start * FRAMES), min(count, int((start + length) * FRAMES))
        before = min(int(unit[2] - unit[0]), 24, a)
        if b - a < 4:
            continue
        frames = held(rng, unit, before, b - a)
        index[a - before : b] = frames
        gain[a - before : a + 3] = np.linspace(0.3, 1, before + 3) * level[min(a + 8, b - 1)]
        gain[a + 3 : b] = level[a + 3 : b]
        pitch[a - before : a] = 0
        pitch[a:b] = f0[a:b]
    if voice.get("voiceless"):
        pitch[:] = 0
    elif voice.get("jitter"):
        pitch *= hertz(69 + rng.normal(0, voice["jitter"], count)) / 440.0
    return synthesise(pitch, bank["envelope"][index], bank["rough"][index], gain, bank["band"], voice)


def timeline(rng, voiced, stretch, grid, pause=60):
    """Source frame for each new frame: voiced runs take `stretch` times as long, and start on `grid` (frames)."""
    source, target = [0.0], [0.0]
    for a, b, sung in runs(voiced):
        if sung and b - a >= 8:
            onset = np.ceil((target[-1] - 0.3 * grid) / grid) * grid if grid else target[-1]
            target[-1] = max(onset, (target[-2] if len(target) > 1 else 0.0) + 2.0)
            length = max(8.0, (b - a) * stretch * rng.uniform(0.75, 1.35))
        else:
            length = min(b - a, pause)
        source.append(float(b))
        target.append(target[-1] + length)
    frames = np.interp(np.arange(int(target[-1])), target, source)
    return np.clip(frames.astype(int), 0, len(voiced) - 1)


def tune(rng, voiced, centre, reach, spell):
    """A melody for the voiced runs of a text: a new note about every `spell` seconds."""
    scale = scale_around(rng, centre, reach)
    degree, notes = len(scale) // 2, []
    figure = [int(step) for step in rng.choice(STEPS, 8)]  # walked again and again: it repeats like a song's motif
    for a, b, sung in runs(voiced):
        if not sung or b - a < 4:
            continue
        parts = max(1, round((b - a) / FRAMES / spell))
        for part in range(parts):
            length = (b - a) / FRAMES / parts
            notes.append((a / FRAMES + part * length, length, scale[degree]))
            degree = int(np.clip(degree + figure[len(notes) % len(figure)], 0, len(scale) - 1))
    return notes
