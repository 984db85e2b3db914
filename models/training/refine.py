#!/usr/bin/env python3
"""Trains a network that stands on Spleeter's shoulders: it sees a mix and Spleeter's two estimates, and gives the vocals.

  refine.py mixes --work WORK --spleeter ../spleeter.onnx --count 3000   mixes of recordings, each with Spleeter's answer
  refine.py compare --work WORK                                          SDR of what it begins with, of each split
  refine.py train --work WORK --out WORK/refiner --hours 30              trains on them; may be stopped and said again
  refine.py export WORK/refiner/last.pt                                  writes ../refined.onnx

The network is that of refiner.py. It begins as the mean that the ensemble of both takes, so that whatever is learned is better
than that mean. `train` is told what train.py is told, and does the same with other material.

Spleeter was trained on real songs, and is better on them than on what `backing.py` and `voices.py` compose; so these mixes are
made of recordings alone (`sound/` of prepare.py), a third of them songs as they are. Spleeter is run over the mixes
beforehand (`--library`: ONNX Runtime with OpenVINO halves the time): it does not learn, and would take most of the time.
"""

import argparse
import os
import sys
from multiprocessing import Process
from pathlib import Path

import numpy as np
import sound
import torch
from networks import FRAMES, Shape, parameters

import mixing
import train
from refiner import BINS, SEEN, Refiner, extended, ratio

# RMS of a window as Spleeter is shown it: it knows songs at their loudness, and its answer depends on that.
LEVEL = 0.1

# ---- mixes --------------------------------------------------------------------------------------------------------------

# Where a voice comes from, and how often.
VOICES = {"album": 0.62, "singing": 0.24, "choir": 0.08, "speech": 0.06}
BACKINGS = {"album": 0.4, "music": 0.6}
COHERENT = 0.34  # a song as it is, voice and band of the same moment
NARROW = ("csd", "cantoria", "cmu", "16k")  # recordings without anything above 8 kHz


class Recordings(mixing.Library):
    """The recordings of one split, without anything generated."""

    def refresh(self):
        """`heldout`: a song and a voice that no network here was trained on, over the music that validation has."""
        place, held_out = self.work / "sound", self.split == "heldout"
        valid = self.split != "train"
        listed = lambda part: [p for i, p in enumerate(sorted((place / part).rglob("*.npy"))) if (i % 12 == 5) == valid]
        self.recorded = {"singing": listed("singing"), "choir": listed("stems"), "speech": listed("speech")}
        if held_out:
            self.recorded = {"singing": sorted((place / "held-out/utsu-iona").glob("*.npy")), "choir": [], "speech": []}
        self.music = [p for p in listed("instrumental") for _ in range(3 if any(h in p.stem.lower() for h in mixing.HARD) else 1)]
        self.songs = {}
        for path in sorted((place / ("held-out" if held_out else "") / "everything-is-free").glob("*.npy")):
            song, group = path.stem.rsplit(".", 1)
            if held_out or (song == mixing.VALIDATION_SONG) == valid:
                self.songs.setdefault(song, {})[group] = path
        self.sung = [where for song in self.songs for where in self.active_seconds(song)]
        return self

    def voice(self, rng, length):
        kind = rng.choice(list(VOICES), p=list(VOICES.values()))
        if kind == "album" or not self.recorded[kind]:
            return self.album_voice(rng, length), mixing.FULL_BAND
        voice, band = self.recording(rng, kind, length)
        if kind == "choir":
            for _ in range(rng.integers(0, 3)):
                voice = voice + self.recording(rng, kind, length)[0]
        return voice, band

    def recording(self, rng, kind, length):
        path = self.recorded[kind][rng.integers(len(self.recorded[kind]))]
        array = mixing.opened(path)
        voice = mixing.cut(array, mixing.anywhere(rng, len(array), length), length)
        if len(array) < length // 2:  # a short one comes again
            voice = voice + np.roll(voice, int(len(array) * rng.uniform(1.05, 1.6)), 1)
        return voice, 8000 if any(word in str(path).lower() for word in NARROW) else mixing.FULL_BAND

    def backing(self, rng, length):
        if rng.random() < BACKINGS["album"]:
            return self.album_backing(rng, length)
        return self.music_backing(rng, length)

    def coherent(self, rng):
        """A song as it is: voice and backing [2, WINDOW] of the same moment."""
        song, _, second = self.sung[rng.integers(len(self.sung))]
        at = max(0, int(second * sound.RATE - rng.uniform(0, 0.8) * mixing.WINDOW))
        cut = lambda group: mixing.cut(mixing.opened(self.songs[song][group]), at, mixing.WINDOW)
        own = lambda spread: np.float32(10 ** (rng.normal(0, spread) / 20))
        voice = sum(cut(group) * own(2) for group in ("lead", "bg") if group in self.songs[song])
        return voice, sum(cut(group) * own(1.5) for group in self.songs[song] if group not in ("lead", "bg"))


