"""What the networks that make control maps have in common: what of a config is believed, a picture as they see it, and their errors in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modules.core.errors import BadModelFile
from modules.memory.device import is_out_of_memory
from modules.networks import build

FIELD = "control"
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of the channels, of networks that begin with one trained on ImageNet."""


def seen(image: Image.Image, size: tuple[int, int], mean: tuple[float, ...] = (0.0,) * 3, deviation: tuple[float, ...] = (1.0,) * 3) -> Tensor:
    """[1, 3, H, W] float32: the picture at this size in 0..1, and then as far from the mean as it is."""
    shown = image.convert("RGB")
    pixels = np.asarray(shown if shown.size == size else shown.resize(size, Image.Resampling.BICUBIC), np.float32) / 255
    prepared = (pixels - np.array(mean, np.float32)) / np.array(deviation, np.float32)
    return torch.from_numpy(np.ascontiguousarray(prepared.transpose(2, 0, 1)))[None]


def scaled(image: Image.Image, multiple: int, mean: tuple[float, ...] = (0.0,) * 3, deviation: tuple[float, ...] = (1.0,) * 3) -> Tensor:
    """The same at the picture's own size, its sides made multiples."""
    width, height = (max(round(side / multiple), 1) * multiple for side in image.size)
    return seen(image, (width, height), mean, deviation)


def ran(what: str, run: Callable[[], Tensor]) -> Tensor:
    """What the network says. Raises BadModelFile where its sizes fit the weights and not one another, or where it says no numbers."""
    try:
        found = run()
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        if is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise BadModelFile(
            f"The {what} cannot look at a picture: {reason}", "Check that its config is the one it was made with, or download it again.", FIELD
        ) from None
    if not bool(found.isfinite().all()):
        raise BadModelFile(f"The {what} made no numbers of the picture.", "Download or copy the model again.", FIELD)
    return found


@contextmanager
def named(name: str) -> Iterator[None]:
    """Errors inside say which file they are about."""
    try:
        yield
    except BadModelFile as error:
        raise BadModelFile(f"{name} cannot be loaded. {error.what}", error.remedy, FIELD) from None


def chosen(config: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Those values, once none of them is beyond what a network may have."""
    values = {name: config[name] for name in names if config.get(name) is not None}
    build.check(values)
    return values


def table(value: Any, kind: str) -> Mapping[str, Any]:
    """The description of a backbone of that kind. Raises ValueError."""
    if not isinstance(value, Mapping) or value.get("model_type", kind) != kind:
        raise ValueError(f"its backbone is not described as a {kind}")
    return value
