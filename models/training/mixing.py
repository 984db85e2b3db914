"""Mixes songs that never were, on the fly: a voice over a backing, as a person in a studio and a lossy codec would have left them.

`Library` knows what lies under WORK; `example` draws one mix of it and `spectra` turns it into what a network is given. All is
float32, 44.1 kHz, sound as [2, samples]. Whatever is done to a mix as a whole (compression, limiting, width, codecs) is done
so that voice and backing still add up to it.
"""

import functools
import io

import numpy as np
import scipy.fft
import scipy.signal
import sound
from networks import BINS, FRAMES, HOP, N_FFT

WINDOW = (FRAMES - 1) * HOP  # samples of an example
VALIDATION_SONG = "6.Caesium"  # of the album; never mixed in training
VALIDATION_EVERY = 40  # of the generated items, one in so many is kept for validation
FULL_BAND = 20_000

# Where a voice comes from, and how often. The album has one singer: at most 30 %.
VOICES = {"generated": 0.74, "album": 0.26}
# Where a backing comes from. `music`: recordings without voices, of every genre.
BACKINGS = {"generated": 0.50, "album": 0.18, "music": 0.32}
# Recordings in which a first model heard voices are drawn more often.
HARD = ("arcadia", "air prelude", "krampus", "time passes", "schmetterling", "observingthestar", "chopin", "evening fall", "hungarian")
MUTED = 3  # bins at the bottom that kind `mdx` never shows a network
WITHOUT_VOICE = 0.11
WITHOUT_BACKING = 0.02
BALANCE = (-16.0, -2.0, 8.0)  # dB of voice against backing: least, most often, most


@functools.lru_cache(maxsize=2048)
def opened(path):
    return np.load(path, mmap_mode="r")


def cut(array, at, length):
    """`length` frames of an int16 [frames, 2] array from `at` on, as float32 [2, length]; silence beyond its end."""
    piece = np.asarray(array[max(0, at) : at + length]).astype(np.float32).T / 32768.0
    return np.pad(piece, ((0, 0), (0, length - piece.shape[1])))


def anywhere(rng, frames, length):
    return int(rng.integers(max(1, frames - length)))


def rms(x):
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)) + 1e-20))


