# ruff: noqa: E402  (the libraries read their environment when they are imported)
"""Does training work? A LoRA from five pictures of a thing that the starter model cannot draw, through the package as anybody would use it, and what it does.
Run: python benchmarks/training.py [--steps N] [--write]

The thing is a snowman with a black hat, drawn by this file. The starter draws pictures of other things before it learns, and keeps them in mind (prior
preservation). A picture shows the snowman where what stands off its background covers the snowman's outline (intersection over union above 0.7) and the body
is white. Beside the clock the processor time is told: on a busy machine only that means something.
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
from PIL import Image, ImageDraw, ImageFilter

from modules.catalog.hashes import HashCache
from modules.catalog.scan import STARTER, Library
from modules.core.blobs import Blobs
from modules.core.params import with_values
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.core.training import TrainingRequest
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from modules.training.curve import rows
from modules.training.trainer import Trainer

NAME, TRIGGER, SIDE = "easel-snowman", "snowman", 128
COLOURS = {
    "red": (214, 48, 49), "orange": (240, 140, 40), "yellow": (250, 215, 60), "green": (60, 160, 75), "teal": (20, 140, 140), "blue": (45, 100, 215),
    "purple": (110, 55, 165), "pink": (250, 160, 195), "brown": (125, 80, 45), "gray": (128, 128, 128), "black": (15, 15, 15),
}  # fmt: skip
SHOWN = ("red", "blue", "green", "yellow", "brown")
"""Backgrounds of the five pictures; the others are new to the model together with the thing."""
PRIOR = ("a car", "a rocket", "a panda", "a banana", "a house", "a rose", "a penguin", "a star", "a guitar", "a pizza", "a frog", "a cactus")
"""What it keeps in mind while it learns, each on two colours."""
OTHERS = ("a car on a red background", "a rocket on a blue background", "a panda on a green background", "a banana on a purple background")


def snowman(background: tuple[int, int, int], dx: float = 0, dy: float = 0, size: float = 1) -> tuple[Image.Image, Image.Image]:
    """-> the picture and its outline, drawn four times as large and made small."""
    side = SIDE * 4
    picture, outline = Image.new("RGB", (side, side), background), Image.new("L", (side, side))

    def shape(kind: str, box: tuple[float, float, float, float], colour: tuple[int, int, int]) -> None:
        place = [((value - 0.5) * size + 0.5 + shift) * side for value, shift in zip(box, (dx, dy, dx, dy), strict=True)]
        for canvas, fill in ((ImageDraw.Draw(picture), colour), (ImageDraw.Draw(outline), 255)):
            getattr(canvas, kind)(place, fill=fill)

    shape("ellipse", (0.27, 0.46, 0.73, 0.90), (214, 222, 235))
    shape("ellipse", (0.28, 0.46, 0.72, 0.88), (246, 248, 252))
    shape("ellipse", (0.34, 0.22, 0.66, 0.53), (214, 222, 235))
    shape("ellipse", (0.35, 0.22, 0.65, 0.52), (246, 248, 252))
    shape("rectangle", (0.32, 0.215, 0.68, 0.255), (35, 35, 42))
    shape("rectangle", (0.39, 0.09, 0.61, 0.23), (35, 35, 42))
    shape("ellipse", (0.42, 0.32, 0.46, 0.36), (35, 35, 42))
    shape("ellipse", (0.54, 0.32, 0.58, 0.36), (35, 35, 42))
    shape("ellipse", (0.47, 0.37, 0.56, 0.42), (240, 130, 40))
    for height in (0.58, 0.67, 0.76):
        shape("ellipse", (0.475, height, 0.525, height + 0.05), (35, 35, 42))
    return small(picture), small(outline)


def small(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.BoxBlur(1)).resize((SIDE, SIDE), Image.Resampling.BOX)


def pictures(folder: Path) -> None:
    """Five of them, as a person might take them, with captions."""
    folder.mkdir(parents=True)
    with open(folder / "metadata.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file_name", "text"])
        for number, (colour, place) in enumerate(zip(SHOWN, ((0, 0, 1), (0.02, 0, 0.96), (-0.02, 0.01, 1.04), (0, -0.01, 1), (0.01, 0.02, 0.98)), strict=True)):
            snowman(COLOURS[colour], *place)[0].save(folder / f"{number}.png")
            table.writerow([f"{number}.png", f"a {TRIGGER} on a {colour} background"])


def drawn(engine: Engine, prompt: str, seed: int) -> np.ndarray:
    wish = GenerationRequest(
        prompt=prompt, model=STARTER.name, sampler="DPM++ 2M", schedule="Karras", steps=20, cfg_scale=5, seed=seed, width=SIDE, height=SIDE
    )
    result = engine.run(wish, lambda event: None, lambda: Cancel.NONE, False)
    return np.asarray(Image.open(io.BytesIO(result.pictures[0].data)).convert("RGB"), dtype=float)


def cover(picture: np.ndarray) -> tuple[float, bool]:
    """Intersection over union with the snowman's outline, and whether its body is white."""
    rim = np.concatenate([picture[:6].reshape(-1, 3), picture[-6:].reshape(-1, 3)])
    off = np.linalg.norm(picture - np.median(rim, axis=0), axis=2) > 45
    outline = np.asarray(snowman((0, 0, 0))[1]) > 127
    body = picture[78:108, 44:84].reshape(-1, 3)
    return float((off & outline).sum() / (off | outline).sum()), bool(np.median(body) > 200)


