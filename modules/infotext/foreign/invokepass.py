"""InvokeAI's sizes, second pass (`hrf_*`) and start picture, from version 3 on. Knows no prompt.

Until version 5 `width` and `height` are the final size, and the first pass has about the area that the model was trained at; later they are the first pass's,
and `hrf_scale` says by how much it is enlarged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from modules.infotext import keys, passes
from modules.infotext.foreign.values import first, mapping, number, text
from modules.infotext.reading import Draft

TRAINED = {"sdxl": 1024, "sd-2": 768}
"""Side of the pictures that a kind of model was trained on, in pixels; 512 for the others."""
SIZE = {"width", "height"}
SECOND = {"hrf_enabled", "hrf_strength", "hrf_scale", "hrf_steps", "hrf_method", "hrf_latent_interpolation_mode", "hrf_upscale_model"}


def read(draft: Draft, data: Mapping[str, Any]) -> set[str]:
    """-> the keys that were dealt with."""
    mode = text(data.get("generation_mode"))
    if "img2img" in mode or "paint" in mode or data.get("init_image"):
        passes.begun(draft, "strength", data.get("strength"), masked="paint" in mode)
        _size(draft, data)
        return SIZE | {"strength"}
    if data.get("hrf_enabled") is True and _second(draft, data):
        return SIZE | SECOND
    _size(draft, data)
    return SIZE


def _second(draft: Draft, data: Mapping[str, Any]) -> bool:
    """Says whether the file tells enough of it."""
    width, height, strength = (number(data.get(name)) for name in ("width", "height", "hrf_strength"))
    if not width or not height or not 64 <= min(width, height) <= max(width, height) < 1e6 or strength is None or not 0 < strength <= 1:
        return False
    draft.values["hires.enabled"] = True
    if data.get("hrf_scale") is None:
        model = mapping(data.get("model"))
        draft.size("width x height", *first_size(width, height, TRAINED.get(text(first(model, "base", "base_model")), 512)), keys.FIRST_SIZE)
        draft.size("width x height", width, height, names=("hires.width", "hires.height"))
    else:
        _size(draft, data)
        draft.take("hrf_scale", "hires.scale", data["hrf_scale"])
    draft.take("hrf_strength", "hires.strength", strength, keys.NEAR)
    steps = number(first(data, "hrf_steps", "steps"))
    if steps is not None:
        draft.take("hrf_steps", "hires.steps", max(1, round(steps * strength)), keys.SHARE, said=steps)
    method, model = text(data.get("hrf_method")), mapping(data.get("hrf_upscale_model"))
    if method == "latent":
        passes.upscaler(draft, "hrf_latent_interpolation_mode", f"latent {text(data.get('hrf_latent_interpolation_mode'))}".strip())
    else:
        passes.upscaler(draft, "hrf_method", text(model.get("name")) or method or "bilinear")
    return True


def first_size(width: float, height: float, trained: int) -> tuple[int, int]:
    """Of the first pass: the shape of the final picture, the area that the model was trained at, its shorter side no less than half of that length."""
    aspect = width / height
    shorter = max(trained / 2, trained / math.sqrt(max(aspect, 1 / aspect)))
    wide, high = (shorter * aspect, shorter) if aspect > 1 else (shorter, shorter / aspect)
    return _rounded(min(width, wide)), _rounded(min(height, high))


def _rounded(side: float) -> int:
    return max(64, round(int(side) / 8) * 8)


def _size(draft: Draft, data: Mapping[str, Any]) -> None:
    if data.get("width") is not None and data.get("height") is not None:
        draft.size("width x height", data["width"], data["height"])
