"""Songs whose parts are known, for evaluate.py: folders of stems, stem files, a mix with its official instrumental.

Sound is stereo float32 [2, frames] at 44.1 kHz. Needs numpy, soundfile; soxr for other rates; ffmpeg for what libsndfile cannot read
and for stem files.
"""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import soundfile

RATE = 44_100
ENDINGS = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".mp4", ".aif", ".aiff"}
STEM_FILE = ".stem.mp4"
VOCALS = "vocal,voice,lead,bg,back"
NEVER_VOCALS, NO_STEMS = {"backing", "accompaniment", "instrumental"}, {"mix", "mixture"}


def decode(path):
    """Stereo float32 [2, frames] at RATE."""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        if not shutil.which("ffmpeg"):
            raise
        return stream(path, 0)
    if rate != RATE:
        import soxr
        samples = soxr.resample(samples, rate, RATE)
    if samples.shape[1] == 1:
        samples = np.repeat(samples, 2, 1)
    return np.ascontiguousarray(samples[:, :2].T, np.float32)


def stream(path, number):
    """An audio stream of a file, by ffmpeg."""
    command = ["ffmpeg", "-v", "error", "-i", path, "-map", f"0:a:{number}", "-ac", "2", "-ar", str(RATE), "-f", "f32le", "-"]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    return np.ascontiguousarray(np.frombuffer(raw, "<f4").reshape(-1, 2).T)


def read_stem_file(path):
    """True vocals and backing of a stem file (Native Instruments' `.stem.mp4`): the mix, then drums, bass, other, vocals."""
    command = ["ffprobe", "-v", "error", "-select_streams", "a", "-show_entries", "stream=index", "-of", "csv=p=0", path]
    count = len(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    if count != 5:
        raise SystemExit(f"{path}: {count} audio streams where a stem file has five: mix, drums, bass, other, vocals")
    *backing, vocals = (stream(path, number) for number in range(1, 5))
    length = min(x.shape[1] for x in [*backing, vocals])
    return vocals[:, :length], sum(x[:, :length] for x in backing)


def genre(path):
    """What a `note.json` in the song's folder says, or beside a stem file; none otherwise."""
    note = path / "note.json" if path.is_dir() else path.with_name(path.name.removesuffix(STEM_FILE) + ".json")
    return json.loads(note.read_text()).get("genre") or None if note.is_file() else None


def stem_paths(folder, match=""):
    paths = (p for p in folder.iterdir() if p.is_file() and p.suffix.lower() in ENDINGS and match in p.name and not p.name.endswith(STEM_FILE))
    return sorted(p for p in paths if p.stem.lower() not in NO_STEMS)


def find_songs(folder, match):
    """(name, set, place) of all songs at or below `folder`: folders of stems, and stem files."""
    folder = folder.resolve()
    found = sorted(d for d in [folder, *(p for p in folder.rglob("*") if p.is_dir())] if stem_paths(d, match))
    found += sorted(p for p in folder.rglob("*" + STEM_FILE) if match in p.name)
    names = [d.relative_to(folder.parent if d == folder else folder) for d in found]
    sets = [name.parts[0] if len(name.parts) > 1 else folder.name for name in names]
    return list(zip(map(str, names), sets, found))


def read_stems(folder, match="", vocal_names=VOCALS):
    """True vocals and true backing. A song without vocals has silence for them."""
    if folder.is_file():
        return read_stem_file(folder)
    vocals, backing = [], []
    for path in stem_paths(folder, match):
        parts = re.split(r"[.\s_()\-]+", path.stem.lower())
        vocal = any(part.startswith(name) for part in parts for name in vocal_names.split(",")) and path.stem.lower() not in NEVER_VOCALS
        (vocals if vocal else backing).append(decode(path))
    if not backing:
        raise SystemExit(f"{folder}: there must be at least one stem that is not vocals")
    if not vocals:
        print(f"{folder}: no vocals", file=sys.stderr)
        vocals = [np.zeros_like(backing[0])]
    length = min(x.shape[1] for x in vocals + backing)
    return sum(x[:, :length] for x in vocals), sum(x[:, :length] for x in backing)


def read_pair(voice, backing, seconds=40):
    backing = decode(backing)[:, : seconds * RATE]
    voice = np.resize(decode(voice).mean(0), backing.shape[1])[None].repeat(2, 0)
    level = lambda x: np.sqrt(np.square(x, dtype=np.float64).mean())
    return (voice * (0.5 * level(backing) / level(voice))).astype(np.float32), backing


def read_release(mix, instrumental):
    """True vocals and backing of a song and its official instrumental, which begins elsewhere and is louder or quieter.

    The instrumental is moved to where it fits best (cross-correlation, to the sample) and scaled to fit (least squares, over
    the quietest tenth of what is left, where nobody sings, so that the voice has no say). What the mix has besides counts
    as vocals: also what was mastered differently, which is why scores of such pairs are lower than of stems.
    """
    mix, backing = decode(mix), decode(instrumental)
    lag = offset(mix.mean(0), backing.mean(0))
    backing = backing[:, max(0, -lag) :]
    backing = np.pad(backing, ((0, 0), (max(0, lag), 0)))
    length = min(mix.shape[1], backing.shape[1])
    mix, backing = mix[:, :length], backing[:, :length]
    gain = fitted_gain(mix, backing)
    print(f"the instrumental begins {lag / RATE:+.4f} s from the mix, {20 * np.log10(abs(gain) + 1e-9):+.2f} dB", file=sys.stderr)
    return mix - np.float32(gain) * backing, np.float32(gain) * backing


def offset(mix, backing):
    """By how many samples `backing` has to be moved to the right to lie where it does in `mix`."""
    size = 1 << (len(mix) + len(backing) - 1).bit_length()
    spectrum = np.fft.rfft(mix, size) * np.conj(np.fft.rfft(backing, size))
    # Whitened by half: sharper than plain correlation, and not all noise as with all of it.
    found = np.fft.irfft(spectrum / np.sqrt(np.abs(spectrum) + 1e-12), size)
    lag = int(np.argmax(np.abs(found)))
    return lag if lag < len(mix) else lag - size


def fitted_gain(mix, backing, seconds=1):
    """The factor on the backing that leaves least of the mix where there is least besides."""
    span = seconds * RATE
    blocks = mix.shape[1] // span or 1
    cut = lambda x: x[:, : blocks * span].reshape(2, blocks, -1).transpose(1, 0, 2).reshape(blocks, -1).astype(np.float64)
    m, b = cut(mix), cut(backing)
    power = (b * b).sum(1)
    loud = power > 0.05 * power.max()
    gains = (m * b).sum(1)[loud] / power[loud]
    left = (np.square(m[loud] - gains[:, None] * b[loud]).sum(1)) / power[loud]
    return float(np.median(gains[left <= np.quantile(left, 0.1)]))
