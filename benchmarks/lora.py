# ruff: noqa: E402  (the libraries read their environment when they are imported)
"""Does a LoRA work? Trains a small one on the starter model for something that it cannot draw, and measures what it does. Run: python benchmarks/lora.py [--steps N]

The thing is a snowman with a black hat, drawn by this file. Only the attention of UNet and text encoder is adapted, rank 8; the file is written with kohya's
names and metadata, lies in models/Lora of a folder of its own, and is then asked for as anybody would: `<lora:easel-snowman:1>` in a prompt, through the engine.
Part of each batch are the starter's own pictures of other things, so that these stay what they were (prior preservation, Ruiz et al. 2022).

A picture shows the snowman where what stands off its background covers the snowman's outline (intersection over union above 0.7) and the body is white.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))
os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", DIFFUSERS_VERBOSITY="error")

import argparse
import io
import json
import random
import tempfile
import time
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter
from safetensors.torch import save_file
from torch import Tensor, nn

from modules.catalog import cards
from modules.catalog.hashes import HashCache
from modules.catalog.scan import STARTER, Library
from modules.core.blobs import Blobs
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from modules.families import FAMILIES_BY_NAME
from modules.networks.vae import encode

NAME = "easel-snowman"
SIDE, RANK, ALPHA, BATCH, KEPT = 128, 8, 8.0, 8, 2
COLOURS = {
    "red": (214, 48, 49), "orange": (240, 140, 40), "yellow": (250, 215, 60), "green": (60, 160, 75), "teal": (20, 140, 140), "blue": (45, 100, 215),
    "purple": (110, 55, 165), "pink": (250, 160, 195), "brown": (125, 80, 45), "gray": (128, 128, 128), "black": (15, 15, 15),
}  # fmt: skip
PRIOR = ("a car", "a rocket", "a panda", "a banana", "a house", "a rose", "a penguin", "a star", "a guitar", "a pizza", "a frog", "a cactus")
"""What else it keeps in mind while it learns, each on two colours."""
OTHERS = ("a car on a red background", "a rocket on a blue background", "a panda on a green background", "a banana on a purple background")
LAYERS = ("to_q", "to_k", "to_v", "to_out.0", "q_proj", "k_proj", "v_proj", "out_proj")


def snowman(background: tuple[int, int, int], dx: float = 0, dy: float = 0, size: float = 1) -> tuple[Image.Image, Image.Image]:
    """-> the picture and its outline, drawn four times as large and made small."""
    side = SIDE * 4
    picture, outline = Image.new("RGB", (side, side), background), Image.new("L", (side, side))

    def shape(kind: str, box: tuple[float, float, float, float], colour: tuple[int, int, int]) -> None:
        place = [((value - 0.5) * size + 0.5 + shift) * side for value, shift in zip(box, (dx, dy, dx, dy), strict=True)]
        for canvas, fill in ((ImageDraw.Draw(picture), colour), (ImageDraw.Draw(outline), 255)):
            getattr(canvas, kind)(place, fill=fill)  # type: ignore[arg-type]

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
    return tuple(image.filter(ImageFilter.BoxBlur(1)).resize((SIDE, SIDE), Image.Resampling.BOX) for image in (picture, outline))  # type: ignore[return-value]


class Low(nn.Module):
    """B A x beside a layer, as a hook."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(layer.in_features, RANK, bias=False), nn.Linear(RANK, layer.out_features, bias=False)
        nn.init.normal_(self.down.weight, std=1 / RANK)
        nn.init.zeros_(self.up.weight)
        layer.register_forward_hook(lambda _, given, out: out + self.up(self.down(given[0])) * (ALPHA / RANK))


def train(place: Path, steps: int, prior: list[tuple[np.ndarray, str]]) -> tuple[int, float]:
    """Writes the file. prior: pictures and their captions. -> its bytes and the seconds it took."""
    torch.manual_seed(1)
    dice = random.Random(1)
    model = FAMILIES_BY_NAME["sd1"].load(cards.checkpoint(STARTER), "cpu", torch.float32)
    unet, text, vocabulary = model.parts["unet"], model.parts["text_encoder"], model.parts["vocabulary"]
    adapters = {
        f"{prefix}{name.removeprefix('text_model.').replace('.', '_')}": Low(layer)
        for network, prefix in ((unet, "lora_unet_"), (text, "lora_te_text_model_"))
        for name, layer in network.named_modules()
        if name.endswith(LAYERS)
    }
    learner = torch.optim.AdamW([weight for low in adapters.values() for weight in low.parameters()], lr=3e-3, weight_decay=1e-3)
    plan = torch.optim.lr_scheduler.OneCycleLR(learner, 3e-3, steps, pct_start=0.1)
    began = time.perf_counter()

    def latent(pixels: np.ndarray) -> Tensor:
        image = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
        return encode(model.parts["vae"], image, model.scale, model.vae_dtype, "cpu")[0].clone()

    known = [(latent(picture), caption) for picture, caption in prior]
    pool = []
    for _ in range(96):
        colour = dice.choice(list(COLOURS))
        shade = tuple(min(max(value + dice.randint(-8, 8), 0), 255) for value in COLOURS[colour])
        image, _ = snowman(shade, dice.uniform(-0.02, 0.02), dice.uniform(-0.02, 0.02), dice.uniform(0.95, 1.05))  # type: ignore[arg-type]
        pool.append((latent(np.asarray(image)), f"a snowman on a {colour} background"))
    loss = torch.zeros(())
    for step in range(steps):
        chosen = dice.choices(pool, k=BATCH - KEPT) + dice.choices(known, k=KEPT)
        latents = torch.stack([latent for latent, _ in chosen])
        tokens = torch.tensor([ids(vocabulary, "" if dice.random() < 0.1 else caption) for _, caption in chosen])
        times = ((torch.arange(BATCH) + torch.rand(BATCH)) / BATCH * 1000).long()
        kept = model.alphas_cumprod[times].view(-1, 1, 1, 1)
        noise = torch.randn_like(latents)
        said = text(input_ids=tokens).last_hidden_state
        out = unet(kept.sqrt() * latents + (1 - kept).sqrt() * noise, times, encoder_hidden_states=said).sample
        loss = nn.functional.mse_loss(out, kept.sqrt() * noise - (1 - kept).sqrt() * latents)
        learner.zero_grad()
        loss.backward()
        learner.step()
        plan.step()
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.4f}, {time.perf_counter() - began:.0f} s", flush=True)
    tensors: dict[str, Tensor] = {}
    for name, low in adapters.items():
        tensors |= {f"{name}.lora_down.weight": low.down.weight.detach().half(), f"{name}.lora_up.weight": low.up.weight.detach().half()}
        tensors[f"{name}.alpha"] = torch.tensor(ALPHA).half()
    told = {"ss_network_module": "networks.lora", "ss_network_dim": RANK, "ss_network_alpha": ALPHA, "ss_output_name": NAME, "ss_steps": steps,
            "ss_sd_model_name": STARTER.name, "ss_tag_frequency": json.dumps({"snowman": {"snowman": len(pool)}})}  # fmt: skip
    save_file(tensors, place, {key: str(value) for key, value in told.items()})
    return place.stat().st_size, time.perf_counter() - began


