#!/usr/bin/env python3
"""Trains a network that stands on Spleeter's shoulders: it sees a mix and Spleeter's two estimates, and gives the vocals.

  refine.py mixes --work WORK --spleeter ../spleeter.onnx --count 3000   mixes of recordings, each with Spleeter's answer
  refine.py train --work WORK --out WORK/refiner --minutes 40            trains on them; may be stopped and said again
  refine.py export WORK/refiner/last.pt                                  writes ../refined.onnx

The network is the built-in one with Spleeter's masks among what it sees, and with one more answer for each channel: how much
of Spleeter's mask counts in each bin. It begins as the mean that the ensemble of both takes (the built-in network's weights,
the new ones nothing), so that whatever is learned is better than that mean.

Spleeter was trained on real songs, and is better on them than on what `backing.py` and `voices.py` compose; so these mixes are
made of recordings alone (`sound/` of prepare.py), a third of them songs as they are. Spleeter is run over the mixes
beforehand (`--library`: ONNX Runtime with OpenVINO halves the time): it does not learn, and would take most of the time.
"""

import argparse
import json
import os
import sys
import time
from multiprocessing import Process
from pathlib import Path

import numpy as np
import scipy.fft
import sound

import mixing

BINS, SEEN, FRAMES = 2048, 1024, 256
# RMS of a window as Spleeter is shown it: it knows songs at their loudness, and its answer depends on that.
LEVEL = 0.1
TOP = SEEN - SEEN // 4  # above what Spleeter sees, its mask is the mean of that from here on

# ---- mixes --------------------------------------------------------------------------------------------------------------

# Where a voice comes from, and how often.
VOICES = {"album": 0.62, "singing": 0.24, "choir": 0.08, "speech": 0.06}
BACKINGS = {"album": 0.4, "music": 0.6}
COHERENT = 0.34  # a song as it is, voice and band of the same moment
NARROW = ("csd", "cantoria", "cmu", "16k")  # recordings without anything above 8 kHz


class Recordings(mixing.Library):
    """The recordings of one split, without anything generated."""

    def refresh(self):
        valid = self.split == "valid"
        place = self.work / "sound"
        listed = lambda *parts: [p for part in parts for i, p in enumerate(sorted((place / part).rglob("*.npy"))) if (i % 12 == 5) == valid]
        self.recorded = {"singing": listed("singing"), "choir": listed("stems"), "speech": listed("speech")}
        music = listed("instrumental")
        self.music = [p for p in music for _ in range(3 if any(h in p.stem.lower() for h in mixing.HARD) else 1)]
        self.songs = {}
        for path in sorted((place / "everything-is-free").glob("*.npy")):
            song, group = path.stem.rsplit(".", 1)
            if (song == mixing.VALIDATION_SONG) == valid:
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


def ratio(vocals, accompaniment):
    """Spleeter's mask of the vocals."""
    return (vocals**2 + 0.5e-10) / (vocals**2 + accompaniment**2 + 1e-10)


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
    for split, count in (("valid", options.valid), ("train", options.count)):
        jobs = [Process(target=write_mixes, args=(options, split, i, count, options.jobs)) for i in range(options.jobs)]
        [job.start() for job in jobs]
        [job.join() for job in jobs]
        if any(job.exitcode for job in jobs):
            sys.exit("a job failed")


# ---- the network --------------------------------------------------------------------------------------------------------