def active_rms(x, block=4096):
    """RMS over the blocks that are not silent beside the loudest."""
    power = np.square(x[:, : x.shape[1] // block * block]).reshape(2, -1, block).mean((0, 2))
    return float(np.sqrt(power[power >= power.max() * 0.01].mean() + 1e-20))


class Library:
    """All sound of one split: `train`, or `valid` with what training leaves out."""

    def __init__(self, work, split):
        self.work, self.split = work, split
        self.refresh()

    def refresh(self):
        """Looks again at what there is: generators may still be at work."""
        valid = self.split == "valid"
        kept = lambda index: (index % VALIDATION_EVERY == 7) == valid
        listed = lambda folder: [p for i, p in enumerate(sorted((self.work / folder).glob("*.npy"))) if kept(i)]
        self.voices = [(p, sound.note(p)) for p in listed("voices/train")]
        self.backings = listed("backing/train")
        music = sorted((self.work / "sound/instrumental").rglob("*.npy"))
        music = [p for i, p in enumerate(music) if (i % 12 == 5) == valid]
        self.music = [p for p in music for _ in range(3 if any(h in p.stem.lower() for h in HARD) else 1)]
        self.songs = {}
        for path in sorted((self.work / "sound/everything-is-free").glob("*.npy")):
            song, group = path.stem.rsplit(".", 1)
            if (song == VALIDATION_SONG) == valid:
                self.songs.setdefault(song, {})[group] = path
        self.sung = [where for song in self.songs for where in self.active_seconds(song)]
        if not (self.voices and self.backings and self.music and self.sung):
            raise SystemExit(f"nothing to mix under {self.work}: see README.md, `prepare.py`, `voices.py` and `backing.py` come first")
        return self

    def active_seconds(self, song):
        """(song, group, second) wherever a singer of the album is at it."""
        found = []
        for group in ("lead", "bg"):
            array = opened(self.songs[song][group])
            seconds = len(array) // sound.RATE
            thin = np.asarray(array[: seconds * sound.RATE].reshape(seconds, sound.RATE, 2)[:, ::16], np.float32) / 32768
            level = np.sqrt(np.square(thin).mean((1, 2)))
            found += [(song, group, int(s)) for s in np.flatnonzero(level > max(0.004, level.max() * 0.12))]
        return found

    def voice(self, rng, length):
        """A voice [2, length], and the frequency up to which it has any treble."""
        if rng.random() < VOICES["album"]:
            return self.album_voice(rng, length), FULL_BAND
        path, note = self.voices[rng.integers(len(self.voices))]
        array = opened(path)
        return cut(array, anywhere(rng, len(array), length), length), note.get("band_hz", FULL_BAND)

    def album_voice(self, rng, length):
        song, group, second = self.sung[rng.integers(len(self.sung))]
        at = int(second * sound.RATE - rng.uniform(0, 0.8) * length)
        voice = cut(opened(self.songs[song][group]), max(0, at), length)
        if rng.random() < 0.5:
            other = "bg" if group == "lead" else "lead"
            voice = voice + cut(opened(self.songs[song][other]), max(0, at), length) * 10 ** (rng.uniform(-8, 3) / 20)
        return voice

    def backing(self, rng, length):
        kind = rng.choice(list(BACKINGS), p=list(BACKINGS.values()))
        backing = getattr(self, f"{kind}_backing")(rng, length)
        if kind == "music" and rng.random() < 0.3:
            rhythm = self.generated_backing(rng, length, groups=(0,))
            backing = backing / (rms(backing) + 1e-6) * 0.1 + rhythm / (rms(rhythm) + 1e-3) * 0.1 * 10 ** (rng.uniform(-8, 2) / 20)
        return backing

    def generated_backing(self, rng, length, groups=(0, 1)):
        array = opened(self.backings[rng.integers(len(self.backings))])
        at = anywhere(rng, array.shape[1], length)
        total = np.zeros((2, length), np.float32)
        for group in groups:
            if len(groups) == 1 or rng.random() > 0.08:
                total += cut(array[group], at, length) * np.float32(10 ** (rng.uniform(-5, 5) / 20))
        return total

    def album_backing(self, rng, length):
        names = list(self.songs)
        song = names[rng.integers(len(names))]
        at = anywhere(rng, len(opened(self.songs[song]["other"])), length)
        total = np.zeros((2, length), np.float32)
        for group in ("drums", "bass", "fx", "other"):
            if group in self.songs[song] and rng.random() > 0.1:
                total += cut(opened(self.songs[song][group]), at, length) * np.float32(10 ** (rng.uniform(-6, 6) / 20))
        return total

    def music_backing(self, rng, length):
        array = opened(self.music[rng.integers(len(self.music))])
        return cut(array, anywhere(rng, len(array), length), length)


def faster(x, length, factor):
    """Plays `x` at `factor` times the speed (pitch goes along), by linear interpolation."""
    at = np.arange(length) * factor
    whole = at.astype(np.int64)
    part = (at - whole).astype(np.float32)
    whole = np.minimum(whole, x.shape[1] - 2)
    return x[:, whole] * (1 - part) + x[:, whole + 1] * part


def at_some_speed(rng, draw):
    """What `draw(length)` gives, one window long, faster or slower half of the time."""
    factor = rng.uniform(0.84, 1.19) if rng.random() < 0.5 else 1.0
    drawn = draw(int(WINDOW * factor) + 4)
    x, rest = drawn if isinstance(drawn, tuple) else (drawn, None)
    x = x[:, :WINDOW] if factor == 1.0 else faster(x, WINDOW, factor)
    if rng.random() < 0.5:
        x = x[::-1]
    return (x, rest) if isinstance(drawn, tuple) else x


def with_width(x, width):
    """Scales the difference of the channels: 0 is mono, 1 leaves `x` as it is."""
    middle = x.mean(0, keepdims=True)
    return middle + (x - middle) * np.float32(width)


def compression(mix, rng):
    """Gains [samples] of a bus compressor: level over 6 ms, then smoothed in dB."""
    block = 256
    blocks = mix.shape[1] // block
    power = np.square(mix[:, : blocks * block]).reshape(2, blocks, block).mean((0, 2))
    level = 10 * np.log10(power + 1e-10)
    over = np.maximum(0, level - (level.max() - rng.uniform(4, 16)))
    target = -over * (1 - 1 / rng.uniform(1.5, 6))
    keep = np.exp(-block / sound.RATE / rng.uniform(0.02, 0.25))
    smooth = scipy.signal.lfilter([1 - keep], [1, -keep], target)
    at = (np.arange(mix.shape[1], dtype=np.float32) - block / 2) / block
    return (10 ** (np.interp(at, np.arange(blocks), smooth) / 20)).astype(np.float32)


def limiting(mix, rng):
    """Gains [2, samples] of a soft clipper."""
    driven = mix / (np.abs(mix).max() + 1e-9) * rng.uniform(1.0, 3.5)
    return np.where(np.abs(driven) < 1e-4, 1.0, np.tanh(driven) / np.where(driven == 0, 1.0, driven)).astype(np.float32)


def coded(mix, rng):
    """`mix` after a lossy codec, in place; None where none is installed."""
    try:
        import av
    except ImportError:
        return None
    name, form = [("libmp3lame", "mp3"), ("aac", "mp4")][int(rng.random() < 0.4)]
    peak = np.abs(mix).max() + 1e-9
    file = io.BytesIO()
    with av.open(file, "w", format=form) as out:
        stream = out.add_stream(name, rate=sound.RATE, layout="stereo")
        stream.bit_rate = int(rng.choice([96, 128, 128, 160, 192]) * 1000)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mix / peak * 0.9, np.float32), "fltp", "stereo")
        frame.sample_rate = sound.RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    file.seek(0)
    with av.open(file) as back:
        planes = np.concatenate([f.to_ndarray() for f in back.decode(audio=0)], axis=1)
    return aligned(planes.astype(np.float32) * (peak / 0.9), mix)