def ids(vocabulary: Any, caption: str) -> list[int]:
    """77 tokens, as the engine lays them out."""
    from modules.prompt.chunks import chunks

    return list(chunks([(caption, 1.0)], vocabulary)[0].tokens)


def drawn(engine: Engine, prompt: str, seed: int) -> np.ndarray:
    request = GenerationRequest(
        prompt=prompt, model=STARTER.name, sampler="DPM++ 2M", schedule="Karras", steps=20, cfg_scale=5, seed=seed, width=SIDE, height=SIDE
    )
    result = engine.run(request, lambda event: None, lambda: Cancel.NONE, False)
    if "lora" in prompt and seed == 1:
        print(*result.notes)
    return np.asarray(Image.open(io.BytesIO(result.pictures[0].data)).convert("RGB"), dtype=float)


def cover(picture: np.ndarray) -> tuple[float, bool]:
    """Intersection over union with the snowman's outline, and whether its body is white."""
    rim = np.concatenate([picture[:6].reshape(-1, 3), picture[-6:].reshape(-1, 3)])
    off = np.linalg.norm(picture - np.median(rim, axis=0), axis=2) > 45
    outline = np.asarray(snowman((0, 0, 0))[1]) > 127
    body = picture[78:108, 44:84].reshape(-1, 3)
    return float((off & outline).sum() / (off | outline).sum()), bool(np.median(body) > 200)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--steps", type=int, default=400)
    asked.add_argument("--keep", type=Path, help="a folder for the file and some of the pictures")
    options = asked.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = options.keep or Path(folder)
        (data / "models" / "Lora").mkdir(parents=True, exist_ok=True)
        library = Library(Paths(data=data, models=data / "models"), HashCache(None))
        engine = Engine(library, Outputs(data / "outputs"), Blobs(data / "inputs"))
        colours = list(COLOURS) * 3
        captions = [f"{what} on a {colours[2 * place + half]} background" for place, what in enumerate(PRIOR) for half in range(2)]
        began = time.perf_counter()
        prior = [(drawn(engine, caption, 100 + place), caption) for place, caption in enumerate(captions)]
        print(f"{len(prior)} pictures of other things in {time.perf_counter() - began:.0f} s", flush=True)
        size, seconds = train(data / "models" / "Lora" / f"{NAME}.safetensors", options.steps, prior)
        print(f"{size} bytes, {options.steps} steps of {BATCH} in {seconds:.0f} s")
        library.refresh()
        for weight in (0.0, 0.5, 0.75, 1.0):
            tag = f" <lora:{NAME}:{weight:g}>" if weight else ""
            found = [(colour, drawn(engine, f"a snowman on a {colour} background{tag}", seed)) for seed, colour in enumerate(COLOURS, 1)]
            scores = [cover(picture) for _, picture in found]
            shown = sum(share > 0.7 and white for share, white in scores)
            print(f"weight {weight:g}: {shown} of {len(found)} show a snowman; outline covered {np.mean([share for share, _ in scores]):.2f}")
            if options.keep:
                Image.fromarray(np.concatenate([picture for _, picture in found], 1).astype(np.uint8)).save(data / f"weight-{weight:g}.png")
        for prompt in OTHERS:
            plain, worn = drawn(engine, prompt, 3), drawn(engine, f"{prompt} <lora:{NAME}:1>", 3)
            share, white = cover(worn)
            print(
                f"{prompt}: mean difference {np.abs(plain - worn).mean():.1f} of 255, outline covered {share:.2f}, {'a' if share > 0.7 and white else 'no'} snowman"
            )
            if options.keep:
                Image.fromarray(np.concatenate([plain, worn], 1).astype(np.uint8)).save(data / f"{prompt}.png")
        before = drawn(engine, OTHERS[0], 5)
        drawn(engine, f"a snowman <lora:{NAME}:1>", 5)
        print("the next picture without it is the same to the bit:", bool(np.array_equal(before, drawn(engine, OTHERS[0], 5))))


if __name__ == "__main__":
    main()