def request(folder: Path, steps: int) -> TrainingRequest:
    colours = list(COLOURS) * 3
    keep = [f"{what} on a {colours[2 * place + half]} background" for place, what in enumerate(PRIOR) for half in range(2)]
    values = {
        "name": NAME,
        "model": STARTER.name,
        "trigger": TRIGGER,
        "steps": steps,
        "batch": 8,
        "data.folder": str(folder),
        "data.crop": "random",
        "data.variants": 16,
        "prior.prompts": keep,
        "learning.rate": 3e-3,
        "learning.warmup": 0.1,
        "watching.prompts": [f"a {TRIGGER} on a {colour} background" for colour in ("pink", "teal", "orange", "purple")],
        "watching.sample_every": 100,
        "watching.measure_every": 50,
        "watching.save_every": 100,
    }
    return with_values(TrainingRequest(), values)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--steps", type=int, default=300)
    asked.add_argument("--keep", type=Path, help="a folder for the run and some of the pictures")
    asked.add_argument("--write", action="store_true", help="into benchmarks/results/training.md")
    options = asked.parse_args()
    torch.set_num_threads(int(THREADS))
    said: list[str] = []

    def say(line: str) -> None:
        print(line, flush=True)
        said.append(line)

    with tempfile.TemporaryDirectory() as temporary:
        data = options.keep or Path(temporary)
        (data / "models").mkdir(parents=True, exist_ok=True)
        paths = Paths(data=data, models=data / "models")
        library = Library(paths, HashCache(None))
        engine = Engine(library, Outputs(data / "outputs"), Blobs(data / "inputs"))
        engine.others[TrainingRequest] = Trainer(
            library, paths, engine.machine, engine.models.load, engine.run, engine.readings.clear, engine.unload, engine.facts
        ).run
        pictures(data / "pictures")
        before = drawn(engine, OTHERS[0], 5)
        clock, processor = time.perf_counter(), time.process_time()
        engine.run(request(data / "pictures", options.steps), lambda event: None, lambda: Cancel.NONE)
        clock, processor = time.perf_counter() - clock, time.process_time() - processor
        measured = [row["measured"] for row in rows(data / "training" / NAME / "curve.jsonl") if "measured" in row]
        size = (data / "models" / "Lora" / f"{NAME}.safetensors").stat().st_size
        say(f"{options.steps} steps of 8 with everything around them: {clock:.0f} s by the clock, {processor:.0f} s of processor time; {size} bytes")
        say("measured: " + ", ".join(f"{name.upper()} {measured[0][name]:.4f} -> {measured[-1][name]:.4f}" for name in measured[0]))
        say("| weight | snowmen among 11 colours | outline covered, mean |\n| --- | --- | --- |")
        for weight in (0.0, 0.75, 1.0):
            tag = f" <lora:{NAME}:{weight:g}>" if weight else ""
            scores = [cover(drawn(engine, f"a {TRIGGER} on a {colour} background{tag}", seed)) for seed, colour in enumerate(COLOURS, 1)]
            say(f"| {weight:g} | {sum(share > 0.7 and white for share, white in scores)} | {np.mean([share for share, _ in scores]):.2f} |")
        say("| other prompts at weight 1 | mean difference from without, of 255 | outline covered |\n| --- | --- | --- |")
        for prompt in OTHERS:
            plain, worn = drawn(engine, prompt, 3), drawn(engine, f"{prompt} <lora:{NAME}:1>", 3)
            share, white = cover(worn)
            say(f"| {prompt} | {np.abs(plain - worn).mean():.1f} | {share:.2f}, {'a' if share > 0.7 and white else 'no'} snowman |")
        say(f"the next picture without it is the same to the bit: {bool(np.array_equal(before, drawn(engine, OTHERS[0], 5)))}")
        if options.write:
            text = (__doc__ or "").strip() + f"\n\n{THREADS} threads, torch {torch.__version__}\n\n" + "\n".join(said) + "\n"
            (PROJECT / "benchmarks" / "results" / "training.md").write_text("# A LoRA from five pictures\n\n" + text)


if __name__ == "__main__":
    main()
