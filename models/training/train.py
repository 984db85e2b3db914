#!/usr/bin/env python3
"""Trains a network of `networks.py` on mixes of `mixing.py`, on a GPU or on the cores of a CPU (one process a core, gradients averaged).

The learning rate rises, stays, and falls to nothing over the last part of the run. `last.pt` in --out is written every few
minutes and holds everything; the same command goes on from it, and a larger --hours makes the run longer: the rate is full
again and falls anew (the schedule WSD-S of Wen et al., arXiv 2410.05192, which found a fallen run as good a place to go on
from as the state before the fall). `log.jsonl` is the learning curve: hours of sound heard, the loss, and SDR and false
vocals on validation mixes. The weights that count are their running average.
"""

import argparse
import copy
import fcntl
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed
import torch.multiprocessing

import mixing
import sound
from networks import FRAMES, HOP, Separator, Shape

VALIDATION = 28  # mixes, of which every fourth has no voice
AVERAGE = 0.998


# ---- losses: of estimate and truth, [batch, 4, frames, bins], with the mix at hand -----------------------------------


def compressed(x):
    """|X|^0.5 of left and right."""
    lr, li, rr, ri = x.unbind(1)
    return torch.stack([(lr * lr + li * li + 1e-5).sqrt().sqrt(), (rr * rr + ri * ri + 1e-5).sqrt().sqrt()])


def loss_plain(estimate, truth, mix):
    """Complex distance alone."""
    return (estimate - truth).abs().mean() * 3


def loss_magnitude(estimate, truth, mix):
    """And the distance of compressed magnitudes, in which quiet passages count."""
    return loss_plain(estimate, truth, mix) + 0.6 * (compressed(estimate) - compressed(truth)).abs().mean()


def loss_karaoke(estimate, truth, mix):
    """And the backing's compressed magnitudes: what is left of a voice in a quiet backing is what a singer hears."""
    backing = (compressed(mix - estimate) - compressed(mix - truth)).abs().mean()
    return loss_magnitude(estimate, truth, mix) + 0.4 * backing


def loss_greedy(estimate, truth, mix):
    """The same, with a voice that was left counting half as much again as backing that was taken."""
    error = compressed(truth) - compressed(estimate)
    uneven = torch.where(error > 0, 1.5 * error, -error).mean()
    backing = (compressed(mix - estimate) - compressed(mix - truth)).abs().mean()
    return loss_plain(estimate, truth, mix) + 0.5 * uneven + 0.4 * backing


def loss_square(estimate, truth, mix):
    """The logarithm of the squared error of each example (SDR), with compressed magnitudes."""
    error = (estimate - truth).square().mean((1, 2, 3))
    return 0.1 * torch.log(error + 1e-3).mean() + 0.6 * (compressed(estimate) - compressed(truth)).abs().mean()


def loss_loud(estimate, truth, mix):
    """Root mean square of each example's error, which is what SDR counts, instead of the absolute one, and greedy besides: a mean
    of what may be voice is taken out, where the absolute distance leaves what is less sure than not."""
    error = (estimate - truth).square().mean((1, 2, 3)).add(1e-4).sqrt().mean()
    missing = compressed(truth) - compressed(estimate)
    uneven = torch.where(missing > 0, 1.6 * missing, -missing).mean()
    backing = (compressed(mix - estimate) - compressed(mix - truth)).abs().mean()
    return 0.8 * error + 0.5 * uneven + 0.4 * backing


LOSSES = {name[5:]: function for name, function in list(globals().items()) if name.startswith("loss_")}


# ---- optimisers ------------------------------------------------------------------------------------------------------