def network(shape=None, begin=None):
    """A refiner; `begin` is a checkpoint of the built-in network."""
    import torch
    from networks import Plain, Refined, Separator, Shape
    from torch import nn
    from torch.nn import functional as F

    class Refiner(Separator):
        """See the module. `mask` is Spleeter's, [batch, 2, frames, 1024]."""

        def __init__(self, shape):
            super().__init__(shape)
            self.gather = nn.ModuleList(nn.Conv2d(6, shape.channels[0], (1, size), (1, size)) for _, size in self.layout)
            heads = []
            for _, size in self.layout:
                head = (Refined if size in shape.refined else Plain)(shape.channels[0], size, 6, shape.refine)
                if size in shape.refined:
                    head.refine = nn.Conv2d(shape.refine + 6, 12, 1)
                heads.append(head)
            self.heads = nn.ModuleList(heads)

        @staticmethod
        def extended(mask):
            """[batch, 2, frames, bins]: above what Spleeter sees, the mean of the highest quarter of that."""
            above = mask[..., TOP:].mean(3, keepdim=True)
            return torch.cat([mask, above.expand(-1, -1, -1, BINS - SEEN)], 3)

        def answers(self, features, mask):
            """Everything a bin needs: the stereo mask's four numbers, and how much Spleeter counts in either channel."""
            seen = (features - self.mean[:, None]) * self.scale[:, None]
            seen = torch.cat([seen, 2 * mask - 1], 1).contiguous(memory_format=torch.channels_last)
            parts = zip(self.gather, seen.split([bins for bins, _ in self.layout], 3))
            tokens = torch.cat([layer(bins) for layer, bins in parts], 3).contiguous(memory_format=torch.channels_last)
            body = self.body(F.relu(self.gather_norm(tokens)))
            parts = zip(
                self.heads,
                body.split([bins // size for bins, size in self.layout], 3),
                seen.split([bins for bins, _ in self.layout], 3),
            )
            return torch.cat([head(tokens, bins) for head, tokens, bins in parts], 3)

        def blended(self, m, x, mask):
            m = m.float()
            own = self.apply_mask(m[:, :4], x)
            share = torch.sigmoid(m[:, 4:] + 0.62)  # 0.65 where nothing was learned
            share, mask = (t.repeat_interleave(2, 1) for t in (share, mask))
            return share * mask * x + (1 - share) * own

        def separate(self, x, mask):
            mask = self.extended(mask)
            return self.blended(self.answers(self.features(x), mask), x, mask)

        def forward(self, mix, vocals, accompaniment):
            """As the worker runs it: mix [1, 4, bins, frames], Spleeter's magnitudes [2, 1, frames, 1024]."""
            v, a = vocals * vocals, accompaniment * accompaniment
            mask = ((v + 0.5e-10) / (v + a + 1e-10)).transpose(0, 1)
            return self.separate(mix.transpose(2, 3), mask).transpose(2, 3)

    refiner = Refiner(Shape.named(shape) if shape else Shape())
    if begin:
        state = torch.load(begin, map_location="cpu", weights_only=False)
        wanted = refiner.state_dict()
        for name, weight in state["network"].items():
            weight = weight.float() if weight.is_floating_point() else weight
            place = wanted[name]
            if place.shape == weight.shape:
                place.copy_(weight)
            elif name.endswith("weight") and ".spread." in name:  # a transposed convolution: answers second
                place.zero_()
                place[:, : weight.shape[1]].copy_(weight)
            else:  # more inputs, more answers, or both: the new ones say nothing
                place.zero_()
                index = tuple(slice(0, n) for n in weight.shape)
                if ".refine." in name:  # the bins that it saw come behind what was spread; so do the new ones
                    index = (slice(None), slice(0, weight.shape[1]))
                place[index].copy_(weight)
        refiner.load_state_dict(wanted)
    return refiner


# ---- training -----------------------------------------------------------------------------------------------------------


def load_mixes(folder):
    return sorted(folder.glob("*.npz"))


def batch_of(paths):
    import torch

    parts = [np.load(path) for path in paths]
    stack = lambda key: torch.from_numpy(np.stack([part[key] for part in parts])).float()
    return stack("mix"), stack("voice"), stack("mask") / 255


def validate(refiner, paths):
    import torch

    refiner.eval()
    found = {"vocals": [], "backing": [], "false": []}
    with torch.no_grad():
        for path in paths:
            mix, voice, mask = batch_of([path])
            estimate = refiner.separate(mix, mask)
            energy = lambda x: x.square().sum().item() + 1e-9
            if energy(voice) > 1e-6 * energy(mix):
                error = energy(estimate - voice)
                found["vocals"].append(10 * np.log10(energy(voice) / error))
                found["backing"].append(10 * np.log10(energy(mix - voice) / error))
            else:
                found["false"].append(10 * np.log10(energy(estimate) / energy(mix)))
    return {key: round(float((np.median if key == "false" else np.mean)(values)), 3) for key, values in found.items() if values}


def train(options):
    import copy

    import torch
    from train import LOSSES, optimisers

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    refiner = network(begin=options.begin).to(memory_format=torch.channels_last)
    average, step, spent = copy.deepcopy(refiner), 0, 0.0
    options.optimiser = "muon"
    chosen = optimisers(refiner, options)
    if (options.out / "last.pt").exists():
        state = torch.load(options.out / "last.pt", weights_only=False)
        refiner.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        [optimiser.load_state_dict(kept) for (optimiser, _), kept in zip(chosen, state["optimisers"])]
        step, spent = state["step"], state["spent"]
    valid = load_mixes(options.work / "refiner-mixes/valid")
    log = lambda entry: (print(json.dumps(entry), flush=True), open(options.out / "log.jsonl", "a").write(json.dumps(entry) + "\n"))
    if not step:
        log({"step": 0, **validate(average, valid)})

    def save():
        state = {"network": refiner.state_dict(), "average": average.state_dict(), "optimisers": [o.state_dict() for o, _ in chosen],
                 "step": step, "spent": spent, "shape": refiner.shape.values()}  # fmt: skip
        torch.save(state, options.out / "last.partial")
        (options.out / "last.partial").rename(options.out / "last.pt")

    began, before, told, losses = time.monotonic(), spent, time.monotonic(), []
    while spent < options.minutes * 60:
        rng = sound.generator("refiner batch", options.seed, step)
        paths = load_mixes(options.work / "refiner-mixes/train")  # anew each time: more may be on their way
        mix, voice, mask = batch_of([paths[i] for i in rng.integers(len(paths), size=options.batch)])
        if rng.random() < 0.5:  # the channels change places
            mix, voice, mask = mix[:, [2, 3, 0, 1]], voice[:, [2, 3, 0, 1]], mask[:, [1, 0]]
        done = spent / (options.minutes * 60)
        share = min(1.0, (step + 1) / 40) * (1.0 if done < 0.4 else max(0.0, (1 - done) / 0.6))
        refiner.train()
        mask = refiner.extended(mask)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            answers = refiner.answers(refiner.features(mix), mask)
        loss = LOSSES[options.loss](refiner.blended(answers, mix, mask), voice, mix)
        refiner.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(refiner.parameters(), 1.0)
        for optimiser, rate in chosen:
            for group in optimiser.param_groups:
                group["lr"] = rate * share
            optimiser.step()
        step += 1
        losses.append(loss.item())
        with torch.no_grad():
            keep = min(0.995, (step + 1) / (step + 10))
            for kept, now in zip(average.state_dict().values(), refiner.state_dict().values()):
                kept.lerp_(now, 1 - keep) if kept.dtype.is_floating_point else kept.copy_(now)
        spent = before + time.monotonic() - began
        if time.monotonic() - told > options.every * 60 or spent >= options.minutes * 60:
            told = time.monotonic()
            log({"step": step, "minutes": round(spent / 60, 1), "loss": round(float(np.mean(losses[-100:])), 4), **validate(average, valid)})
            save()


# ---- export -------------------------------------------------------------------------------------------------------------


def export(options):
    import torch
    from export import folded

    state = torch.load(options.checkpoint, map_location="cpu", weights_only=False)
    refiner = network(state["shape"])
    refiner.load_state_dict(state["average"])
    refiner.eval()
    example = (torch.randn(1, 4, BINS, FRAMES), torch.rand(2, 1, FRAMES, SEEN), torch.rand(2, 1, FRAMES, SEEN))
    path = options.out / "refined.onnx"
    plain = folded(refiner)
    torch.onnx.export(plain, example, str(path), opset_version=17, input_names=["mix", "vocals", "accompaniment"], output_names=["output"], dynamo=False)
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        wanted = plain(*example).numpy()
    got = session.run(None, dict(zip(["mix", "vocals", "accompaniment"], (x.numpy() for x in example))))[0]
    print(f"{path}: {sum(p.numel() for p in refiner.parameters())} parameters, difference {np.abs(got - wanted).max() / np.abs(wanted).max():.1e}")
    if options.keep:
        torch.save({"shape": state["shape"], "network": {k: v.half() if v.is_floating_point() else v for k, v in state["average"].items()}}, options.keep)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    here = Path(__file__).resolve().parent
    some = commands.add_parser("mixes")
    some.add_argument("--work", type=Path, default=Path("work"))
    some.add_argument("--spleeter", type=Path, default=here.parent / "spleeter.onnx")
    some.add_argument("--library", choices=["cpu", "openvino"], default="cpu")
    some.add_argument("--count", type=int, default=3000, help="mixes of 5.9 s (default: 3000; 9 MB each)")
    some.add_argument("--valid", type=int, default=60)
    some.add_argument("--jobs", type=int, default=2)
    some = commands.add_parser("train")
    some.add_argument("--work", type=Path, default=Path("work"))
    some.add_argument("--out", type=Path, required=True)
    some.add_argument("--begin", type=Path, default=here / "weights.pt")
    some.add_argument("--minutes", type=float, default=40, help="of training, all runs together")
    some.add_argument("--loss", default="loud")
    some.add_argument("--rate", type=float, default=5e-4)
    some.add_argument("--muon-rate", type=float, default=3e-3)
    some.add_argument("--batch", type=int, default=8)
    some.add_argument("--threads", type=int, default=2)
    some.add_argument("--every", type=float, default=4)
    some.add_argument("--seed", type=int, default=1)
    some = commands.add_parser("export")
    some.add_argument("checkpoint", type=Path)
    some.add_argument("--out", type=Path, default=here.parent)
    some.add_argument("--keep", type=Path)
    options = parser.parse_args()
    {"mixes": mixes, "train": train, "export": export}[options.command](options)


if __name__ == "__main__":
    main()
