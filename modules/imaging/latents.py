"""What is done to latents as such: resized, trimmed, and filled where a mask says so. Knows no networks and no samplers.

Rules: the project's notes on A1111 (hires fix, masked content).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from modules.core.errors import InvalidRequest


class Interpolation(NamedTuple):
    """In the words of torch's interpolate."""

    mode: str
    antialias: bool = False


LATENT_UPSCALERS: Mapping[str, Interpolation] = {
    "Latent": Interpolation("bilinear"),
    "Latent (antialiased)": Interpolation("bilinear", True),
    "Latent (bicubic)": Interpolation("bicubic"),
    "Latent (bicubic antialiased)": Interpolation("bicubic", True),
    "Latent (nearest)": Interpolation("nearest"),
    "Latent (nearest-exact)": Interpolation("nearest-exact"),
}
"""By the names that A1111's menus show."""

MaskedContent = Literal["fill", "original", "latent noise", "latent nothing"]
MASKED_CONTENTS: tuple[MaskedContent, ...] = ("fill", "original", "latent noise", "latent nothing")
"""In A1111's order: its API counts them from 0."""


def resize(latents: Tensor, height: int, width: int, name: str = "Latent") -> Tensor:
    """[B, C, h, w] -> [B, C, height, width] in latents, by one of LATENT_UPSCALERS. The resize mode "latent" of img2img is plain "Latent".
    Raises InvalidRequest for another name."""
    how = LATENT_UPSCALERS.get(name)
    if how is None:
        raise InvalidRequest(f"There is no latent upscaler {name[:80]!r}.", f"Choose one of {', '.join(LATENT_UPSCALERS)}.")
    return interpolate(latents, size=(height, width), mode=how.mode, antialias=how.antialias)


def trimmed(latents: Tensor, cut: tuple[int, int]) -> Tensor:
    """Without `cut` columns and rows (`sizes.Enlarged.cut`), half of them at each side, the odd one at the right and bottom."""
    x, y = cut
    return latents[:, :, y // 2 : latents.shape[2] - (y + 1) // 2, x // 2 : latents.shape[3] - (x + 1) // 2]


def masked_content(content: MaskedContent, init: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
    """The latents that inpainting starts from. init: [B, C, h, w]. mask: [1 or C, h, w], 1 = repainted. noise: [B, C, h, w] standard normal, what the
    seeds alone draw first. "fill" and "original" are a matter of pixels (`fill.fill`): init stays."""
    if content == "latent noise":
        return init * (1 - mask) + noise * mask
    if content == "latent nothing":
        return init * (1 - mask)
    return init


def principal(latents: Tensor) -> tuple[tuple[float, float, float], ...]:
    """A map of latents [B, C, h, w] to RGB (0..1) for previews where none is known: the three directions in which the first picture's vary most, each
    spread over the middle of the range. The last row is the offset. Shapes show; the colours say nothing."""
    values = latents[0].detach().float().cpu().flatten(1).nan_to_num(0, 0, 0)
    mean = values.mean(1, keepdim=True)
    _, directions = torch.linalg.eigh((values - mean) @ (values - mean).T)
    axes = directions.flip(1)[:, :3]
    axes = axes * torch.where(axes.sum(0) < 0, -1.0, 1.0)  # a direction and its opposite are one; the same one each time
    weights = axes / ((axes.T @ (values - mean)).square().mean(1).sqrt() * 4 + 1e-6)
    offset = 0.5 - (weights.T @ mean).flatten()
    rows = [*weights.tolist(), offset.tolist()]
    return tuple((float(r), float(g), float(b)) for r, g, b in rows)