def aligned(decoded, mix):
    """Cuts a codec's delay off `decoded`, found by correlation; the length is that of `mix`."""
    size = 1 << 17
    spectrum = scipy.fft.rfft(decoded[0, : size // 2], size) * np.conj(scipy.fft.rfft(mix[0, : size // 2], size))
    lag = int(np.argmax(scipy.fft.irfft(spectrum, size)))
    decoded = decoded[:, lag:] if lag < 8192 else decoded
    decoded = decoded[:, : mix.shape[1]]
    return np.pad(decoded, ((0, 0), (0, mix.shape[1] - decoded.shape[1])))


def on_the_bus(voice, backing, rng):
    """What is done to a whole mix, as it changes its two parts."""
    if rng.random() < 0.18:
        width = 0.0 if rng.random() < 0.4 else rng.uniform(0.1, 1.4)
        voice, backing = with_width(voice, width), with_width(backing, width)
    if rng.random() < 0.35:
        gains = compression(voice + backing, rng)
        voice, backing = voice * gains, backing * gains
    if rng.random() < 0.15:
        gains = limiting(voice + backing, rng)
        voice, backing = voice * gains, backing * gains
    if rng.random() < 0.08:
        mix = coded(voice + backing, rng)
        if mix is not None:
            backing = mix - voice
    return voice, backing


def example(library, rng):
    """One mix: voice, backing [2, WINDOW] and the frequency above which the voice has nothing."""
    backing = at_some_speed(rng, lambda n: library.backing(rng, n))
    voice, band = at_some_speed(rng, lambda n: library.voice(rng, n))
    if rng.random() < 0.12:
        voice = with_width(voice, rng.uniform(0, 1))
    if rng.random() < 0.3:
        backing = with_width(backing, rng.uniform(0, 2.0))
    backing_level, voice_level = rms(backing), active_rms(voice)
    backing = backing * np.float32(0.1 / backing_level) if backing_level > 2e-4 else backing * 0
    gain = 0.1 / voice_level * 10 ** (rng.triangular(*BALANCE) / 20) if voice_level > 1e-4 else 0.0
    choice = rng.random()
    voice = voice * np.float32(0 if choice < WITHOUT_VOICE else gain)
    if WITHOUT_VOICE <= choice < WITHOUT_VOICE + WITHOUT_BACKING:
        backing = backing * 0
    voice, backing = on_the_bus(voice, backing, rng)
    return voice.astype(np.float32), backing.astype(np.float32), band


_HANN = scipy.signal.get_window("hann", N_FFT, fftbins=True).astype(np.float32)
_OCTAVES = np.log(np.maximum(np.arange(BINS), 1.0))


def stft(x):
    """Spectrogram [channels, frames, bins] of [channels, samples], centred, reflected at the ends."""
    padded = np.pad(x, ((0, 0), (N_FFT // 2, N_FFT // 2)), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT, axis=1)[:, ::HOP]
    return scipy.fft.rfft(frames * _HANN, axis=2)[..., :BINS].astype(np.complex64)


def equaliser(rng):
    """Gains [bins] of a random tone control."""
    if rng.random() < 0.4:
        return np.ones(BINS, np.float32)
    points = rng.normal(0, 2.6, 7)
    return (10 ** (np.interp(_OCTAVES, np.linspace(0, _OCTAVES[-1], 7), points) / 20)).astype(np.float32)


def low_pass(hertz):
    """Gains [bins] that fall to nothing within a tenth above `hertz`."""
    frequency = np.arange(BINS) * (sound.RATE / N_FFT)
    return np.clip((hertz * 1.1 - frequency) / (hertz * 0.1), 0, 1).astype(np.float32)


def planes(z):
    """Complex [2, frames, bins] to real [4, frames, bins]: left real, left imaginary, right real, right imaginary."""
    return np.stack([z[0].real, z[0].imag, z[1].real, z[1].imag])


def spectra(library, rng):
    """Mix and voice as a network is given them: float32 [4, frames, bins] each, the mix at one level."""
    voice, backing, band = example(library, rng)
    voice, backing = stft(voice) * equaliser(rng), stft(backing) * equaliser(rng)
    # A voice without treble must not teach that treble is never voice: half of the time the backing has none either.
    if band < FULL_BAND and rng.random() < 0.5 or rng.random() < 0.06:
        limit = low_pass(min(band, rng.uniform(5000, 16_000)) if band >= FULL_BAND else band)
        voice, backing = voice * limit, backing * limit
    voice[..., :MUTED], backing[..., :MUTED] = 0, 0
    mix = voice + backing
    level = np.sqrt(np.mean(np.square(np.abs(mix))) + 1e-12)
    return planes(mix / level), planes(voice / level)
