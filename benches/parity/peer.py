#!/usr/bin/env python3
"""Runs python-audio-separator's own MDX code on one song and writes both stems as float32 WAVs.

compare.py calls this inside the environment it makes. The MDXSeparator class is driven directly, with
the numbers of the manifest in place of the table that it would fetch (models are looked up there by
hash). Its DSP is left as it is; only the writing is taken over, because it would scale each stem to 0.9
and cut it to the depth of the input. Settings, all its defaults: hop 1024, segment 256, overlap 0.25,
batch 1, denoise off, normalisation 0.9, amplification 0, invert_using_spec off, ONNX Runtime on the CPU.
"""

import argparse
import logging
import tomllib
from pathlib import Path

import numpy as np
import torch
from audio_separator.separator.architectures.mdx_separator import MDXSeparator

import wav


class Listening(MDXSeparator):
    """Keeps each stem as it is before it would be normalised and written."""

    def final_process(self, stem_path, source, stem_name):
        self.heard = getattr(self, "heard", {})
        self.heard[stem_name.lower()] = np.array(source, np.float64).T


def separator(manifest, model, threads):
    mdx = manifest["mdx"]
    torch.set_num_threads(threads)
    common = {
        "logger": logging.getLogger("peer"),
        "log_level": logging.WARNING,
        "torch_device": torch.device("cpu"),
        "torch_device_cpu": torch.device("cpu"),
        "onnx_execution_provider": ["CPUExecutionProvider"],
        "model_name": manifest["name"],
        "model_path": str(model),
        "model_data": {
            "compensate": manifest["compensation"],
            "mdx_dim_f_set": mdx["dim_f"],
            "mdx_dim_t_set": mdx["dim_t"].bit_length() - 1,
            "mdx_n_fft_scale_set": mdx["n_fft"],
            "primary_stem": manifest["stems"][0].title(),
        },
        "output_dir": None,
        "output_format": "WAV",
        "normalization_threshold": manifest["peak"],
        "amplification_threshold": 0.0,
        "output_single_stem": None,
        "invert_using_spec": False,
        "sample_rate": manifest["sample_rate"],
        "use_soundfile": True,
    }
    settings = {"hop_length": mdx["hop"], "segment_size": mdx["dim_t"], "overlap": manifest["overlap"],
                "batch_size": 1, "enable_denoise": False}
    return Listening(common, settings)


def at_true_level(heard, manifest, peak):
    """Undoes its gains (see reference.py): primary = peak * d, secondary = g * mix - compensation * primary.

    The primary is then compensated, as ours is: with it the stems add up to the mix.
    """
    primary_name, secondary_name = manifest["stems"][0], manifest["complement"]
    gain = manifest["peak"] / peak if peak > manifest["peak"] else 1.0
    compensation = manifest["compensation"]
    predicted = heard[primary_name] / peak
    scaled_mix = heard[secondary_name] + compensation * heard[primary_name]
    primary = compensation * predicted / gain
    return {primary_name: primary, secondary_name: scaled_mix / gain - primary}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path)
    parser.add_argument("-m", "--manifest", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    manifest = tomllib.loads(arguments.manifest.read_text())
    peak = float(np.abs(wav.read(arguments.song)[0]).max())
    model = separator(manifest, arguments.manifest.parent / manifest["file"], arguments.threads)
    model.separate(str(arguments.song))
    arguments.output.mkdir(parents=True, exist_ok=True)
    for stem, samples in at_true_level(model.heard, manifest, peak).items():
        wav.write(arguments.output / f"{arguments.song.stem} ({stem.title()}).wav", samples, manifest["sample_rate"])


if __name__ == "__main__":
    main()