class Muon(torch.optim.Optimizer):
    """Momentum made orthogonal by five Newton-Schulz steps (K. Jordan, 2024), for weights of two and more dimensions."""

    def __init__(self, weights, lr, momentum=0.95, decay=0.0):
        super().__init__(weights, {"lr": lr, "momentum": momentum, "decay": decay})

    @staticmethod
    def orthogonal(g):
        x = g / (g.norm() + 1e-7)
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        for _ in range(5):
            a = x @ x.T
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
        return x.T if tall else x

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                momentum = state.setdefault("momentum", torch.zeros_like(weight.grad))
                momentum.lerp_(weight.grad, 1 - group["momentum"])
                update = weight.grad.lerp(momentum, group["momentum"]).flatten(1)
                update = self.orthogonal(update) * max(1.0, update.shape[0] / update.shape[1]) ** 0.5
                weight.mul_(1 - group["lr"] * group["decay"]).add_(update.view_as(weight), alpha=-group["lr"])


def optimisers(network, options):
    """Muon for the body's matrices and kernels, AdamW for the rest (or for all)."""
    matrices, rest = [], []
    for name, weight in network.named_parameters():
        inner = options.optimiser == "muon" and weight.ndim >= 2 and name.startswith("body.")
        (matrices if inner else rest).append(weight)
    chosen = [(torch.optim.AdamW(rest, options.rate, betas=(0.9, 0.98), weight_decay=1e-3), options.rate)]
    if matrices:
        chosen.append((Muon(matrices, options.muon_rate, decay=0.01), options.muon_rate))
    return chosen


def schedule(heard, options):
    """Share of the full learning rate after `heard` hours."""
    fall_from = options.hours * (1 - options.fall)
    if heard <= fall_from:
        return min(1.0, heard / options.rise + 0.02)
    return max(0.0, (options.hours - heard) / (options.hours - fall_from)) + 1e-3


# ---- validation -------------------------------------------------------------------------------------------------------


def validation_mixes(work):
    """Fixed mixes of material that training never hears."""
    library = mixing.Library(work, "valid")
    mixes, silent, number = [], 0, 0
    while len(mixes) < VALIDATION:
        mix, voice = mixing.spectra(library, sound.generator("validation", number))
        number += 1
        voiceless = not voice.any()
        if voiceless and silent < VALIDATION // 4 or not voiceless and len(mixes) - silent < VALIDATION - VALIDATION // 4:
            mixes.append((torch.from_numpy(mix), torch.from_numpy(voice)))
            silent += voiceless
    return mixes


def decibels(over, under):
    return 10 * torch.log10((over.square().sum() + 1e-9) / (under.square().sum() + 1e-9)).item()


@torch.no_grad()
def validate(network, mixes, device):
    """Mean SDR of vocals and backing in dB, and the mean false vocals in dB of the mix where there is no voice."""
    network.eval()
    vocals, backing, false = [], [], []
    for mix, voice in mixes:
        mix, voice = mix.to(device), voice.to(device)
        estimate = network.separate(mix[None])[0]
        if voice.any():
            vocals.append(decibels(voice, estimate - voice))
            backing.append(decibels(mix - voice, estimate - voice))
        else:
            false.append(decibels(estimate, mix))
    return {"vocals": float(np.mean(vocals)), "backing": float(np.mean(backing)), "false": float(np.median(false))}


# ---- the run ----------------------------------------------------------------------------------------------------------