def spectra(library, rng):
    """Mix and voice [4, frames, bins] as `mixing.spectra` has them, of recordings."""
    if rng.random() >= COHERENT:
        return mixing.spectra(library, rng)
    voice, backing = library.coherent(rng)
    voice, backing = mixing.on_the_bus(voice.astype(np.float32), backing.astype(np.float32), rng)
    voice, backing = mixing.stft(voice), mixing.stft(backing)
    tone = mixing.equaliser(rng)
    voice, backing = voice * tone, backing * tone
    voice[..., : mixing.MUTED], backing[..., : mixing.MUTED] = 0, 0
    mix = voice + backing
    level = np.sqrt(np.mean(np.square(np.abs(mix))) + 1e-12)
    return mixing.planes(mix / level), mixing.planes(voice / level)


def magnitudes(mix):
    """What Spleeter is shown of a mix [4, frames, bins]: [2, 1, frames, 1024], the window at LEVEL."""
    power = np.square(mix[0::2]) + np.square(mix[1::2])
    # Parseval: of a Hann window's squares the mean is 3/8.
    rms = np.sqrt(power.mean() / (0.375 * 2 * BINS)) + 1e-12
    return (np.sqrt(power[..., :SEEN]) * (LEVEL / rms)).astype(np.float32)[:, None]


def open_spleeter(path, library):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if library == "openvino":
        precision = '{"CPU":{"INFERENCE_PRECISION_HINT":"bf16","INFERENCE_NUM_THREADS":"1"}}'
        return onnxruntime.InferenceSession(str(path), options, providers=[("OpenVINOExecutionProvider", {"device_type": "CPU", "load_config": precision})])
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def write_mixes(options, split, first, last, step):
    """Mixes `first`, `first + step` … of a split; each is whole or not there."""
    library, session = Recordings(options.work, split), open_spleeter(options.spleeter, options.library)
    folder = options.work / "refiner-mixes" / split
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, last, step):
        path = folder / f"{number:06}.npz"
        if path.exists():
            continue
        mix, voice = spectra(library, sound.generator("refiner", split, number))
        vocals, accompaniment = session.run(None, {session.get_inputs()[0].name: magnitudes(mix)})
        mask = np.round(255 * ratio(vocals[:, 0], accompaniment[:, 0])).astype(np.uint8)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        with open(partial, "wb") as file:
            np.savez(file, mix=mix.astype(np.float16), voice=voice.astype(np.float16), mask=mask)
        partial.rename(path)


def mixes(options):
    for split, count in (("heldout", options.held_out), ("valid", options.valid), ("train", options.count)):
        jobs = [Process(target=write_mixes, args=(options, split, i, count, options.jobs)) for i in range(options.jobs)]
        [job.start() for job in jobs]
        [job.join() for job in jobs]
        if any(job.exitcode for job in jobs):
            sys.exit("a job failed")


