"""What studios do to voices: tone, compression, saturation, places in the stereo image, delay and rooms.

`m` is the maker of an item (voices.py): its random generator and `u(low, high)`, a number drawn between two.
"""

import numpy as np
import pedalboard as fx
from scipy.signal import fftconvolve

from sound import RATE

FULL = 22_050.0  # a voice that goes up to here is not band-limited


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
        chain += [
            fx.HighpassFilter(m.u(300, 500)),
            fx.HighpassFilter(350),
            fx.LowpassFilter(m.u(2800, 4000)),
            fx.LowpassFilter(3500),
        ]
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
