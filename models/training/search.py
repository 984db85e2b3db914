#!/usr/bin/env python3
"""Trains a list of networks and losses for the same CPU time each and keeps a table of what they reach.

Every trial hears as much as its speed allows in --minutes of one core, with the learning rate falling to nothing at the end.
SDR and false vocals are of the validation mixes (material that no training hears). Trials that are in the table already
are not repeated. Short runs favour what learns fast; the table says so and no more.
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import time
from pathlib import Path
from types import SimpleNamespace

import torch
import train
from networks import BINS, FRAMES, HOP, Shape, parameters
from sound import RATE

# name: what differs from the built-in network, and from the usual loss and optimiser.
TRIALS = {
    "base": {},
    "wide": {"shape": {"channels": (48, 64, 96, 128)}},
    "narrow": {"shape": {"channels": (16, 32, 64, 96)}},
    "deep": {"shape": {"channels": (16, 32, 64, 96), "blocks": (1, 2, 2, 2)}},
    "coarse": {"shape": {"layout": "coarse", "channels": (48, 64, 96, 128)}},
    "flat": {"shape": {"family": "flat", "layout": "bands", "channels": (48,), "dilations": (1, 2, 4, 1, 2, 4)}},
    "recurrent": {"shape": {"context": "gru"}},
    "attention": {"shape": {"context": "attention"}},
    "complex": {"shape": {"mask": "complex"}},
    "plain mask": {"shape": {"mask": "plain"}},
    "two outputs": {"shape": {"outputs": 2}},
    "AdamW": {"optimiser": "adamw"},
    "loss: magnitude": {"loss": "magnitude"},
    "loss: greedy": {"loss": "greedy"},
    "loss: square": {"loss": "square"},
    "loss: loud": {"loss": "loud"},
}


def options_of(trial, options):
    """What `train.py` would have read from its command line."""
    return SimpleNamespace(
        work=options.work, out=Path("/nonexistent"), begin=None, hours=1e9, minutes=0, shape=Shape(**trial.get("shape", {})),
        loss=trial.get("loss", "karaoke"), optimiser=trial.get("optimiser", "muon"), rate=2e-3, muon_rate=0.01, rise=0.15,
        fall=0.5, batch=4, processes=1, threads=1, device="cpu", every=1e9, seed=options.seed, compile=True,
    )


def inference_speed(network):
    """Seconds of sound a second of one core, the graph alone."""
    network.eval()
    x = torch.randn(1, 4, BINS, FRAMES)
    with torch.no_grad():
        network(x)
        begun = time.process_time()
        for _ in range(3):
            network(x)
    return 3 * (FRAMES - 1) * HOP / RATE / (time.process_time() - begun)


def attempt(name, options):
    """Trains one trial; returns its row."""
    torch.set_num_threads(1)
    chosen = options_of(TRIALS[name], options)
    run = train.Run(chosen, 0)
    run.advance(*run.batch())
    begun, begun_at = time.process_time(), run.heard
    losses, budget = [], options.minutes * 60
    while (spent := time.process_time() - begun) < budget:
        if run.step >= 8:
            # The planned length follows the speed, so that the rate has fallen when the time is over.
            chosen.hours = run.heard + (run.heard - begun_at) / spent * (budget - spent)
        losses.append(run.advance(*run.batch()))
    scores = run.validate()
    speed = (run.heard - begun_at) * 3600 / (time.process_time() - begun)
    return {
        "name": name, "parameters": parameters(run.network), "heard": round(run.heard, 2), "training": round(speed, 1),
        "inference": round(inference_speed(run.average)), "steps": run.step, "minutes": options.minutes,
        **{k: round(v, 2) for k, v in scores.items()},
    }


def table(rows):
    lines = ["| trial | parameters | × realtime, training | × realtime, graph | hours heard | SDR vocals | SDR backing | false vocals, dB |",
             "|---|---|---|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda r: -r["vocals"] - r["backing"]):
        lines.append(f"| {row['name']} | {row['parameters'] // 1000} k | {row['training']} | {row['inference']} | {row['heard']} "
                     f"| {row['vocals']} | {row['backing']} | {row['false']} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("work"), help="where the sound lies (default: work)")
    parser.add_argument("--out", type=Path, default=Path("search.jsonl"), help="the rows (default: search.jsonl)")
    parser.add_argument("--minutes", type=float, default=5, help="CPU minutes a trial (default: 5)")
    parser.add_argument("--jobs", type=int, default=2, help="trials at once, one core each (default: 2)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("trials", nargs="*", help=f"default: all of {', '.join(TRIALS)}")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    done = {row["name"] for row in rows if row["minutes"] == options.minutes}
    wanted = [name for name in options.trials or TRIALS if name not in done]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(options.jobs, context, max_tasks_per_child=1) as pool:
        for future in concurrent.futures.as_completed([pool.submit(attempt, name, options) for name in wanted]):
            rows.append(future.result())
            with open(options.out, "a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(json.dumps(rows[-1]), flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
