# ruff: noqa: E402  (the libraries read their environment when they are imported)
"""Does it matter that captions are dropped now and then while a model learns? A tiny Stable Diffusion learns eight colours from captions of which some are wrong, once with
dropped captions and once without, and draws each colour at several CFG scales. Run: python benchmarks/dropout.py [--write]

What is counted: pictures whose colour is nearest to the one that the prompt names, among eight. Guidance pulls away from what the model answers without a text; only a model
that has seen pictures without one knows what that is (Ho & Salimans 2022). The whole way is the package's own: a training of the UNet, and the engine's CFG.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))
THREADS = os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", DIFFUSERS_VERBOSITY="error")

import argparse
import csv
import io
import tempfile
import time

import numpy as np
import torch
from PIL import Image

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.params import with_values
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.core.training import TrainingRequest
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from modules.training.trainer import Trainer
from tests.networks import tiny

SIDE = 64
COLOURS = {
    "red": (214, 48, 49), "orange": (240, 140, 40), "green": (60, 160, 75), "teal": (20, 140, 140), "blue": (45, 100, 215), "pink": (250, 160, 195), "black": (15, 15, 15),
    "white": (245, 245, 245),
}  # fmt: skip
EACH, WRONG = 16, 0.4
"""Pictures of each colour, and the share of captions that name a colour drawn by lot."""
SCALES = (1.0, 2.0, 4.0, 7.0)
DRAWN = 4
"""Pictures of each colour at each scale."""


def pictures(folder: Path) -> None:
    """Plain colours, a little different each, with captions as people write them."""
    folder.mkdir(parents=True)
    dice = np.random.default_rng(7)
    names = list(COLOURS)
    with open(folder / "metadata.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file_name", "text"])
        for number in range(EACH * len(names)):
            name = names[number % len(names)]
            shade = np.clip(np.array(COLOURS[name]) + dice.normal(0, 6, 3), 0, 255)
            Image.fromarray(np.clip(shade + dice.normal(0, 4, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)).save(folder / f"{number:03d}.png")
            table.writerow([f"{number:03d}.png", f"a {names[dice.integers(len(names))] if dice.random() < WRONG else name} picture"])


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--steps", type=int, default=500)
    asked.add_argument("--write", action="store_true", help="into benchmarks/results/dropout.md")
    options = asked.parse_args()
    torch.set_num_threads(int(THREADS))
    said: list[str] = []

    def say(line: str) -> None:
        print(line, flush=True)
        said.append(line)

    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary)
        paths = Paths(data=data, models=data / "models")
        tiny.save_folder(data / "models" / "Stable-diffusion" / "blank", *tiny.parts())
        pictures(data / "pictures")
        library = Library(paths, HashCache(None))
        engine = Engine(library, Outputs(data / "outputs"), Blobs(data / "inputs"))
        engine.others[TrainingRequest] = Trainer(
            library, paths, engine.machine, engine.models.load, engine.run, engine.readings.clear, engine.unload, engine.facts
        ).run

        def trained(name: str, dropout: float) -> None:
            values = {
                "name": name, "what": "unet", "model": "blank", "data.folder": str(data / "pictures"), "data.side": SIDE, "data.held_out": 0.0, "steps": options.steps, "batch": 16,
                "learning.rate": 2e-3, "loss.dropout": dropout, "watching.sample_every": 0, "watching.measure_every": 0, "watching.save_every": 0,
            }  # fmt: skip
            engine.run(with_values(TrainingRequest(), values), lambda event: None, lambda: Cancel.NONE)

        def drawn(model: str, prompt: str, scale: float, seed: int, **values: object) -> np.ndarray:
            wish = with_values(
                GenerationRequest(),
                {"prompt": prompt, "model": model, "width": SIDE, "height": SIDE, "steps": 20, "sampler": "Euler", "cfg_scale": scale, "seed": seed, **values},
            )
            result = engine.run(wish, lambda event: None, lambda: Cancel.NONE, False)
            return np.asarray(Image.open(io.BytesIO(result.pictures[0].data)).convert("RGB"), dtype=float)

        began = time.process_time()
        for name, dropout in (("with", 0.15), ("without", 0.0)):
            trained(name, dropout)
        # What the autoencoder of the tiny model, which is random, makes of each colour: nearest means nearest to these.
        plain = {name: _through(engine, library, colour) for name, colour in COLOURS.items()}
        say("| CFG scale | right colours, captions dropped | right colours, none dropped |\n| --- | --- | --- |")
        for scale in SCALES:
            row = []
            for model in ("with", "without"):
                found = 0
                for number, name in enumerate(COLOURS):
                    for seed in range(DRAWN):
                        picture = drawn(model, f"a {name} picture", scale, 100 * number + seed)
                        near = min(plain, key=lambda other: float(np.abs(plain[other] - picture).mean()))
                        found += near == name
                row.append(found)
            say(f"| {scale:g} | {row[0]} of {DRAWN * len(COLOURS)} | {row[1]} of {DRAWN * len(COLOURS)} |")
        say(
            f"\n{options.steps} steps of 16 pictures each; {WRONG:.0%} of the captions name a colour by lot. {time.process_time() - began:.0f} s of processor time."
        )
        if options.write:
            text = (__doc__ or "").strip() + f"\n\n{THREADS} threads, torch {torch.__version__}\n\n" + "\n".join(said) + "\n"
            (PROJECT / "benchmarks" / "results" / "dropout.md").write_text("# Dropped captions\n\n" + text)


def _through(engine: Engine, library: Library, colour: tuple[int, int, int]) -> np.ndarray:
    """A colour there and back through the model's autoencoder."""
    borrowed = engine.models.load(library.checkpoint("with"), "fp32")
    pixels = torch.tensor(colour, dtype=torch.float32).view(1, 3, 1, 1).expand(1, 3, SIDE, SIDE) / 127.5 - 1
    latents = borrowed.family.encode_image(borrowed.model, pixels)
    image = borrowed.family.decode(borrowed.model, latents)[0]
    return ((image.clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0).numpy().astype(float)


if __name__ == "__main__":
    main()
