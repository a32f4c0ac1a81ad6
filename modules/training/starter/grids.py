"""Pictures of a model that is not finished, drawn without the engine and put together to a grid: 20 steps of DPM++ 2M over Karras' levels, guided.

What a person gets from the finished model the engine draws; this only shows how far the training is.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from modules.sampling.noise import PictureNoise
from modules.sampling.parameterization import Table, x0_from
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import karras
from modules.sampling.step import Denoised, SamplerOptions, Step, drive

STEPS, CFG = 20, 5.0
SEED = 1000
BATCH = 16


@torch.inference_mode()
def pictures(
    prompts: Sequence[str], context: Callable[[Sequence[str]], Tensor], unet: nn.Module, vae: nn.Module, table: Table, scale: float, side: int, device: str
) -> list[Image.Image]:
    """context: texts -> what the UNet reads. side: in pixels."""
    found: list[Image.Image] = []
    for first in range(0, len(prompts), BATCH):
        some = prompts[first : first + BATCH]
        texts = torch.cat([context(some), context([""] * len(some))])

        def denoise(x: Tensor, sigma: Tensor, step: Step, texts: Tensor = texts) -> Denoised:
            time, scales = table.at(sigma)
            twice = torch.cat([x, x])
            out = unet(twice * scales.c_in.to(x), torch.full((len(twice),), time, device=device), encoder_hidden_states=texts).sample.float()
            wanted, plain = x0_from("v", out, twice, scales).chunk(2)
            return Denoised(plain + CFG * (wanted - plain), plain, x)

        sigmas = torch.cat([karras(STEPS, table.sigma_min, table.sigma_max), torch.zeros(1)])
        noise = PictureNoise([SEED + first + number for number in range(len(some))], (4, side // 8, side // 8), "CPU", device)
        x = drive(SAMPLERS["DPM++ 2M"](noise.first() * float(sigmas[0]), sigmas, noise, SamplerOptions(steps=STEPS)), denoise, Step(total=STEPS))
        pixels = vae.decode(x / scale).sample.float()  # type: ignore[operator]
        rows = ((pixels.clamp(-1, 1) + 1) * 127.5 + 0.5).byte().permute(0, 2, 3, 1).cpu().numpy()
        found += [Image.fromarray(row) for row in rows]
    return found


def grid(images: Sequence[Image.Image], across: int = 8) -> bytes:
    """A PNG."""
    width, height = images[0].size
    sheet = Image.new("RGB", (min(across, len(images)) * width, -(-len(images) // across) * height))
    for number, image in enumerate(images):
        sheet.paste(image, (number % across * width, number // across * height))
    data = io.BytesIO()
    sheet.save(data, "PNG")
    return data.getvalue()


@torch.inference_mode()
def reconstructed(pictures: Sequence[np.ndarray], vae: nn.Module, device: str) -> bytes:
    """A PNG: pictures [H, W, 3] uint8 above what an autoencoder makes of them."""
    x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().to(device) / 127.5 - 1
    out = vae.decode(vae.encode(x).latent_dist.mean).sample.float()  # type: ignore[operator]
    rows = ((out.clamp(-1, 1) + 1) * 127.5 + 0.5).byte().permute(0, 2, 3, 1).cpu().numpy()
    return grid([*(Image.fromarray(one) for one in pictures), *(Image.fromarray(row) for row in rows)], len(pictures))
