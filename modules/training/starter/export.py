"""Finished networks as a model that programs load: a diffusers folder with its card, and the same in one file with LDM names. Both in half precision.

The single file has CLIP's whole table of tokens, because such a file holds no tokenizer and programs take CLIP's: every sentence is then read as the folder reads it.
"""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from modules.core.files import make_folder, publish, trouble
from modules.networks.ldm_export import to_single_file
from modules.prompt.vocabulary import Vocabulary
from modules.training.starter import vocabulary
from modules.training.starter.card import card, licence
from modules.training.starter.data import pixels
from modules.training.starter.package import Package
from modules.training.starter.presets import SCHEDULER, Preset
from modules.training.starter.stages import Weights
from modules.training.starter.studio import Studio

INDEX = {
    "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1", "vae": ["diffusers", "AutoencoderKL"], "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"], "scheduler": ["diffusers", "DDIMScheduler"],
    "safety_checker": [None, None], "feature_extractor": [None, None], "image_encoder": [None, None], "requires_safety_checker": False,
}  # fmt: skip
FITTED = 24
"""Scenes that the live preview's rows are fitted on."""
TABLE = "embeddings.token_embedding.weight"


def export(weights: Weights, preset: Preset, package: Package, path: Path, target: Path, measured: str = "", story: str = "", samples: bytes = b"") -> Path:
    """target: a folder that is not there yet. measured: a table for the card, in Markdown. story: what it was computed on. samples: a PNG. Raises OutputTrouble."""
    make_folder(target.parent)
    temporary = target.with_name(f".easel-{secrets.token_hex(8)}")
    try:
        weights.vae.register_to_config(scaling_factor=weights.scale)  # type: ignore[operator]
        for name, network in (("unet", weights.unet), ("vae", weights.vae), ("text_encoder", weights.text_encoder)):
            network.half().save_pretrained(temporary / name, safe_serialization=True)  # type: ignore[operator]
            network.float()
        shutil.copytree(weights.tokenizer, temporary / "tokenizer")
        (temporary / "scheduler").mkdir()
        _write(temporary / "scheduler" / "scheduler_config.json", SCHEDULER)
        _write(temporary / "model_index.json", INDEX)
        size = sum(file.stat().st_size for file in temporary.rglob("*") if file.is_file())
        _write(temporary / "easel.json", advice(weights, preset, package, path))
        _write(temporary / "starter.json", {"preset": preset.name, "objects": len(package.cutouts), "package": package.sha256})
        (temporary / "README.md").write_text(card(preset, package, size, counted(weights), measured, story, bool(samples)), "utf-8")
        (temporary / "LICENSE").write_text(licence(package.licence), "utf-8")
        if samples:
            (temporary / "samples.png").write_bytes(samples)
        publish(temporary, target)
    except OSError as error:
        raise trouble(error, target) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def single_file(folder: Path, target: Path) -> Path:
    """The model of a folder as one file with LDM names, and a yaml beside it that says what the names do not. Raises OutputTrouble, also where it is there already."""
    temporary = target.with_name(f".easel-{secrets.token_hex(8)}")
    try:
        shutil.copytree(folder, temporary)
        file = next((temporary / "text_encoder").glob("*.safetensors"))
        tensors = load_file(file)
        name = TABLE if TABLE in tensors else f"text_model.{TABLE}"
        words = temporary / "tokenizer"
        tensors[name] = vocabulary.whole_table(tensors[name], Vocabulary.from_folder(words), vocabulary.numbers_of(words))
        save_file(tensors, file, {"format": "pt"})
        to_single_file(temporary, target, lambda share: None, {"modelspec.title": folder.name, "modelspec.license": "MIT"})
    except OSError as error:
        raise trouble(error, target) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def counted(weights: Weights) -> dict[str, int]:
    """Numbers of each network."""
    networks = {"text encoder": weights.text_encoder, "UNet": weights.unet, "autoencoder": weights.vae}
    return {name: sum(weight.numel() for weight in network.parameters()) for name, network in networks.items()}


def advice(weights: Weights, preset: Preset, package: Package, path: Path) -> dict[str, object]:
    """What `easel.json` says (`catalog.advice`)."""
    names = [one.name for one in package.cutouts]
    return {
        "defaults": {
            "width": preset.side, "height": preset.side, "steps": 20, "cfg_scale": 5, "sampler": "DPM++ 2M", "schedule": "Karras",
            "outpaint.strength": 0.6, "outpaint.continuity": 0.8,
        },
        "example": f"a {'rocket' if 'rocket' in names else names[0]} under a night sky",
        "note": f"A small model of its own: draws {len(names)} objects such as {', '.join(f'a {name}' for name in names[:3])}, on 12 background colours or in six "
        f"landscapes, best at {preset.side} x {preset.side}.",
        "preview": preview(weights, Studio(path, package, preset.side, preset.seed + 2)),
    }  # fmt: skip


@torch.no_grad()
def preview(weights: Weights, studio: Studio) -> list[list[float]]:
    """Latent channels -> RGB in 0..1, and the offset: the least squares over some scenes."""
    pictures = np.stack([studio.drawing.draw(studio.scene(number)) for number in range(FITTED)])
    x = pixels(pictures)
    latents: Tensor = weights.vae.encode(x).latent_dist.mean * weights.scale  # type: ignore[operator]
    seen = torch.nn.functional.avg_pool2d((x + 1) / 2, 8)
    rows = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
    found = torch.linalg.lstsq(torch.cat([rows, torch.ones(len(rows), 1)], 1), seen.permute(0, 2, 3, 1).reshape(-1, 3)).solution
    return [[round(float(number), 3) for number in row] for row in found]


def _write(path: Path, table: object) -> None:
    path.write_text(json.dumps(table, indent=1, default=dict) + "\n", "utf-8")