# ---- training -----------------------------------------------------------------------------------------------------------


class Mixes:
    """What `mixes` wrote of one split."""

    def __init__(self, folder):
        self.folder = folder
        self.refresh()

    def refresh(self):
        """Looks again at what there is: more may be on their way."""
        self.paths = sorted(self.folder.glob("*.npz"))
        if not self.paths:
            raise SystemExit(f"nothing in {self.folder}: `refine.py mixes` comes first")

    @staticmethod
    def read(paths):
        """Mix, voice [batch, 4, frames, bins] and Spleeter's mask [batch, 2, frames, SEEN]."""
        parts = [np.load(path) for path in paths]
        stack = lambda key: torch.from_numpy(np.stack([part[key] for part in parts])).float()
        return stack("mix"), stack("voice"), stack("mask") / 255


class Scores:
    """Mean SDR of vocals and backing in dB, and the median of false vocals in dB of the mix where there is no voice."""

    def __init__(self):
        self.found = {"vocals": [], "backing": [], "false": []}

    def add(self, estimate, mix, voice):
        present = lambda part: part.square().sum() > 1e-6 * mix.square().sum()
        if not present(voice):
            self.found["false"].append(train.decibels(estimate, mix))
            return
        self.found["vocals"].append(train.decibels(voice, estimate - voice))
        if present(mix - voice):
            self.found["backing"].append(train.decibels(mix - voice, estimate - voice))

    def values(self):
        return {key: float((np.median if key == "false" else np.mean)(values)) for key, values in self.found.items() if values}


@torch.no_grad()
def validate(refiner, paths, device):
    refiner.eval()
    scores = Scores()
    for path in paths:
        mix, voice, mask = (part.to(device) for part in Mixes.read([path]))
        scores.add(refiner.separate(mix, mask), mix, voice)
    return scores.values()


@torch.no_grad()
def compare(options):
    """What the refiner begins with: the built-in network, Spleeter, and means of both, on mixes of every split."""
    refiner = Refiner()
    refiner.begin(torch.load(options.begin, map_location="cpu", weights_only=False)["network"])
    refiner.eval()
    print("| split | estimate | mixes with a voice | SDR vocals | SDR backing | false vocals |\n|---|---|---|---|---|---|")
    for split in ("train", "valid", "heldout"):
        scores = {name: Scores() for name in ("built-in", "Spleeter", *(f"{share} Spleeter" for share in options.share))}
        for path in Mixes(options.work / "refiner-mixes" / split).paths[: options.most]:
            mix, voice, mask = Mixes.read([path])
            mask = extended(mask)
            own = refiner.apply_mask(refiner.answers(refiner.features(mix), mask)[:, :4], mix)
            theirs = mask.repeat_interleave(2, 1) * mix
            for score, share in zip(scores.values(), (0, 1, *options.share)):
                score.add(share * theirs + (1 - share) * own, mix, voice)
        for name, score in scores.items():
            values = score.values()
            numbers = " | ".join(f"{values[key]:.2f}" if key in values else "" for key in ("vocals", "backing", "false"))
            print(f"| {split} | {name} | {len(score.found['vocals'])} | {numbers} |", flush=True)


