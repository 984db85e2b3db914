"""The instruments that backing tracks are played on: a General MIDI soundfont, recorded samples and synthesisers.

One module: every player shares the note format and the sample cache.

Every player takes notes, (start s, length s, MIDI pitch, velocity 0..1) each, and gives float32 [frames, 2]. What is random
about an instrument comes from the generator that it is handed.
"""

import ctypes
import fnmatch
import functools
import json
import re

import fluidsynth
import numba
import numpy as np
import sound
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, lfilter, sosfilt

RATE = sound.RATE
BLOCK = 64  # FluidSynth renders in blocks of this many frames; keeping to whole ones makes its output repeatable

# ---------------------------------------------------------------- soundfont


def _call(name, result, *arguments):
    """A function of FluidSynth's library; addresses are the integers above 32 bits."""
    function = getattr(fluidsynth._fl, name)
    function.restype = result
    return function(*(ctypes.c_void_p(a) if abs(a) >= 1 << 31 else a for a in arguments))


class Font:
    """A soundfont, loaded once; each part is rendered alone and dry, on a FluidSynth of its own.

    A synth that has played before does not give the same bytes again, even after a reset.
    """

    def __init__(self, path):
        # Without its warnings: every new synth says that it has no font yet.
        _call("fluid_set_log_function", ctypes.c_void_p, 2, 0, 0)
        self.keeper = self._fresh()
        if self.keeper.sfload(str(path)) < 0:
            raise OSError(f"{path} is no soundfont that FluidSynth can read")
        self.font = _call("fluid_synth_get_sfont", ctypes.c_void_p, self.keeper.synth, 0)
        _call("fluid_synth_remove_sfont", ctypes.c_int, self.keeper.synth, self.font)

    @staticmethod
    def _fresh():
        synth = fluidsynth.Synth(gain=0.5, samplerate=float(RATE), channels=16)
        for name, value in (("reverb.active", 0), ("chorus.active", 0), ("polyphony", 160), ("cpu-cores", 1)):
            synth.setting(f"synth.{name}", value)
        return synth

    def play(self, notes, frames, program, bank=0, bends=()):
        channel = 9 if bank == 128 else 0
        self.synth = self._fresh()
        font = _call("fluid_synth_add_sfont", ctypes.c_int, self.synth.synth, self.font)
        try:
            self.synth.program_select(channel, font, bank, program)
            return self._events(self._schedule(notes, bends), channel, frames)
        finally:
            _call("fluid_synth_all_sounds_off", ctypes.c_int, self.synth.synth, -1)
            self._write(16 * BLOCK)  # until no voice holds a sample of the font
            _call("fluid_synth_remove_sfont", ctypes.c_int, self.synth.synth, self.font)
            self.synth.delete()

    def _schedule(self, notes, bends):
        events = [(start, 1, int(pitch), max(1, min(127, round(velocity * 127)))) for start, _, pitch, velocity in notes]
        events += [(start + length, 0, int(pitch), 0) for start, length, pitch, _ in notes]
        events += [(start, 2 + kind, value, 0) for start, kind, value in bends]
        return sorted(events)

    def _events(self, events, channel, frames):
        pieces, at = [], 0
        for time, kind, value, velocity in events:
            due = min(int(time * RATE), frames) // BLOCK * BLOCK
            if due > at:
                pieces.append(self._write(due - at))
                at = due
            if kind == 0:
                self.synth.noteoff(channel, value)
            elif kind == 1:
                self.synth.noteon(channel, value, velocity)
            elif kind == 2:
                self.synth.pitch_bend(channel, value)
            else:
                self.synth.cc(channel, 1, value)
        pieces.append(self._write(-(-(frames - at) // BLOCK) * BLOCK))
        return np.concatenate(pieces)[:frames]

    def _write(self, frames):
        # The float call: the 16 bit one adds dither whose state outlives a reset.
        out = np.zeros((frames, 2), np.float32)
        if frames > 0:
            pointer = out.ctypes.data
            _call("fluid_synth_write_float", ctypes.c_int, self.synth.synth, frames, pointer, 0, 2, pointer, 1, 2)
        return out


# ---------------------------------------------------------------- recorded samples

# One recorder and one instrument each: mixing them within a line would give a line that no instrument plays.
BANKS = {
    "alto sax a": "weresax/*_f_*", "alto sax b": "weresax/*_p_*", "alto sax c": "spectmorph-alto-saxophone/*",
    "alto sax d": "mtg-solo-sax/alt_[fp]_*", "tenor sax": "mtg-solo-sax/ten_[fp]_*", "baritone sax": "mtg-solo-sax/bar_[fpm]_*",
    "soprano sax a": "mtg-solo-sax/sop_[fp]_*", "soprano sax b": "spectmorph-soprano-saxophone/*",
    "flute a": "ixox-flute/nor_*", "flute b": "spectmorph-alto-flute/*", "bass flute": "spectmorph-bass-flute/*",
    "pan flute": "spectmorph-pan-flute/*", "clarinet": "spectmorph-clarinet/*", "bass clarinet": "spectmorph-bass-clarinet/*",
    "oboe": "spectmorph-oboe/*", "bassoon": "spectmorph-bassoon/*", "trumpet": "spectmorph-trumpet/*",
    "trombone": "spectmorph-tenor-trombone/*", "horn": "spectmorph-french-horn/*", "violin": "spectmorph-violin/*",
    "viola": "spectmorph-viola/*", "cello": "spectmorph-cello/*", "reed organ": "spectmorph-reed-organ/*",
    "theremin": "olpc-berklee/*theremin_[frlo1-9]*", "glass harmonica": "olpc-berklee/glass_harmonica*",
    "sitar": "olpc-berklee/sitar*", "toy horn": "olpc-berklee/casiohorn[123]",
    "string pad": "olpc-berklee/string_pad*",
}  # fmt: skip
TEXTURES = ["sonic-pi/ambi_*", "sonic-pi/guit_*", "sonic-pi/loop_drone*", "sonic-pi/mehackit_phone*", "sonic-pi/vinyl_*",
            "olpc-berklee/*", "librosa-data/*", "sms-tools/*", "ixox-flute/two_*", "mirdata-*/*"]  # fmt: skip
LOOPS = ["amen", "amen_full", "breakbeat", "compus", "electric", "industrial", "mehackit1", "mehackit2", "mika", "perc1",
         "perc2", "tabla", "safari"]  # fmt: skip
# Nothing that may be a voice, whatever it was recorded for.
VOICES = re.compile(r"choir|voc|voice|hum|robot|sing|speech|male|(^|[_-])(aa|oo|ah|oh)", re.I)


def samples(folder, patterns):
    found = []
    for path in sorted(folder.glob("*/*.npy")):
        name = f"{path.parent.name}/{path.stem}"
        if any(fnmatch.fnmatchcase(name, p) for p in patterns) and not VOICES.search(path.stem):
            found.append(path)
    return found


def period(window):
    """The pitch of a window as MIDI number and how periodic it is, by normalised autocorrelation (McLeod and Wyvill)."""
    window = window - window.mean()
    size = len(window)
    spectrum = np.fft.rfft(window, 2 * size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: size // 2]
    energy = np.cumsum(window**2)
    lags = np.arange(size // 2)
    normal = energy[size - 1 - lags] + energy[-1] - np.concatenate([[0.0], energy[: size // 2 - 1]])
    score = 2 * correlation / (normal + 1e-9)
    start = int(np.argmax(score < 0)) or 10
    peaks = np.flatnonzero((score[1:-1] >= score[:-2]) & (score[1:-1] > score[2:])) + 1
    peaks = peaks[(peaks >= max(start, 12)) & (score[peaks] > 0)]
    if len(peaks) == 0:
        return 0.0, 0.0
    lag = peaks[np.argmax(score[peaks] >= 0.93 * score[peaks].max())]
    a, b, c = score[lag - 1 : lag + 2]
    exact = lag + 0.5 * (a - c) / (a - 2 * b + c - 1e-12)
    return 69 + 12 * np.log2(RATE / exact / 440), float(b)


def pitch(path):
    """The MIDI pitch of a recorded note, or None where it has none; a number in its name is trusted over the ear."""
    wave = np.load(path).astype(np.float32).mean(1) / 32768
    if len(wave) < 12_000 or np.abs(wave).max() < 0.02:
        return None
    level = uniform_filter1d(wave**2, 4096)[::1024]
    loud = np.flatnonzero(level > 0.2 * level.max()) * 1024
    heard = []
    for at in np.percentile(loud, [20, 40, 60, 80]).astype(int):
        at = min(max(0, at), len(wave) - 8192)
        heard.append(period(wave[at : at + 8192]))
    tone = float(np.median([h[0] for h in heard]))
    steady = np.median([h[1] for h in heard]) > 0.75 and np.ptp([h[0] for h in heard]) < 2.0
    named = re.search(r"(?:note|sample\d+|_ff|_mf|-ff|-mf)-(\d\d)(?:-|$)", path.stem)
    if named:  # within half a tone of it the recording's own tuning is heard
        return tone if abs(tone - int(named[1])) < 0.6 else float(named[1])
    return tone if steady else None


class Samples:
    """Recorded notes by bank; pitches are worked out once and kept in `cache`."""

    def __init__(self, folder, cache):
        known = json.loads(cache.read_text()) if cache.exists() else {}
        fresh = dict(known)
        self.banks = {}
        for bank, pattern in BANKS.items():
            for path in samples(folder, [pattern]):
                name = f"{path.parent.name}/{path.stem}"
                if name not in fresh:
                    fresh[name] = pitch(path)
                if fresh[name] is not None:
                    self.banks.setdefault(bank, []).append((fresh[name], path))
        self.textures = samples(folder, TEXTURES)
        self.loops = samples(folder, [f"sonic-pi/loop_{name}" for name in LOOPS] + ["sonic-pi/arovane_beat_*"])
        if fresh != known:
            cache.parent.mkdir(parents=True, exist_ok=True)
            cache.write_text(json.dumps(fresh, indent=0, sort_keys=True))

    def play(self, notes, frames, bank, rng, expression):
        out = np.zeros((frames, 2), np.float32)
        choices = self.banks[bank]
        pitches = np.array([p for p, _ in choices])
        shift = np.round((np.median(pitches) - np.median([n[2] for n in notes])) / 12) * 12
        for start, length, target, velocity in notes:
            target = target + shift
            far = np.abs(pitches - target)
            while far.min() > 6:  # by octaves no note is further than that
                target += 12 * np.sign(pitches[far.argmin()] - target)
                far = np.abs(pitches - target)
            chosen = rng.choice(np.flatnonzero(far <= far.min() + 0.6))
            wave, loop = note_wave(str(choices[chosen][1]))
            size = min(int((length + 0.09) * RATE), frames - int(start * RATE))
            if size > 64:
                contour = bent(size, rng, expression) + (target - pitches[chosen])
                add(out, int(start * RATE), resample(wave, 2.0 ** (contour / 12), *loop) * shape(size, velocity)[:, None])
        return out


@functools.lru_cache(48)
def note_wave(path):
    """A recorded note without the silence before it, at equal loudness, and the frames (from, to) that hold it longer."""
    wave = np.load(path).astype(np.float32) / 32768
    envelope = np.abs(wave).max(1)
    sounding = np.flatnonzero(envelope > 0.04 * envelope.max())
    wave = wave[max(0, sounding[0] - 200) : sounding[-1]].copy()
    wave *= 0.15 / (np.sqrt(np.mean(wave**2)) + 1e-6)
    begin, end = int(len(wave) * 0.35), int(len(wave) * 0.7)
    fade = min((end - begin) // 2, 8000)
    if fade > 64:  # the end of the loop turns into what leads up to its beginning
        ramp = np.linspace(0, 1, fade, dtype=np.float32)[:, None]
        lead = wave[max(0, begin - fade) : max(0, begin - fade) + fade]
        wave[end - fade : end] = wave[end - fade : end] * np.sqrt(1 - ramp) + lead * np.sqrt(ramp)
    return wave, (begin, end)


def bent(frames, rng, expression):
    """A note's pitch contour in semitones: a scoop into it and a vibrato that sets in late."""
    time = np.arange(frames) / RATE
    scoop = -expression * rng.uniform(0, 1.2) * np.exp(-time / rng.uniform(0.02, 0.08)) * (rng.random() < 0.5)
    depth = expression * rng.uniform(0.05, 0.5) * np.clip((time - rng.uniform(0.1, 0.4)) / 0.4, 0, 1)
    return scoop + depth * np.sin(2 * np.pi * rng.uniform(4.5, 6.8) * time + rng.uniform(0, 6))


def shape(frames, velocity, attack=0.012, release=0.09):
    gain = np.full(frames, 0.3 + 0.7 * velocity, np.float32)
    rise, fall = min(frames // 2, int(attack * RATE)), min(frames // 2, int(release * RATE))
    gain[:rise] *= np.linspace(0, 1, rise)
    gain[frames - fall :] *= np.linspace(1, 0, fall)
    return gain


def add(out, at, wave):
    size = min(len(wave), len(out) - at)
    if size > 0:
        out[at : at + size] += wave[:size]


@numba.njit(cache=True)
def resample(wave, steps, begin, end):
    """Reads `wave` at a speed that changes per frame (cubic between frames), round the loop as long as it lasts."""
    out = np.zeros((len(steps), 2), np.float32)
    at = 1.0
    for i in range(len(steps)):
        k = int(at)
        if k + 2 >= len(wave):
            break
        t = at - k
        for c in range(2):
            a, b, d, e = wave[k - 1, c], wave[k, c], wave[k + 1, c], wave[k + 2, c]
            out[i, c] = b + 0.5 * t * (d - a + t * (2 * a - 5 * b + 4 * d - e + t * (3 * (b - d) + e - a)))
        at += steps[i]
        if at >= end and end - begin > 2000:
            at -= end - begin
    return out


# ---------------------------------------------------------------- oscillators and filters

TABLE = 2048


def harmonics(name, rng):
    """The amplitudes of harmonics 1.. of a wave form; organs and reeds draw their own registration."""
    h = np.arange(1, 501)
    if name == "saw":
        return 1 / h
    if name == "square":
        return (h % 2) / h
    if name == "pulse":
        return np.sin(np.pi * h * rng.choice([0.125, 0.25, rng.uniform(0.06, 0.45)])) / h
    if name == "triangle":
        return (h % 2) / h**2 * (1 - (h % 4 == 3) * 2.0)
    if name == "reed":
        return h**-1.2 * (1 + 0.8 * np.sin(h * rng.uniform(0.5, 2)))
    amplitudes = np.zeros(500)
    if name == "drawbars":  # 16' 5 1/3' 8' 4' 2 2/3' 2' 1 3/5' 1 1/3' 1', the 16' being harmonic 1
        amplitudes[[0, 2, 1, 3, 5, 7, 9, 11, 15]] = rng.integers(0, 9, 9) * np.array([1, 0.7, 1, 0.9, 0.7, 0.7, 0.4, 0.4, 0.4])
        amplitudes[1] = 8
    elif name == "pipes":  # flutes, principals and mixtures: stops at 16' 8' 4' 2' 1'
        for stop in (0, 1, 2, 3, 4):
            ranks = np.arange(1, 9) * 2**stop
            amplitudes[ranks - 1] += (rng.uniform(0, 1) + (stop == 1)) * np.arange(1, 9) ** -rng.uniform(0.9, 2.2)
    else:  # near a sine
        amplitudes[:4] = [1, rng.uniform(0, 0.3), rng.uniform(0, 0.15), rng.uniform(0, 0.05)]
    return amplitudes


def tables(name, rng):
    """One period per octave above 20 Hz, each with the harmonics that stay below 20 kHz."""
    amplitudes = harmonics(name, rng)
    rows = []
    for octave in range(10):
        count = max(1, min(500, 500 >> octave))
        spectrum = np.zeros(TABLE // 2 + 1, complex)
        spectrum[1 : count + 1] = -1j * amplitudes[:count]
        row = np.fft.irfft(spectrum)
        rows.append(np.append(row, row[0]))
    rows = np.array(rows)
    return (rows / np.sqrt(np.mean(rows[0] ** 2)) * 0.15).astype(np.float32)


@numba.njit(cache=True, fastmath=True)
def oscillate(table, hertz, ratios, phases, left, right):
    """The sum of detuned oscillators, one for each of `ratios`, along a frequency contour."""
    out = np.zeros((len(hertz), 2), np.float32)
    for v in range(len(ratios)):
        phase = phases[v]
        for i in range(len(hertz)):
            at = phase * 2048
            k = int(at)
            value = table[k] + (at - k) * (table[k + 1] - table[k])
            out[i, 0] += left[v] * value
            out[i, 1] += right[v] * value
            phase += hertz[i] * ratios[v] / 44100.0
            if phase >= 1.0:
                phase -= 1.0
    return out


@numba.njit(cache=True, fastmath=True)
def state_filter(wave, cutoff, damping, band):
    """A state-variable filter (low-pass, mixed with `band` of its band-pass); `cutoff` in Hz per 32 frames."""
    for c in range(2):
        one = two = 0.0
        g = a = 0.0
        for i in range(len(wave)):
            if i % 32 == 0:
                g = np.tan(np.pi * min(cutoff[i // 32], 18000.0) / 44100.0)
                a = 1 / (1 + g * (g + damping))
            high = (wave[i, c] - one * (g + damping) - two) * a
            mid = high * g + one
            one = high * g + mid
            low = mid * g + two
            two = mid * g + low
            wave[i, c] = low * (1 - band) + mid * band
    return wave


@numba.njit(cache=True, fastmath=True)
def string(excitation, hertz, frames, decay, bright):
    """A plucked string (Karplus and Strong): the excitation circulates in a delay that damps its treble."""
    out = np.zeros(frames, np.float32)
    delay = 44100.0 / hertz - 0.5 - 0.5 * (1 - bright)
    whole = int(delay)
    part = delay - whole
    last = 0.0
    for i in range(frames):
        value = excitation[i] if i < min(len(excitation), whole) else 0.0
        if i > whole:
            back = out[i - whole] * (1 - part) + out[i - whole - 1] * part
            last = back * (0.5 + 0.5 * bright) + last * (0.5 - 0.5 * bright)
            value += last * decay
        out[i] = value
    return out


# ---------------------------------------------------------------- synthesisers

# form: the wave; voices and cents: detuned oscillators; attack, decay, sustain, release; cutoff and what velocity and envelope
# add to it (in octaves); resonance: the filter's damping, low is sharp. Pairs are ranges to draw from.
PATCHES = {
    "supersaw": dict(form=["saw"], voices=(5, 8), cents=(8, 28), attack=(0.002, 0.03), sustain=(0.7, 1), release=(0.1, 0.5), cutoff=(2500, 12000), sweep=(0, 1.5)),
    "string machine": dict(form=["saw", "saw", "pulse"], voices=(4, 7), cents=(5, 14), attack=(0.12, 0.7), sustain=(0.8, 1), release=(0.4, 1.3), cutoff=(1200, 6000), sweep=(0, 0.5)),
    "soft pad": dict(form=["sine", "triangle", "reed"], voices=(2, 5), cents=(3, 12), attack=(0.3, 1.6), sustain=(0.8, 1), release=(0.8, 2), cutoff=(700, 4000), sweep=(-1, 1)),
    "sweep pad": dict(form=["saw", "pulse"], voices=(3, 6), cents=(6, 18), attack=(0.3, 1.2), sustain=(0.8, 1), release=(0.8, 2), cutoff=(400, 1500), sweep=(1, 3), resonance=(0.3, 1)),
    "poly": dict(form=["saw", "square", "pulse"], voices=(1, 4), cents=(3, 12), attack=(0.002, 0.03), sustain=(0.4, 0.9), release=(0.08, 0.4), cutoff=(600, 4000), sweep=(0.5, 3), resonance=(0.2, 1.4)),
    "synth pluck": dict(form=["saw", "square", "pulse", "triangle"], voices=(1, 5), cents=(3, 15), attack=(0.001, 0.004), decay=(0.1, 0.4), sustain=(0, 0.15), release=(0.08, 0.3), cutoff=(400, 2500), sweep=(1, 4), resonance=(0.2, 1.2)),
    "synth brass": dict(form=["saw"], voices=(2, 4), cents=(4, 12), attack=(0.02, 0.1), sustain=(0.7, 0.9), release=(0.1, 0.3), cutoff=(700, 2500), sweep=(1, 2.5)),
    "drawbar organ": dict(form=["drawbars"], voices=(1, 2), cents=(0, 2), attack=(0.003, 0.01), sustain=(1, 1), release=(0.03, 0.08), cutoff=(4000, 14000), octave=-1),
    "pipe organ": dict(form=["pipes"], voices=(2, 5), cents=(1, 5), attack=(0.03, 0.12), sustain=(1, 1), release=(0.1, 0.35), cutoff=(4000, 16000), octave=-1),
    "reeds": dict(form=["reed"], voices=(2, 4), cents=(3, 14), attack=(0.03, 0.08), sustain=(0.9, 1), release=(0.06, 0.15), cutoff=(3000, 9000)),
    "chip": dict(form=["pulse", "square", "triangle"], voices=(1, 2), cents=(0, 1), attack=(0.001, 0.003), decay=(0.1, 0.6), sustain=(0.3, 0.9), release=(0.01, 0.05), cutoff=(17000, 18000)),
    "synth bass": dict(form=["saw", "square", "pulse"], voices=(1, 3), cents=(2, 10), attack=(0.002, 0.01), sustain=(0.3, 0.9), release=(0.03, 0.12), cutoff=(150, 900), sweep=(0.5, 3.5), resonance=(0.2, 1.2)),
    "reese bass": dict(form=["saw"], voices=(3, 5), cents=(12, 35), attack=(0.005, 0.03), sustain=(0.9, 1), release=(0.05, 0.15), cutoff=(250, 1200), sweep=(-0.5, 1)),
    "sub bass": dict(form=["sine"], voices=(1, 2), cents=(0, 1), attack=(0.002, 0.01), decay=(0.5, 1.5), sustain=(0.2, 0.9), release=(0.05, 0.3), cutoff=(300, 2000)),
    "theremin lead": dict(form=["sine", "sine", "triangle"], voices=(1, 2), cents=(0, 2), attack=(0.03, 0.12), release=(0.05, 0.2), cutoff=(2000, 8000), glide=(0.03, 0.1), vibrato=(0.15, 0.8)),
    "saw lead": dict(form=["saw", "pulse"], voices=(1, 4), cents=(3, 15), attack=(0.005, 0.03), release=(0.05, 0.2), cutoff=(1200, 7000), glide=(0.005, 0.06), vibrato=(0.05, 0.4), resonance=(0.3, 1.4)),
    "square lead": dict(form=["square", "triangle", "pulse"], voices=(1, 3), cents=(1, 8), attack=(0.005, 0.03), release=(0.05, 0.2), cutoff=(1500, 7000), glide=(0.005, 0.06), vibrato=(0.05, 0.4)),
    "wah lead": dict(form=["saw", "pulse"], voices=(1, 3), cents=(2, 10), attack=(0.005, 0.04), release=(0.05, 0.2), cutoff=(500, 1200), glide=(0.01, 0.08), vibrato=(0.1, 0.5), resonance=(0.12, 0.4), wah=(0.4, 1.3)),
}  # fmt: skip
STRINGS = {"steel": (0.996, 0.75, 0.6), "nylon": (0.994, 0.45, 0.35), "harp": (0.997, 0.4, 0.25), "harpsichord": (0.997, 0.92, 1.0),
           "muted": (0.96, 0.35, 0.4), "electric": (0.9985, 0.6, 0.5), "string bass": (0.993, 0.3, 0.2)}  # decay, brightness, pick  # fmt: skip
BELLS = {
    "fm piano": (1.0, 1.2, 1.6, 0.5),
    "fm bell": (3.5, 3.0, 2.5, 1.2),
    "fm bass": (0.5, 2.5, 0.7, 0.25),
    "fm wood": (2.4, 2.0, 0.35, 0.1),
}
NAMES = [*PATCHES, *STRINGS, *BELLS]


def drawn(name, rng):
    """A patch with every range drawn."""
    patch = dict(
        decay=(0.2, 1.0), sustain=(0.8, 1.0), sweep=(0, 0), resonance=(1, 1.8), glide=(0, 0), vibrato=(0, 0), wah=(0, 0), octave=0
    )
    patch |= PATCHES[name]
    form = str(rng.choice(patch.pop("form")))
    low, high = patch.pop("voices")
    patch = {k: float(rng.uniform(*v)) if isinstance(v, tuple) else v for k, v in patch.items()}
    count = int(rng.integers(low, high))
    spread = np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
    angle = (1 + rng.permutation(spread) * rng.uniform(0, 1)) * np.pi / 4
    patch |= dict(ratios=2.0 ** (patch["cents"] * spread / 1200 + patch["octave"]), phases=rng.random(count))
    return patch | dict(table=tables(form, rng), left=np.cos(angle) / count**0.5, right=np.sin(angle) / count**0.5)


def envelope(frames, gate, patch):
    """Attack, decay to the sustain level, release after `gate` seconds."""
    time = np.arange(frames) / RATE
    level = patch["sustain"] + (1 - patch["sustain"]) * np.exp(-time / patch["decay"])
    level *= np.clip(time / patch["attack"], 0, 1)
    end = min(frames, int(gate * RATE))
    level[end:] *= np.exp(-4.0 * (time[end:] - gate) / patch["release"])
    tail = min(frames, 300)
    level[-tail:] *= np.linspace(1, 0, tail)
    return level.astype(np.float32)


def tone(patch, hertz, cutoff):
    octave = int(np.clip(np.log2(hertz.max() * patch["ratios"].max() / 20), 0, 9))
    wave = oscillate(patch["table"][octave], hertz, patch["ratios"], patch["phases"], patch["left"], patch["right"])
    return state_filter(wave, cutoff, patch["resonance"], 0.7 if patch["wah"] else 0.0)


def hertz_of(pitch):
    return 440.0 * 2.0 ** ((np.asarray(pitch) - 69) / 12)


def patch_note(patch, pitch, length, velocity):
    frames = int((length + patch["release"]) * RATE)
    level = envelope(frames, length, patch)
    sweep = patch["sweep"] * (level[::32] / max(level.max(), 1e-3)) + velocity
    cutoff = np.maximum(patch["cutoff"], hertz_of(pitch) * 1.2) * 2.0**sweep
    return tone(patch, np.full(frames, hertz_of(pitch)), cutoff) * level[:, None]


def string_note(name, pitch, length, velocity, rng):
    decay, bright, pick = STRINGS[name]
    noise = rng.uniform(-1, 1, int(RATE / hertz_of(pitch)) + 1)
    noise = lfilter([1 - 0.9 * (1 - pick) * (1.2 - velocity)], [1, -0.9 * (1 - pick) * (1.2 - velocity)], noise)
    noise -= np.roll(noise, max(1, len(noise) // 6))  # plucked a sixth along the string
    frames = int((length + 0.12) * RATE)
    # The damping per round is for 220 Hz: without this high notes would die at once and low ones ring for ever.
    lasting = decay ** (220 / hertz_of(pitch)) ** 0.8
    wave = string(noise.astype(np.float32), float(hertz_of(pitch)), frames, lasting, bright)
    wave *= shape(frames, 1.0, 0.0005, 0.1) * 0.3
    return np.repeat(wave[:, None], 2, 1)


def fm_note(name, pitch, length, velocity):
    ratio, index, decay, bite = BELLS[name]
    frames = int((length + 0.2) * RATE)
    time = np.arange(frames) / RATE
    turn = 2 * np.pi * hertz_of(pitch) * time
    wave = np.sin(turn + index * (0.4 + velocity) * np.exp(-time / bite) * np.sin(ratio * turn))
    wave += 0.2 * np.exp(-time / 0.08) * np.sin(7 * turn) * (hertz_of(pitch) < 2500)
    wave = (wave * np.exp(-time / decay) * shape(frames, 1.0, 0.002, 0.2) * 0.25).astype(np.float32)
    return np.repeat(wave[:, None], 2, 1)


def synth_play(notes, frames, name, rng):
    """Notes on one synthesiser; a note that comes again (same pitch, length and touch) is not rendered again."""
    patch = drawn(name, rng) if name in PATCHES else None
    if patch and patch["glide"]:
        return lead_play(notes, frames, patch, rng)
    out, made = np.zeros((frames, 2), np.float32), {}
    for start, length, pitch, velocity in notes:
        key = (int(pitch), round(length * 16) / 16 or 1 / 16, round(velocity * 3) / 3)
        if key not in made:
            if patch:
                made[key] = patch_note(patch, *key)
            else:
                made[key] = string_note(name, *key, rng) if name in STRINGS else fm_note(name, *key)
        add(out, int(start * RATE), made[key] * np.float32(0.3 + 0.7 * velocity))
    return out


def lead_play(notes, frames, patch, rng):
    """A line on one voice that glides from note to note, swells and has a vibrato."""
    pitches, gate = np.full(frames, float(notes[0][2])), np.zeros(frames)
    for start, length, pitch, velocity in sorted(notes):
        a, b = int(start * RATE), int((start + length) * RATE)
        pitches[a:] = pitch
        gate[a:b] = 0.4 + 0.6 * velocity
    glide = np.exp(-1 / (patch["glide"] * RATE))
    pitches = lfilter([1 - glide], [1, -glide], pitches, zi=[pitches[0] * glide])[0]
    slow = np.exp(-1 / (patch["attack"] * RATE))
    level = lfilter([1 - slow], [1, -slow], gate)
    time = np.arange(frames) / RATE
    drift = np.interp(time, np.linspace(0, time[-1], 40), rng.uniform(0.2, 1, 40))
    pitches += patch["vibrato"] * drift * np.sin(2 * np.pi * rng.uniform(4.5, 7) * time)
    hertz = hertz_of(pitches)
    cutoff = np.maximum(patch["cutoff"], hertz[::32]) * 2.0 ** (patch["sweep"] + drift[::32] * level[::32])
    cutoff *= 2.0 ** (patch["wah"] * np.sin(2 * np.pi * rng.uniform(0.3, 3) * time[::32]))
    return tone(patch, hertz, cutoff) * level[:, None].astype(np.float32)


# ---------------------------------------------------------------- drums

KICK, RIM, SNARE, CLAP, HAT, OPEN, RIDE, CRASH, COWBELL = 36, 37, 38, 39, 42, 46, 51, 49, 56
TOMS = (41, 45, 48, 50)


def noise_hit(rng, length, low, high, decay):
    time = np.arange(int(length * RATE)) / RATE
    noise = sosfilt(butter(2, [low, min(high, 20000)], "band", fs=RATE, output="sos"), rng.normal(0, 1, len(time)))
    return noise * np.exp(-time / decay)


def boom(length, start, end, drop, decay, drive):
    time = np.arange(int(length * RATE)) / RATE
    turn = 2 * np.pi * np.cumsum(end + (start - end) * np.exp(-time / drop)) / RATE
    return np.tanh(np.sin(turn) * np.exp(-time / decay) * drive)


def drum_kit(rng):
    """One hit per drum of an electronic kit, from deep and long (808) to short and hard (909), or only blips."""
    u = rng.uniform
    kit = {KICK: boom(1.2, u(120, 350), u(38, 60), u(0.01, 0.05), u(0.12, 0.6), u(1, 4))}
    tone, body = u(150, 240), boom(0.3, 320, u(150, 230), 0.015, u(0.05, 0.12), 1)
    kit[SNARE] = np.tanh(0.5 * noise_hit(rng, 0.3, u(500, 1800), u(6000, 14000), u(0.05, 0.14)) + 0.6 * body)
    clap = noise_hit(rng, 0.4, 800, u(3000, 8000), u(0.06, 0.15))
    kit[CLAP] = 0.5 * sum(np.roll(clap, int(k * 0.011 * RATE)) * (1 if k == 2 else 0.6) for k in range(3))
    top = u(5000, 8500)
    for drum, length, decay in ((HAT, 0.15, u(0.015, 0.05)), (OPEN, 0.6, u(0.12, 0.3)), (RIDE, 1.2, 0.4), (CRASH, 2.0, 0.7)):
        time = np.arange(int(length * RATE)) / RATE
        metal = sum(np.sign(np.sin(2 * np.pi * f * time)) for f in tone * np.array([1.3, 1.9, 2.36, 3.1, 4.4])) * u(0, 0.15)
        metal = sosfilt(butter(2, top, "high", fs=RATE, output="sos"), metal) * np.exp(-time / decay)
        kit[drum] = 0.35 * (noise_hit(rng, length, top, 18000, decay) + metal)
    for drum, base in zip(TOMS, (80, 110, 150, 190)):
        kit[drum] = 0.8 * boom(0.6, base * 1.8, base, 0.04, u(0.1, 0.25), 1.2)
    kit[RIM] = 0.5 * boom(0.06, 1700, u(400, 900), 0.003, 0.012, 1.5)
    time = np.arange(int(0.25 * RATE)) / RATE
    kit[COWBELL] = 0.2 * sum(np.sign(np.sin(2 * np.pi * f * time)) for f in (540, 800)) * np.exp(-time / 0.06)
    return {drum: (hit * shape(len(hit), 1.0, 0.0003, 0.01)).astype(np.float32) for drum, hit in kit.items()}


def drums_play(notes, frames, rng):
    kit = drum_kit(rng)
    angle = {drum: np.pi / 4 * (1 + rng.uniform(-0.5, 0.5) * (drum not in (KICK, SNARE))) for drum in kit}
    nearest = {44: HAT, 35: KICK, 40: SNARE, 53: RIDE, 59: RIDE, 57: CRASH, 43: 41, 47: 45}
    out = np.zeros((frames, 2), np.float32)
    for start, _, drum, velocity in notes:
        drum = nearest.get(drum, drum)
        if drum in kit:
            sides = np.array([np.cos(angle[drum]), np.sin(angle[drum])], np.float32)
            add(out, int(start * RATE), kit[drum][:, None] * sides * np.float32(velocity**1.5))
    return out


def riser(frames, rng, starts, length):
    """Filtered noise that rises towards each of `starts`."""
    out = np.zeros((frames, 2), np.float32)
    size = int(length * RATE)
    noise = rng.normal(0, 0.2, (size, 2)).astype(np.float32)
    cutoff = 300 * 40 ** np.linspace(0, 1, size // 32 + 1)
    wave = state_filter(noise, cutoff, 0.5, 0.8) * (np.linspace(0, 1, size, dtype=np.float32)[:, None] ** 2)
    for start in starts:
        if start - length > 0:
            add(out, int((start - length) * RATE), wave)
    return out
