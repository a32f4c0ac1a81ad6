"""Pictures to tensors and back. Knows no latents.

Source: the project's notes on A1111: values are truncated to 8 bits, not rounded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def to_tensor(images: Sequence[Image.Image]) -> Tensor:
    """RGB pictures of one size -> [B, 3, H, W] float32 in -1..1."""
    array = np.stack([np.asarray(image.convert("RGB"), np.float32) for image in images])
    return torch.from_numpy(array).div(255).permute(0, 3, 1, 2).contiguous().mul(2).sub(1)


def to_images(pixels: Tensor) -> list[Image.Image]:
    """[B, 3, H, W] around -1..1 -> RGB pictures; values are clamped, then truncated to 8 bits."""
    array = ((pixels.float() + 1) / 2).clamp(0, 1).mul(255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(picture) for picture in array]
