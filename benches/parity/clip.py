#!/usr/bin/env python3
"""Plays a little band into a stereo float32 WAV: drums, bass, plucked strings, FM piano, a voice.

Everything is synthesised from a seed, so the sound belongs to nobody and is the same everywhere
(up to rounding). It is played bar by bar, so a clip of hours takes little memory.
"""

import argparse
import math
from pathlib import Path

import numpy as np

import wav

RATE = 44_100
BEAT = RATE * 60 // 104
BAR = 4 * BEAT
TAIL = 2 * RATE
CHORDS = [(57, 60, 64), (53, 57, 60), (48, 55, 64), (55, 59, 62)]
SCALE = (57, 60, 62, 64, 67, 69, 72)
VOWELS = {  # formants: hertz, bandwidth, level
    "a": ((800, 80, 1.0), (1150, 90, 0.5), (2900, 120, 0.25), (3900, 130, 0.1)),
    "o": ((450, 70, 1.0), (800, 80, 0.3), (2830, 100, 0.1), (3800, 130, 0.05)),
    "i": ((350, 60, 1.0), (2200, 100, 0.3), (3300, 120, 0.25), (4200, 150, 0.1)),
    "u": ((325, 50, 1.0), (700, 60, 0.15), (2700, 170, 0.05), (3800, 180, 0.03)),
}


def hertz(note):
    return 440.0 * 2 ** ((note - 69) / 12)


def seconds(length):
    return np.arange(length) / RATE


def fade(x, start, end):
    """Fades both ends, over seconds."""
    a, b = max(1, int(start * RATE)), max(1, int(end * RATE))
    x[:a] *= np.linspace(0, 1, a)
    x[-b:] *= np.linspace(1, 0, b)
    return x


def smoothed(x, width):
    return np.convolve(x, np.hanning(width + 2)[1:-1] / (width / 2 + 0.5), "same")