class Run:
    """One process of a training run: its network, its running average, and how far it is."""

    def __init__(self, options, rank):
        self.options, self.rank = options, rank
        self.device = torch.device(options.device)
        torch.manual_seed(options.seed)
        self.network = self.build().to(self.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network)
        self.step, self.heard, self.spent = 0, 0.0, 0.0
        self.optimisers = optimisers(self.network, options)
        if (options.out / "last.pt").exists():
            self.load()
        elif options.begin:
            self.begin()
        else:
            self.calibrate()
        # The chain of small steps from mask to loss is worth compiling; the network itself is not, on a CPU.
        self.judge = torch.compile(self.judged) if options.compile else self.judged
        self.features = torch.compile(Separator.features) if options.compile else Separator.features
        self.library = self.material()
        self.mixes = self.validation() if rank == 0 else []

    # What a run of another network, on other material, says otherwise (refine.py): from here to `begin`.

    def build(self):
        return Separator(self.options.shape)

    def material(self):
        return mixing.Library(self.options.work, "train")

    def validation(self):
        return validation_mixes(self.options.work)

    def validate(self):
        return validate(self.average, self.mixes, self.device)

    def batch(self):
        """Mixes and voices [batch, 4, frames, bins] of this process's next step."""
        rng = sound.generator("train", self.options.seed, self.rank, self.step)
        pairs = [mixing.spectra(self.library, rng) for _ in range(self.options.batch)]
        return [torch.from_numpy(np.stack(planes)).to(self.device) for planes in zip(*pairs)]

    def judged(self, masks, mix, voice):
        return LOSSES[self.options.loss](self.network.vocals(masks, mix), voice, mix)

    def loss(self, mix, voice):
        features = self.features(mix)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            masks = self.network.mask_from(features)
        return self.judge(masks, mix, voice)

    def begin(self):
        """Starts from the weights of another run: of `weights.pt` beside this script, or of any checkpoint."""
        state = torch.load(self.options.begin, map_location=self.device, weights_only=False)
        weights = {name: value.float() if value.is_floating_point() else value for name, value in state["network"].items()}
        for network in (self.network, self.average):
            network.load_state_dict(weights)

    def calibrate(self):
        library = mixing.Library(self.options.work, "train")
        mixes = [mixing.spectra(library, sound.generator("calibration", i))[0] for i in range(24)]
        features = Separator.features(torch.from_numpy(np.stack(mixes)).to(self.device))
        for network in (self.network, self.average):
            network.calibrate(features)

    def load(self):
        """Goes on from `last.pt`."""
        state = torch.load(self.options.out / "last.pt", map_location=self.device, weights_only=False)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.step, self.heard, self.spent = state["step"], state["heard"], state["spent"]
        for (optimiser, _), kept in zip(self.optimisers, state["optimisers"]):
            optimiser.load_state_dict(kept)

    def save(self, name):
        state = {
            "shape": self.options.shape.values(),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser, _ in self.optimisers],
            "step": self.step,
            "heard": self.heard,
            "spent": self.spent,
            "hours": self.options.hours,
            "loss": self.options.loss,
        }
        partial = self.options.out / f"{name}.partial"
        torch.save(state, partial)
        partial.rename(self.options.out / name)

    def advance(self, *batch):
        """One step of all processes; returns the loss."""
        share = schedule(self.heard, self.options)
        self.network.train()
        loss = self.loss(*batch)
        self.network.zero_grad()
        loss.backward()
        self.share_gradients()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimiser, rate in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * share
            optimiser.step()
        self.step += 1
        self.heard += self.options.batch * self.options.processes * (FRAMES - 1) * HOP / sound.RATE / 3600
        self.follow()
        return loss.item()

    def share_gradients(self):
        if self.options.processes == 1:
            return
        weights = [w for w in self.network.parameters() if w.grad is not None]
        flat = torch.cat([w.grad.flatten() for w in weights])
        torch.distributed.all_reduce(flat)
        flat /= self.options.processes
        for weight, grad in zip(weights, flat.split([w.numel() for w in weights])):
            weight.grad.copy_(grad.view_as(weight))

    @torch.no_grad()
    def follow(self):
        """The running average of weights and of batch statistics."""
        keep = min(AVERAGE, (self.step + 1) / (self.step + 10))
        for average, now in zip(self.average.state_dict().values(), self.network.state_dict().values()):
            if average.dtype.is_floating_point:
                average.lerp_(now, 1 - keep)
            else:
                average.copy_(now)


def describe(run, loss):
    entry = {"step": run.step, "heard": round(run.heard, 3), "minutes": round(run.spent / 60, 1), "loss": round(loss, 4)}
    entry.update({k: round(v, 3) for k, v in run.validate().items()})
    with open(run.options.out / "log.jsonl", "a") as log:
        log.write(json.dumps(entry) + "\n")
    print(json.dumps(entry), flush=True)