class Run(train.Run):
    """A training run of the refiner, on mixes that were made beforehand."""

    def build(self):
        return Refiner(self.options.shape)

    def begin(self):
        state = torch.load(self.options.begin, map_location="cpu", weights_only=False)
        for network in (self.network, self.average):
            network.begin(state["network"])

    def material(self):
        return Mixes(self.options.work / "refiner-mixes/train")

    def validation(self):
        return Mixes(self.options.work / "refiner-mixes/valid").paths

    def validate(self):
        return validate(self.average, self.mixes, self.device)

    def batch(self):
        """Every mix once before any comes again, unless more are made meanwhile; half of the time the channels change places."""
        chosen, size = [], self.options.batch * self.options.processes
        for number in range(self.step * size + self.rank, (self.step + 1) * size, self.options.processes):
            turn, place = divmod(number, len(self.library.paths))
            chosen.append(sound.generator("refiner order", self.options.seed, turn).permutation(len(self.library.paths))[place])
        parts = [part.to(self.device) for part in Mixes.read([self.library.paths[i] for i in chosen])]
        if sound.generator("refiner channels", self.options.seed, self.rank, self.step).random() < 0.5:
            parts = [part[:, order] for part, order in zip(parts, ([2, 3, 0, 1], [2, 3, 0, 1], [1, 0]))]
        return parts

    def loss(self, mix, voice, mask):
        features, mask = self.features(mix), extended(mask)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            answers = self.network.answers(features, mask)
        return self.judge(answers, mix, voice, mask)

    def judged(self, answers, mix, voice, mask):
        return train.LOSSES[self.options.loss](self.network.blended(answers, mix, mask), voice, mix)


# ---- export -------------------------------------------------------------------------------------------------------------


def export(options):
    import onnxruntime
    from export import folded

    state = torch.load(options.checkpoint, map_location="cpu", weights_only=False)
    refiner = Refiner(Shape.named(state["shape"]))
    refiner.load_state_dict(state["average"])
    refiner.eval()
    example = (torch.randn(1, 4, BINS, FRAMES), torch.rand(2, 1, FRAMES, SEEN), torch.rand(2, 1, FRAMES, SEEN))
    path, names = options.out / "refined.onnx", ["mix", "vocals", "accompaniment"]
    plain = folded(refiner)
    torch.onnx.export(plain, example, str(path), opset_version=17, input_names=names, output_names=["output"], dynamo=False)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        wanted = refiner(*example).numpy()
    got = session.run(None, dict(zip(names, (x.numpy() for x in example))))[0]
    difference = np.abs(got - wanted).max() / np.abs(wanted).max()
    print(f"{path.name}: {parameters(refiner)} parameters, after {state['heard']:.1f} h of sound; parity {difference:.1e}")
    if difference > 1e-4:
        raise SystemExit("the file does not say what the network says")
    if options.keep:
        weights = {k: v.half() if v.is_floating_point() else v for k, v in state["average"].items()}
        torch.save({"shape": state["shape"], "network": weights, "heard": state["heard"]}, options.keep)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    here = Path(__file__).resolve().parent
    some = commands.add_parser("mixes")
    some.add_argument("--work", type=Path, default=Path("work"))
    some.add_argument("--spleeter", type=Path, default=here.parent / "spleeter.onnx")
    some.add_argument("--library", choices=["cpu", "openvino"], default="cpu")
    some.add_argument("--count", type=int, default=3000, help="mixes of 5.9 s (default: 3000; 9 MB each)")
    some.add_argument("--valid", type=int, default=72)
    some.add_argument("--held-out", type=int, default=60)
    some.add_argument("--jobs", type=int, default=2)
    some = commands.add_parser("compare")
    some.add_argument("--work", type=Path, default=Path("work"))
    some.add_argument("--begin", type=Path, default=here / "weights.pt")
    some.add_argument("--share", type=float, nargs="+", default=[0.5, 0.65, 0.75])
    some.add_argument("--most", type=int, default=72, help="mixes of a split")
    some = commands.add_parser("train")
    train.add_arguments(some)
    some.set_defaults(begin=here / "weights.pt", loss="loud", rate=5e-4, muon_rate=3e-3)
    some = commands.add_parser("export")
    some.add_argument("checkpoint", type=Path)
    some.add_argument("--out", type=Path, default=here.parent)
    some.add_argument("--keep", type=Path)
    options = parser.parse_args()
    if options.command == "train":
        train.start(options, Run)
    else:
        {"mixes": mixes, "compare": compare, "export": export}[options.command](options)


if __name__ == "__main__":
    main()