def kick(random):
    t = seconds(RATE // 3)
    pitch = 48 + 110 * np.exp(-t * 32)
    return np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * np.exp(-t * 11) + 0.2 * np.exp(-t * 600)


def snare(random):
    t = seconds(RATE // 4)
    noise = random.standard_normal(len(t))
    return 0.4 * np.sin(2 * np.pi * 190 * t) * np.exp(-t * 28) + 0.35 * (noise - smoothed(noise, 40)) * np.exp(-t * 17)


def hat(random):
    t = seconds(RATE // 8)
    return np.diff(random.standard_normal(len(t)), 2, prepend=[0, 0]) * 0.12 * np.exp(-t * 70)


def bass(note, length):
    t, f = seconds(length), hertz(note)
    tone = sum(np.sin(2 * np.pi * f * k * t + k) / k * np.exp(-t * (1 + 0.9 * k)) for k in range(1, 14))
    return fade(tone, 0.004, 0.03)


def pluck(note, random, length=RATE):
    t, f = seconds(length), hertz(note)
    tone = np.zeros(length)
    for k in range(1, min(24, int(18_000 / f))):
        stretched = f * k * math.sqrt(1 + 4e-4 * k * k)
        tone += np.sin(2 * np.pi * (stretched * t + random.random())) * abs(math.sin(k * 0.7)) / k * np.exp(-t * (2 + 0.6 * k))
    return fade(tone, 0.002, 0.05)


def piano(note, length):
    t, f = seconds(length), hertz(note)
    index = 1.8 * np.exp(-t * 3)
    return fade(np.sin(2 * np.pi * f * t + index * np.sin(2 * np.pi * f * 3.001 * t)) * np.exp(-t * 1.1), 0.004, 0.08)


def voice(note, vowel, length, random):
    """Harmonics under a formant envelope, with vibrato, drift and breath."""
    t = seconds(length)
    drift = smoothed(random.standard_normal(length // 400 + 3), 3)
    drift = 0.15 * np.interp(np.arange(length) / 400, np.arange(len(drift)), drift)
    depth = 0.35 * np.clip((t - 0.15) * 4, 0, 1)
    f = hertz(note + drift + depth * np.sin(2 * np.pi * 5.4 * t) - 1.2 * np.exp(-t * 25))
    phase = 2 * np.pi * np.cumsum(f) / RATE
    tone = np.zeros(length)
    for k in range(1, int(9000 / hertz(note))):
        at = k * hertz(note)
        level = sum(a / math.sqrt(1 + ((at - c) / w) ** 2) for c, w, a in VOWELS[vowel])
        tone += level / k**0.5 * np.sin(k * phase + 0.3 * k * k)
    breath = random.standard_normal(length)
    tone += 0.15 * (breath - smoothed(breath, 8)) * (0.3 + np.exp(-t * 20))
    return fade(tone, 0.03, 0.08)


class Stage:
    """Two channels into which sounds are put at a place and a time."""

    def __init__(self):
        self.sound = np.zeros((2, BAR + TAIL))

    def put(self, x, at, level, pan=0.0, delay=0):
        """`pan` -1 left … 1 right; `delay` frames, so that the right ear hears it later."""
        angle = (pan + 1) * np.pi / 4
        for channel, (gain, late) in enumerate([(math.cos(angle), 0), (math.sin(angle), delay)]):
            end = min(at + late + len(x), self.sound.shape[1])
            self.sound[channel, at + late : end] += level * gain * x[: end - at - late]


def bar(number, seed):
    random = np.random.default_rng([seed, number])
    stage, chord = Stage(), CHORDS[number % 4]
    for beat in range(4):
        at = beat * BEAT
        if beat in (0, 2) or random.random() < 0.15:
            stage.put(kick(random), at, 0.55)
        if beat in (1, 3):
            stage.put(snare(random), at, 0.5, 0.08)
        for half in range(2):
            stage.put(hat(random), at + half * BEAT // 2, 0.5 + 0.3 * random.random(), 0.35)
        stage.put(bass(chord[0] - 24, int(BEAT * 0.9)), at, 0.22)
        stage.put(pluck(chord[beat % 3] + 12, random), at + BEAT // 2, 0.3, -0.6, 11)
        stage.put(pluck(random.choice(chord), random), at, 0.25, 0.7)
    for i, note in enumerate(chord):
        stage.put(piano(note, BAR), int(0.01 * RATE * i), 0.1, (-0.4, 0.1, 0.5)[i], 17)
    at = int(random.integers(0, 2)) * BEAT
    while number % 4 != 3 and at < BAR:
        length = int(random.choice([0.5, 1, 1.5]) * BEAT)
        stage.put(voice(random.choice(SCALE), random.choice(list(VOWELS)), length, random), at, 0.12, 0.0)
        at += length + (BEAT // 2 if random.random() < 0.3 else 0)
    return stage.sound


def room():
    """A short stereo reverberation."""
    random, t = np.random.default_rng(7), seconds(int(0.9 * RATE))
    return random.standard_normal((2, len(t))) * np.exp(-t * 6) * 0.012


def with_room(dry):
    length = dry.shape[1] + int(0.9 * RATE)
    size = 1 << length.bit_length()
    wet = np.fft.irfft(np.fft.rfft(dry, size) * np.fft.rfft(room(), size), size)[:, :length]
    wet[:, : dry.shape[1]] += dry
    return wet


def play(length, seed=0):
    """Yields pieces [2, frames], `length` seconds in all."""
    left, number = int(round(length * RATE)), 0
    pending = np.zeros((2, 0))
    while left > 0:
        played = with_room(bar(number, seed))
        played[:, : pending.shape[1]] += pending
        piece, pending = played[:, : min(BAR, left)], played[:, BAR:]
        yield np.tanh(piece * 0.9).astype(np.float32)
        left -= piece.shape[1]
        number += 1


def clip(length, seed=0, peak=None):
    """The whole clip, [2, frames]; with `peak`, scaled so that its largest sample is exactly that."""
    sound = np.concatenate(list(play(length, seed)), 1)
    if peak is not None:
        sound = sound * (np.float32(peak) / np.abs(sound).max())
        where = np.unravel_index(np.abs(sound).argmax(), sound.shape)
        sound[where] = math.copysign(peak, sound[where])
    return sound.astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with wav.Writer(arguments.out, RATE) as writer:
        for piece in play(arguments.seconds, arguments.seed):
            writer.write(piece)


if __name__ == "__main__":
    main()
