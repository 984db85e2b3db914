#!/usr/bin/env python3
"""Writes the songs that models are measured on: DIR/<set>/<song>/{vocals,backing}.flac, for ../evaluate.py DIR.

  cc0           the song of the album that no model is trained on, whole: its lead and backing voices, and the rest
  synthetic     30 s each: voices that no model is trained on, one after another, over backings from instruments that none is
                trained on; the voices 8 dB quieter to 4 dB louder than the backing
  instrumental  such backings with silent vocals, half of them of the kinds that are taken for voices most easily
  pads          those of them once more, by themselves: ambient, organ, orchestral, chamber, solo

The mix is the sum of the two files. The same WORK gives the same songs, whatever their number; a note.json says what is in each.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import sound
import soundfile

SONG = "everything-is-free/5.Rubidium"
PADS = ("ambient", "organ", "orchestral", "chamber", "solo")
SECONDS, INSTRUMENTALS, HOURS = 30, 16, 0.3


def is_pad(genre):
    """A "church organ" is an organ."""
    return any(word in PADS for word in genre.split())


def load(path, frames=None):
    """Float [frames, 2]; the groups of a backing are added up."""
    samples = np.load(path, mmap_mode="r")[..., :frames, :].astype(np.float32) / 32767
    return samples.sum(0) if samples.ndim == 3 else samples


def write(folder, vocals, rest, **note):
    """Quieter as a whole, where stems or mix would clip."""
    peak = max(np.abs(x).max() for x in (vocals, rest, vocals + rest))
    gain = min(1.0, 0.99 / peak) if peak else 1.0
    folder.mkdir(parents=True)
    for name, samples in (("vocals", vocals), ("backing", rest)):
        soundfile.write(folder / f"{name}.flac", sound.to_int16(samples * gain), sound.RATE, subtype="PCM_16")
    (folder / "note.json").write_text(json.dumps({"gain": round(float(gain), 4), **note}, indent=1) + "\n")


def cc0(work, out):
    stems = {p.stem.rsplit(".", 1)[-1]: p for p in sorted((work / "sound" / "held-out").glob(f"{SONG}.*.npy"))}
    if not stems:
        raise SystemExit(
            f"no {SONG} under {work}/sound/held-out: make it with python3 models/training/prepare.py SOUND --work {work}"
        )
    frames = min(sound.note(p)["frames"] for p in stems.values())
    vocals = sum(load(p, frames) for name, p in stems.items() if name in ("lead", "bg"))
    backing = sum(load(p, frames) for name, p in stems.items() if name not in ("lead", "bg"))
    write(out / "cc0" / Path(SONG).name, vocals, backing, stems=sorted(stems))


def sing(voices, start, frames, random):
    """Voices one after another with gaps, all equally loud, and which they were; `start` is the first in the list."""
    vocals, used, at = np.zeros((frames, 2), np.float32), [], int(random.uniform(0, 1.5) * sound.RATE)
    fade = np.linspace(0, 1, sound.RATE // 50, dtype=np.float32)[:, None]
    while frames - at > 2 * sound.RATE:
        path = voices[(start + len(used)) % len(voices)]
        voice = load(path, frames - at)
        voice[: len(fade)] *= fade
        voice[-len(fade) :] *= fade[::-1]
        voice /= np.sqrt(np.square(voice).mean()) + 1e-9
        vocals[at : at + len(voice)] = voice
        used.append(path)
        at += len(voice) + int(random.uniform(0.5, 2.5) * sound.RATE)
    return vocals, used


def synthetic(voices, backings, out, songs):
    voices = [voices[i] for i in sound.generator("held out voices").permutation(len(voices))]
    backings = [backings[i] for i in sound.generator("held out backings").permutation(len(backings))]
    start = 0
    for index in range(songs):
        random, path = sound.generator("held out song", index), backings[index % len(backings)]
        backing = load(path, SECONDS * sound.RATE)
        vocals, used = sing(voices, start, len(backing), random)
        start += len(used)
        sounding = np.square(vocals).mean() / max((np.abs(vocals).max(1) > 0).mean(), 1e-9)
        level = float(random.uniform(-8, 4))
        vocals *= np.sqrt(np.square(backing).mean() / max(sounding, 1e-12)) * 10 ** (level / 20)
        genre, styles = sound.note(path).get("genre", ""), [sound.note(p).get("style", "") for p in used]
        note = {
            "genre": genre,
            "styles": styles,
            "decibels": round(level, 2),
            "backing": path.stem,
            "voices": [p.stem for p in used],
        }
        write(out / "synthetic" / f"{index:02}-{genre.replace(' ', '-') or 'song'}", vocals, backing, **note)


def instrumental(backings, out):
    """Pads and others in turn, each kind of them in turn."""
    kinds = {}
    for i in sound.generator("held out instrumentals").permutation(len(backings)):
        kinds.setdefault(sound.note(backings[i]).get("genre", ""), []).append(backings[i])
    turns = lambda names: [p for row in range(len(backings)) for name in names for p in kinds[name][row : row + 1]]
    pads = turns(sorted(k for k in kinds if is_pad(k)))
    others = turns(sorted(k for k in kinds if not is_pad(k)))
    half = max(INSTRUMENTALS // 2, INSTRUMENTALS - len(others))
    chosen = pads[:half] + others[: INSTRUMENTALS - min(half, len(pads))]
    for index, path in enumerate(chosen):
        backing, genre = load(path, SECONDS * sound.RATE), sound.note(path).get("genre", "")
        for name in ["instrumental"] + ["pads"] * is_pad(genre):
            write(
                out / name / f"{index:02}-{genre.replace(' ', '-') or 'song'}",
                np.zeros_like(backing),
                backing,
                genre=genre,
                backing=path.stem,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="its sets are written anew")
    parser.add_argument("--songs", type=int, default=24, help="of the synthetic set (default: %(default)s)")
    arguments = parser.parse_args()
    work, out = arguments.work, arguments.out

    heldout = {name: sorted((work / name / "heldout").glob("*.npy")) for name in ("voices", "backing")}
    for name in ("cc0", "synthetic", "instrumental", "pads"):
        shutil.rmtree(out / name, ignore_errors=True)
    cc0(work, out)
    missing = [
        f"python3 models/training/{n}.py --work {work} --split heldout --hours {HOURS}"
        for n, found in heldout.items()
        if not found
    ]
    if missing:
        raise SystemExit("cc0 alone was written; the other sets need what these make:\n  " + "\n  ".join(missing))
    synthetic(heldout["voices"], heldout["backing"], out, arguments.songs)
    instrumental(heldout["backing"], out)
    print({p.name: len(list(p.iterdir())) for p in sorted(out.iterdir()) if p.is_dir()})


if __name__ == "__main__":
    main()