def work(rank, options, kind=Run):
    """One process of the run."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(options.threads)
    if options.processes > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{options.out.resolve()}/meeting", rank=rank, world_size=options.processes
        )
    run = kind(options, rank)
    losses, began, described, begun_at, heard_before = [], time.monotonic(), time.monotonic(), run.spent, run.heard
    while not plan(run, began, heard_before) and run.heard < options.hours:
        losses.append(run.advance(*run.batch()))
        run.spent = begun_at + time.monotonic() - began
        # Without its parent a child would train on for ever, and write over what a later run writes.
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            sys.exit("the run's first process is gone")
        if time.monotonic() - described > options.every * 60:
            described = time.monotonic()
            run.library.refresh()
            if rank == 0:
                describe(run, float(np.mean(losses[-100:])))
                run.save("last.pt")
    if rank == 0:
        describe(run, float(np.mean(losses[-100:] or [0])))
        run.save("last.pt")


def plan(run, began, heard_before):
    """Whether --minutes are over, by the first process's clock, so that all stop after the same step; and --finish-in."""
    options, spent = run.options, time.monotonic() - began
    if options.finish_in and run.heard > heard_before:
        speed = (run.heard - heard_before) / spent
        options.hours = run.heard + speed * max(0.0, options.finish_in * 60 - spent)
    plan = torch.tensor([float(bool(options.minutes) and spent > options.minutes * 60), options.hours], dtype=torch.float64)
    if options.processes > 1:
        torch.distributed.broadcast(plan, 0)
    options.hours = plan[1].item()
    return bool(plan[0])


def add_arguments(parser):
    """What every training run is told."""
    parser.add_argument("--work", type=Path, default=Path("work"), help="where the sound lies (default: work)")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints and curve")
    parser.add_argument("--begin", type=Path, help="weights to start from, where --out holds no run yet")
    parser.add_argument("--hours", type=float, default=60, help="hours of sound to hear in all (default: 60)")
    parser.add_argument("--minutes", type=float, default=0, help="stop after so many, to go on another time")
    parser.add_argument("--finish-in", type=float, default=0, help="plan --hours by the speed, so that the run ends after so many minutes")
    parser.add_argument("--shape", type=json.loads, default={}, help='what differs from the built-in network, as JSON: {"context": "gru"}')
    parser.add_argument("--loss", choices=LOSSES, default="karaoke")
    parser.add_argument("--optimiser", choices=["muon", "adamw"], default="muon")
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate of AdamW (default: 0.002)")
    parser.add_argument("--muon-rate", type=float, default=0.01, help="learning rate of Muon (default: 0.01)")
    parser.add_argument("--rise", type=float, default=0.3, help="hours over which the rate rises")
    parser.add_argument("--fall", type=float, default=0.4, help="last part of the run, over which the rate falls")
    parser.add_argument("--batch", type=int, default=4, help="examples of 5.9 s a step and process")
    parser.add_argument("--processes", type=int, default=2, help="one a core; 1 with a GPU")
    parser.add_argument("--threads", type=int, default=1, help="threads a process")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--every", type=float, default=4, help="minutes between checkpoints")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="torch.compile: a minute at the start, then a third faster")


def start(options, kind=Run):
    """All processes of a run; returns when it is over."""
    options.shape = Shape.named(options.shape)
    options.out.mkdir(parents=True, exist_ok=True)
    lock = open(options.out / "lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"another run is writing to {options.out}: wait for it, or choose another --out")
    (options.out / "meeting").unlink(missing_ok=True)
    if options.processes == 1:
        work(0, options, kind)
    else:
        torch.multiprocessing.spawn(work, (options, kind), options.processes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    start(parser.parse_args())


if __name__ == "__main__":
    main()
